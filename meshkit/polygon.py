"""Cut a polygon of the plane into triangles by its own corners, with exact predicates."""

import heapq

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import SolveError
from meshkit.predicates import orientation


def fill_polygon(
    UV: Float[np.ndarray, "n 2"], polygon: Int[np.ndarray, " k"]
) -> Int[np.ndarray, "k-2 3"]:
    """Cut a simple polygon into triangles by its own corners, none flat or flipped.

    Ears are clipped with exact predicates, the best-shaped first; then diagonals are swapped while
    that widens the smallest angle, which ends in the constrained Delaunay triangulation.

    Parameters
    ----------
    UV : 1
    polygon : 1
        Vertices in order, counter-clockwise.

    Returns
    -------
    F : 1
        Rows of vertex indices, counter-clockwise in UV.

    Raises
    ------
    SolveError
        The polygon crosses or touches itself, or all of it lies on one line.

    References
    ----------
    Meisters, Polygons have ears, American Mathematical Monthly 1975.
    """
    P = UV[polygon].astype(float)
    triangles = _clip_ears(P)
    if triangles is None:
        raise SolveError(
            f"the hole of {len(polygon)} vertices at vertex {int(polygon[0])} is not a simple "
            "polygon in the map, so it cannot be filled: take weights='auto'"
        )
    return np.asarray(polygon[np.array(_swap_diagonals(P, triangles))])


def _clip_ears(P: np.ndarray) -> list[tuple[int, int, int]] | None:
    """Triangulate greedily, best ear first; None where no ear is left."""
    k = len(P)
    before, after = np.roll(np.arange(k), 1), np.roll(np.arange(k), -1)
    turn = orientation(P[before], P, P[after])
    alive = np.ones(k, dtype=bool)
    queue = [(-_shape(P[before[i]], P[i], P[after[i]]), i, before[i], after[i]) for i in range(k)]
    heapq.heapify(queue)
    waiting: list[tuple[float, int, int, int]] = []
    triangles: list[tuple[int, int, int]] = []
    while len(triangles) < k - 2:
        if not queue:
            return None
        entry = heapq.heappop(queue)
        _, i, a, b = entry
        if not alive[i] or before[i] != a or after[i] != b or turn[i] <= 0:
            continue  # out of date, or not convex
        if not _is_empty(P, np.flatnonzero(alive & (turn <= 0)), (a, i, b)):
            waiting.append(entry)
            continue
        triangles.append((int(a), int(i), int(b)))
        alive[i] = False
        after[a], before[b] = b, a
        for j in (a, b):
            p, q = before[j], after[j]
            turn[j] = orientation(P[p][None], P[j][None], P[q][None])[0]
            heapq.heappush(queue, (-_shape(P[p], P[j], P[q]), j, p, q))
        for blocked in waiting:  # a neighbour may have ceased to block
            heapq.heappush(queue, blocked)
        waiting.clear()
    return triangles


def _is_empty(P: np.ndarray, others: np.ndarray, corners: tuple[int, int, int]) -> bool:
    """Answer whether none of the other points lies in the closed triangle.

    Only corners that are not convex need be asked: if any point is inside then one of those is.
    """
    others = others[~np.isin(others, corners)]
    inside = np.ones(len(others), dtype=bool)
    a, b, c = (np.broadcast_to(P[i], (len(others), 2)) for i in corners)
    for start, stop in ((a, b), (b, c), (c, a)):
        inside &= orientation(start, stop, P[others]) >= 0
    return not inside.any()


def _shape(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    """Return a measure that grows with the smallest angle: its sine, about."""
    u, v, w = b - a, c - b, a - c
    area = float(u[0] * v[1] - u[1] * v[0])
    lengths = sorted(float(np.hypot(*edge)) for edge in (u, v, w))
    return area / (lengths[1] * lengths[2]) if lengths[1] > 0 else 0.0


def _swap_diagonals(
    P: np.ndarray, triangles: list[tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    """Swap the diagonal of two triangles while that raises the worse of their shapes (Lawson)."""
    triangles = list(triangles)
    owner = {(t[k], t[(k + 1) % 3]): f for f, t in enumerate(triangles) for k in range(3)}
    stack = [edge for edge in owner if edge[0] < edge[1] and edge[::-1] in owner]
    while stack:
        i, j = stack.pop()
        if (i, j) not in owner or (j, i) not in owner:
            continue
        f, g = owner[i, j], owner[j, i]
        p, q = (sum(triangles[t]) - i - j for t in (f, g))
        new = _canonical(p, i, q), _canonical(q, j, p)
        if any(orientation(*(P[[x]] for x in t))[0] <= 0 for t in new):
            continue
        old_shape = min(_shape(*P[list(triangles[t])]) for t in (f, g))
        if min(_shape(*P[list(t)]) for t in new) <= old_shape:
            continue
        del owner[i, j], owner[j, i]
        for t, corners in zip((f, g), new, strict=True):
            triangles[t] = corners
            for k in range(3):
                edge = corners[k], corners[(k + 1) % 3]
                owner[edge] = t
                if edge[::-1] in owner:
                    stack.append(edge)
    return triangles


def _canonical(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Rotate the smallest index to the front: one triangle, one rounding of its shape."""
    return min((a, b, c), (b, c, a), (c, a, b))
