"""Meshes made by formula, for documents, tests and benchmarks."""

import numpy as np
from jaxtyping import Float, Int


def grid(rows: int, columns: int) -> tuple[Float[np.ndarray, "n 3"], Int[np.ndarray, "m 3"]]:
    """Return the unit square in z = 0 with ``rows × columns`` quads, each cut into two faces.

    Vertex ``row * (columns + 1) + column`` is at x = column / columns, y = row / rows. Diagonals
    alternate.

    Returns
    -------
    V : length
    F : 1
        Counter-clockwise seen from +z.
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"a grid needs at least one row and one column, got {rows} x {columns}")
    x, y = np.meshgrid(np.arange(columns + 1) / columns, np.arange(rows + 1) / rows)
    V = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    row, column = np.divmod(np.arange(rows * columns), columns)
    a = row * (columns + 1) + column
    b, c, d = a + 1, a + columns + 2, a + columns + 1
    rising = ((row + column) % 2 == 0)[:, None]
    first = np.where(rising, np.stack([a, b, c], axis=1), np.stack([a, b, d], axis=1))
    second = np.where(rising, np.stack([a, c, d], axis=1), np.stack([b, c, d], axis=1))
    return V, np.stack([first, second], axis=1).reshape(-1, 3)


def disk(rings: int) -> tuple[Float[np.ndarray, "n 3"], Int[np.ndarray, "m 3"]]:
    """Return the unit disk in z = 0: a centre and rings of 6, 12, 18 … vertices.

    Returns
    -------
    V : length
    F : 1
        Counter-clockwise seen from +z.
    """
    if rings < 1:
        raise ValueError(f"a disk needs at least one ring, got {rings}")
    ring = np.repeat(np.arange(1, rings + 1), 6 * np.arange(1, rings + 1))
    start = 1 + 3 * ring * (ring - 1)
    step = np.arange(1, len(ring) + 1) - start
    angle = np.pi / 3 * step / ring
    V = (
        np.stack([np.cos(angle), np.sin(angle), np.zeros(len(ring))], axis=1)
        * (ring / rings)[:, None]
    )
    # Sector s of ring r has r steps outside and r - 1 inside; step j faces inner vertices j, j + 1.
    sector, j = np.divmod(step, ring)
    outer, outer_next = start + step, start + (step + 1) % (6 * ring)
    inside = 1 + 3 * (ring - 1) * (ring - 2)
    length = np.maximum(6 * (ring - 1), 1)
    inner = np.where(ring == 1, 0, inside + (sector * (ring - 1) + j) % length)
    inner_before = np.where(ring == 1, 0, inside + (sector * (ring - 1) + j - 1) % length)
    upward = np.stack([inner, outer, outer_next], axis=1)
    downward = np.stack([inner_before, outer, inner], axis=1)[j > 0]
    return np.concatenate([np.zeros((1, 3)), V]), np.concatenate([upward, downward])


def hemisphere(rings: int) -> tuple[Float[np.ndarray, "n 3"], Int[np.ndarray, "m 3"]]:
    """Return the half of the unit sphere with z ≥ 0, the disk's rings at even angles from the pole.

    Returns
    -------
    V : length
    F : 1
        Counter-clockwise from outside.
    """
    V, F = disk(rings)
    radius = np.hypot(V[:, 0], V[:, 1])
    polar = radius * np.pi / 2
    scale = np.divide(np.sin(polar), radius, out=np.ones_like(radius), where=radius > 0)
    return np.stack([V[:, 0] * scale, V[:, 1] * scale, np.cos(polar)], axis=1), F
