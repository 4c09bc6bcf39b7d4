"""Meshes made by formula, for documents, tests and benchmarks."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int


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


def pretzel(
    genus: int, fineness: int = 1
) -> tuple[Float[np.ndarray, "n 3"], Int[np.ndarray, "m 3"]]:
    """Return a closed surface with as many handles: a plate with holes through it, rounded.

    Of genus 0 it is a rounded block. Holes lie along y; the plate is three units thick in z, and
    every unit square of its surface has ``2 * fineness**2`` faces.

    Returns
    -------
    V : length
    F : 1
        Counter-clockwise from outside.
    """
    if genus < 0 or fineness < 1:
        raise ValueError(f"genus starts at 0 and fineness at 1, got {genus} and {fineness}")
    solid = np.ones((5, 4 * max(genus, 1) + 1, 3), dtype=bool)
    for k in range(genus):
        solid[2, 4 * k + 2] = False
    solid = np.pad(solid.repeat(fineness, 0).repeat(fineness, 1).repeat(fineness, 2), 1)
    points, place = np.unique(_sides(solid).reshape(-1, 3), axis=0, return_inverse=True)
    Q = place.reshape(-1, 4)
    F = np.concatenate([Q[:, [0, 1, 2]], Q[:, [0, 2, 3]]]).astype(np.int64)
    V = points / fineness
    pair = np.concatenate([F, np.roll(F, 1, axis=1)]).ravel()
    other = np.concatenate([np.roll(F, 1, axis=1), F]).ravel()
    near = sp.csr_array((np.ones(len(pair)), (pair, other)), shape=(len(V), len(V)))
    near.data[:] = 1.0  # an edge counts once, however many faces name it
    near = sp.csr_array(sp.diags_array(1 / near.sum(axis=1)) @ near)
    for _ in range(2 * fineness):
        V = (V + near @ V) / 2
    return V, F


def _sides(solid: Bool[np.ndarray, "a b c"]) -> Int[np.ndarray, "q 4 3"]:
    """Return the squares between full and empty cells, counter-clockwise from the empty side."""
    squares = []
    for axis in range(3):
        u, v = np.eye(3, dtype=np.int64)[[(axis + 1) % 3, (axis + 2) % 3]]
        ahead = np.roll(solid, -1, axis)
        for between, steps in (
            (solid & ~ahead, [0 * u, u, u + v, v]),
            (ahead & ~solid, [0 * u, v, u + v, u]),
        ):
            corner = np.argwhere(between) + np.eye(3, dtype=np.int64)[axis]
            squares.append(np.stack([corner + step for step in steps], axis=1))
    return np.concatenate(squares)
