"""Rays against triangles one by one: slow, obvious, and independent of projection."""

import numpy as np


def nearest_hits(
    origins: np.ndarray, directions: np.ndarray, V: np.ndarray, F: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest face at t >= 0 (-1: none) and t for each ray; the lower index on ties."""
    nearest, face = np.full(len(origins), np.inf), np.full(len(origins), -1)
    for f, (a, b, c) in enumerate(V[F]):
        # o + t d = a + u (b - a) + v (c - a), by Cramer's rule
        p, q = b - a, c - a
        det = np.einsum("rk,rk->r", np.cross(directions, q), p[None])
        with np.errstate(divide="ignore", invalid="ignore"):
            from_a = origins - a
            u = np.einsum("rk,rk->r", np.cross(directions, q), from_a) / det
            v = np.einsum("rk,rk->r", directions, np.cross(from_a, p)) / det
            t = np.einsum("k,rk->r", q, np.cross(from_a, p)) / det
        hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0) & (t < nearest)
        nearest[hit], face[hit] = t[hit], f
    return face, nearest
