"""Where vertices lie on the unrolled skin: features at their place, the rest relaxed around."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from scipy.sparse.linalg import spsolve

from gan.datasets.procedural.connectivity import COLUMNS, Connectivity
from gan.datasets.procedural.skull import BOTTOM, TOP, coordinates_of, half_width
from gan.datasets.tables import read_table

# mm from the midline of columns 0..24 on a face 111 mm from midline to ear, and heights of rows.
_COLUMN = np.concatenate(
    [np.arange(9) * 2.5, [24.6, 30, 36, 42, 48.5, 55], np.linspace(61, 111, COLUMNS - 14)]
)
_ROW = np.concatenate(
    [
        np.linspace(BOTTOM, -93, 11)[:-1],
        np.linspace(-93, -52, 9)[:-1],
        read_table("head")["nose_rows"],
        np.linspace(-14.2, 20, 9)[:-1],
        20 + (TOP - 20) * np.linspace(0, 1, 14) ** 1.12,
    ]
)
# Columns make way for the rings: at a height, within a reach, the column at some mm is shifted.
_SPREAD = ((-72.0, 26.0, 20.0, 17.0), (3.0, 24.0, 10.0, -3.6), (3.0, 24.0, 55.0, 4.0))
MOUTH = np.array([0.0, -70.0])  # middle of the slit, seen from the front
MOUTH_WIDTH = 25.5  # half of it
EYE = np.array([31.2, 2.0])
EYE_WIDTH = 15.0
# Rings of the lips from the rim inside the mouth to the skin outside the red: how far out the
# corner lies (mm), and the way from the line between the lips (0) to the border of the red (1).
LIP_CORNER = np.array([-1.6, -0.9, -0.2, 0.5, 1.2, 2.2])
LIP_WAY = np.array([0.02, 0.06, 0.34, 0.68, 1.0, 1.22])
# Rings of the lids: mm outside the edge of the lid at the corners, above and below.
LID_CORNER = np.array([-0.6, 0.0, 0.8, 1.8, 3.0])
LID_UPPER = np.array([-0.7, 0.0, 2.0, 4.2, 6.8])
LID_LOWER = np.array([-0.7, 0.0, 1.8, 3.9, 6.6])
RADIAL = 2.8  # wanted mm between the rings outside those


class Domain(NamedTuple):
    """Skin coordinates of every vertex."""

    along: Float[np.ndarray, " n"]
    row: Float[np.ndarray, " n"]


def lip_line(x: Float[np.ndarray, "*k"]) -> Float[np.ndarray, "*k"]:
    """Return the height of the line between the closed lips over the middle of the mouth."""
    q = x / MOUTH_WIDTH
    crest = 0.54 * np.exp(-((np.abs(x) / 9 - 1) ** 2)) - 0.5 * np.exp(-((x / 4) ** 2))
    return np.asarray(crest - 0.3 * q**4)


def _way(count: int) -> np.ndarray:
    """Run from 1 (left corner) to -1 (right corner) in `count` steps, denser at the ends."""
    t = np.linspace(1, -1, count + 1)
    return 0.45 * t + 0.55 * np.sin(np.pi / 2 * t)


def mouth_rings(length: int) -> Float[np.ndarray, "rings length 2"]:
    """Draw the rings of the lips in the front view, in mm."""
    t = _way(length // 2)
    upper = np.arange(length) <= length // 2
    q = np.where(upper, t[np.minimum(np.arange(length), length // 2)], 0)
    q[~upper] = t[::-1][1:-1]
    rings = []
    for corner, way in zip(LIP_CORNER, LIP_WAY, strict=True):
        x = (MOUTH_WIDTH + corner) * q
        dome = (1 - q**2).clip(0)
        bow = -1.5 * np.exp(-((x / 3.4) ** 2)) + 0.7 * np.exp(-(((np.abs(x) - 6.5) / 4) ** 2))
        red = np.where(upper, 8.4 * dome**0.85 + bow * dome, -9.6 * dome**0.75)
        rings.append(np.stack([x, lip_line(x) + red * way], axis=1) + MOUTH)
    return np.stack(rings)


def eye_rings(length: int) -> Float[np.ndarray, "rings length 2"]:
    """Draw the rings of the left eye's lids in the front view, in mm."""
    t = _way(length // 2)
    k = np.arange(length)
    upper = k <= length // 2
    q = np.where(upper, t[np.minimum(k, length // 2)], 0)
    q[~upper] = t[::-1][1:-1]
    rings = []
    for corner, above, below in zip(LID_CORNER, LID_UPPER, LID_LOWER, strict=True):
        x = (EYE_WIDTH + corner) * q
        skew = np.where(upper, q + 0.16 * (1 - q**2), q - 0.16 * (1 - q**2))  # peaks off centre
        dome = (1 - skew**2).clip(0)
        y = np.where(upper, (5.9 + above) * dome**0.8, -(4.3 + below) * dome**0.85)
        rings.append(np.stack([x, y + 1.3 * q], axis=1) + EYE)  # the outer corner is higher
    return np.stack(rings)


def build_domain(mesh: Connectivity) -> Domain:
    """Pin the outline, the lips and the lids, and relax all other vertices between them."""
    P, pinned, i, j, length = _first_guess(mesh)
    n = mesh.n_vertices
    # At rest, a chain of springs 1 / length divides its way in these lengths.
    W = sp.coo_array((1 / length, (i, j)), shape=(n, n)).tocsr()
    W = W + W.T
    L = sp.csr_array(sp.diags_array(W.sum(axis=1)) - W)
    free = np.flatnonzero(~pinned)
    P[free] = spsolve(L[free][:, free].tocsc(), -(L[free] @ np.where(pinned[:, None], P, 0)))
    P = (P + P[mesh.mirror] * (-1, 1)) / 2  # exactly symmetric
    return Domain(*P.T)


def _first_guess(
    mesh: Connectivity,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Place the pinned vertices; return (P, pinned, edges i, j and their wanted lengths)."""
    P, pinned = (
        np.zeros((mesh.n_vertices, 2)),
        np.zeros(mesh.n_vertices, dtype=bool),
    )
    grid = mesh.grid
    seen = grid >= 0
    P[grid[seen]] = _grid_guess()[seen]
    edges = np.sort(np.stack([mesh.quads, np.roll(mesh.quads, -1, axis=1)], -1).reshape(-1, 2))
    i, j = np.unique(edges, axis=0).T
    length = np.linalg.norm(P[i] - P[j], axis=1)
    pinned[np.concatenate([grid[0], grid[-1], grid[:, 0], grid[:, -1]])] = True
    for name, draw in (("mouth", mouth_rings), ("eye_L", eye_rings), ("eye_R", eye_rings)):
        ring = mesh.rings[name]
        drawn = draw(ring.shape[1])
        if name == "eye_R":
            drawn = drawn[:, (ring.shape[1] // 2 - np.arange(ring.shape[1])) % ring.shape[1]]
            drawn = drawn * (-1, 1)
        P[ring[: len(drawn)]] = np.stack(coordinates_of(drawn[..., 0], drawn[..., 1]), axis=-1)
        pinned[ring[: len(drawn)]] = True
        _ring_lengths(length, i, j, ring, P, len(drawn))
    return P, pinned, i, j, length


def _ring_lengths(
    length: np.ndarray, i: np.ndarray, j: np.ndarray, ring: np.ndarray, P: np.ndarray, fixed: int
) -> None:
    """In place: want edges along the free rings like the last pinned ring's, across them RADIAL."""
    level = np.full(len(P), -1)
    level[ring] = np.arange(len(ring))[:, None]
    place = np.zeros(len(P), dtype=np.int64)
    place[ring] = np.arange(ring.shape[1])
    last = P[ring[fixed - 1]]
    around = np.linalg.norm(last - np.roll(last, -1, axis=0), axis=1)
    inside = (level[i] >= 0) & (level[j] >= 0) & (np.minimum(level[i], level[j]) < len(ring) - 1)
    radial = inside & (level[i] != level[j])
    length[radial] = RADIAL
    along = inside & (level[i] == level[j])
    low, high = np.minimum(place[i], place[j]), np.maximum(place[i], place[j])
    start = np.where(high - low == 1, low, high)
    length[along] = around[start[along]] * 3.5  # slack: no rubber band over the corners


def _grid_guess() -> np.ndarray:
    """Place the grid without holes: fine columns and rows at the nose alone."""
    column = np.concatenate([-_COLUMN[:0:-1], _COLUMN]) / _COLUMN[-1]
    column, row = np.meshgrid(column, _ROW)
    even = np.linspace(-1, 1, 2 * COLUMNS + 1)
    away = (np.maximum((row - 20) / 60, (-85 - row) / 50)).clip(0, 1)
    column = column + 0.85 * away * (even - column)
    coarse = np.concatenate([_ROW[:11], np.linspace(-93, 20, 31)[1:-1], _ROW[40:]])[:, None]
    row = row + ((np.abs(column) - 0.2) / 0.25).clip(0, 1) * (coarse - row)
    narrow, drop = _rounding(column, row)
    side, way = np.sign(column), np.abs(column) * _COLUMN[-1]
    for height, reach, at, shift in _SPREAD:
        near = np.exp(-(((row - height) / reach) ** 4))
        way = way + shift * near * np.interp(way, [0, at, (at + 111) / 2, 111], [0, 1, 0.4, 0])
    along = side * way / _COLUMN[-1] * half_width(row) * np.pi / 2 * narrow
    return np.stack([along, row + drop], axis=-1)


def _rounding(column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round the corners of the outline: draw the ends of the top and bottom rows in."""
    high = ((row - 40) / (TOP - 40)).clip(0, 1)
    low = ((-80 - row) / (-80 - BOTTOM)).clip(0, 1)
    narrow = 1 - 0.10 * high**3 - 0.06 * low**3
    drop = -9 * np.abs(column) ** 6 * high**2 + 7 * np.abs(column) ** 6 * low**2
    return narrow, drop
