"""Who is joined to whom: a grid of quads with rings of quads around the mouth and the eyes.

Columns c run from -24 to 24 (subject's right to left, 0 is the midline), rows r from 0 (under the
chin) to 53 (hairline). Three rectangles of the grid are replaced by concentric rings, each with as
many vertices as the rectangle's border, which is their outermost ring:

    r |  . . . . . . .        ring 0 is the rim of the opening; vertex 0 of a ring is the corner at
      |  . +-------+ .        the subject's left (+x), and they run counter-clockwise as seen from
      |  . | rings | .        the front: over the upper lip or lid, then back along the lower one.
      |  . +-------+ .        A rectangle's corners become poles (valence 5).
      +------------- c

All of this is integers: the same faces on every machine.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

COLUMNS, ROWS = 24, 53


class Block(NamedTuple):
    """A rectangle of the grid that rings replace."""

    left: int
    right: int
    bottom: int
    top: int
    rings: int  # inside the border

    def border(self) -> list[tuple[int, int]]:
        """List the grid points of the border in the order of the rings."""
        c0, c1, r0, r1 = self.left, self.right, self.bottom, self.top
        middle = (r0 + r1) // 2
        path = [(c1, r) for r in range(middle, r1)] + [(c, r1) for c in range(c1, c0, -1)]
        path += [(c0, r) for r in range(r1, r0, -1)] + [(c, r0) for c in range(c0, c1)]
        return path + [(c1, r) for r in range(r0, middle)]

    def hides(self, c: int, r: int) -> bool:
        """Tell whether a grid point lies strictly inside."""
        return self.left < c < self.right and self.bottom < r < self.top


BLOCKS = {
    "mouth": Block(-8, 8, 10, 18, 8),
    "eye_L": Block(4, 14, 32, 40, 8),
    "eye_R": Block(-14, -4, 32, 40, 8),
}


class Connectivity(NamedTuple):
    """The mesh without positions."""

    grid: Int[np.ndarray, "rows columns"]  # vertex of (r, c + COLUMNS); -1 where rings are
    rings: dict[str, np.ndarray]  # name -> (rings + 1, length); the last one is the border
    quads: Int[np.ndarray, "q 4"]
    mirror: Int[np.ndarray, " n"]  # the vertex on the other side of the face

    @property
    def n_vertices(self) -> int:
        """Number of vertices."""
        return len(self.mirror)


def build_connectivity() -> Connectivity:
    """Number the vertices and list the quads, counter-clockwise from the front."""
    grid = np.full((ROWS + 1, 2 * COLUMNS + 1), -1, dtype=np.int64)
    n = 0
    for r in range(ROWS + 1):
        for c in range(-COLUMNS, COLUMNS + 1):
            if not any(block.hides(c, r) for block in BLOCKS.values()):
                grid[r, c + COLUMNS] = n
                n += 1
    rings = {}
    for name, block in BLOCKS.items():
        border = np.array([grid[r, c + COLUMNS] for c, r in block.border()])
        inner = n + np.arange(block.rings * len(border)).reshape(block.rings, -1)
        n += inner.size
        rings[name] = np.concatenate([inner, border[None]])
    quads = np.concatenate([_grid_quads(grid), *(_ring_quads(ring) for ring in rings.values())])
    return Connectivity(grid, rings, quads, _mirror(grid, rings, n))


def _grid_quads(grid: np.ndarray) -> np.ndarray:
    corners = [grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]]
    quads = np.stack(corners, axis=-1).reshape(-1, 4)
    c, r = np.meshgrid(np.arange(-COLUMNS, COLUMNS), np.arange(ROWS))
    covered = np.zeros(c.shape, dtype=bool)
    for left, right, bottom, top, _ in BLOCKS.values():
        covered |= (left <= c) & (c < right) & (bottom <= r) & (r < top)
    return np.asarray(quads[~covered.ravel()])


def _ring_quads(ring: np.ndarray) -> np.ndarray:
    inner, outer = ring[:-1], ring[1:]
    corners = [inner, outer, np.roll(outer, -1, axis=1), np.roll(inner, -1, axis=1)]
    return np.stack(corners, axis=-1).reshape(-1, 4)


def _mirror(grid: np.ndarray, rings: dict[str, np.ndarray], n: int) -> np.ndarray:
    mirror = np.full(n, -1, dtype=np.int64)
    seen = grid >= 0
    mirror[grid[seen]] = grid[:, ::-1][seen]
    for name, other in (("mouth", "mouth"), ("eye_L", "eye_R"), ("eye_R", "eye_L")):
        length = rings[name].shape[1]
        across = (length // 2 - np.arange(length)) % length  # left corner <-> right corner
        mirror[rings[name]] = rings[other][:, across]
    return mirror


def split_quads(
    quads: Int[np.ndarray, "q 4"], V: np.ndarray, mirror: Int[np.ndarray, " n"]
) -> Int[np.ndarray, "m 3"]:
    """Cut every quad so that its smallest angle is as large as can be, alike on both sides."""
    first, second = quads[:, [0, 1, 2, 0, 2, 3]], quads[:, [1, 2, 3, 1, 3, 0]]
    worst = [_smallest_angle(V[t.reshape(-1, 2, 3)]).min(axis=1) for t in (first, second)]
    # A hair's breadth of preference: rounding must not decide, nor differ between the sides.
    cut = worst[0] >= worst[1] - 1e-6
    own = {frozenset(q): k for k, q in enumerate(quads.tolist())}
    twin = np.array([own[frozenset(q)] for q in mirror[quads].tolist()])
    for k in np.flatnonzero(V[quads].mean(axis=1)[:, 0] < 0):
        diagonal = {0, 2} if cut[twin[k]] else {1, 3}
        wanted = {int(mirror[quads[twin[k], i]]) for i in diagonal}
        cut[k] = wanted == {int(quads[k, 0]), int(quads[k, 2])}
    return np.where(cut[:, None], first, second).reshape(-1, 3)


def _smallest_angle(P: np.ndarray) -> np.ndarray:
    edge = np.roll(P, -1, axis=-2) - P
    edge = edge / np.linalg.norm(edge, axis=-1, keepdims=True)
    cosine = -(edge * np.roll(edge, 1, axis=-2)).sum(axis=-1)
    return np.asarray(np.arccos(cosine.clip(-1, 1)).min(axis=-1))
