"""Close inner holes without new vertices, so that a disk with holes is a disk for the solve.

A hole gets the triangles over its own border that have the least area in space, with a penalty for
long diagonals: the slit of a mouth is sewn lip to lip, so the map keeps its shape. The triangles
use no edge that the mesh has, so the closed mesh is a simplicial disk and the theorems hold that
promise a map without flips. Where no such triangles exist the hole gets a virtual vertex, joined to
its whole border by positive weights.

Once mapped, a hole is a polygon in the plane. `meshkit.flattening.polygon` cuts it into triangles
anew there: they can neither be flipped nor repeat an edge of the mesh, since the drawing has no
crossings.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.topology import edges

MAX_HOLE = 512  # vertices of a hole that is sewn: the work grows with the cube
PENALTY = 0.05  # weight of a squared diagonal against a triangle's area
FLAT = 1e-9  # area over squared length from which a triangle's angles are worth anything


class ClosedDisk(NamedTuple):
    """A disk whose holes are closed.

    Attributes
    ----------
    F : 1
        The faces of the mesh, then those of sewn holes.
    centred : 1
        The holes that could not be sewn, each to be joined to a virtual vertex.
    """

    F: Int[np.ndarray, "k 3"]
    centred: list[np.ndarray]


def close_holes(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], holes: list[np.ndarray]
) -> ClosedDisk:
    """Sew up holes, and name those that need a centre."""
    sewn = [sew_hole(V, F, hole) for hole in holes]
    fill = [faces for faces in sewn if faces is not None]
    centred = [hole for hole, faces in zip(holes, sewn, strict=True) if faces is None]
    return ClosedDisk(np.concatenate([F, *fill]), centred)


def with_fans(disk: ClosedDisk, n: int) -> Int[np.ndarray, "k 3"]:
    """Return the faces with a fan over each centred hole, to new vertices from n on."""
    fans = [
        np.stack([np.roll(hole, -1), hole, np.full(len(hole), n + k)], axis=1)
        for k, hole in enumerate(disk.centred)
    ]
    return np.concatenate([disk.F, *fans])


def sew_hole(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], hole: Int[np.ndarray, " k"]
) -> Int[np.ndarray, "k-2 3"] | None:
    """Triangulate a hole over its border: least area plus a penalty for long diagonals.

    Parameters
    ----------
    V : length
    hole : 1
        A border loop of the mesh, surface on its left.

    Returns
    -------
    F : 1
        Faces that continue the orientation of the mesh; None if every triangulation repeats an edge
        of the mesh or has a face without area, or the hole is longer than 512.

    References
    ----------
    Barequet, Sharir, Filling gaps in the boundary of a polyhedron, Computer Aided Geometric Design
    1995 (the dynamic program).
    """
    k = len(hole)
    if k > MAX_HOLE:
        return None
    polygon = hole[::-1]  # surface on the right: the fill's faces run along it
    P = V[polygon].astype(float)
    allowed = _free_diagonals(F, polygon)
    square = ((P[:, None] - P) ** 2).sum(axis=2)
    best = np.where(allowed, PENALTY * square, np.inf)
    best[np.arange(k - 1), np.arange(1, k)] = 0
    best[0, k - 1] = 0
    split = np.zeros((k, k), dtype=np.int64)
    for gap in range(2, k):
        i = np.arange(k - gap)
        j = i + gap
        m = i[:, None] + np.arange(1, gap)
        area = np.linalg.norm(np.cross(P[m] - P[i, None], P[j, None] - P[i, None]), axis=2) / 2
        sides = square[i[:, None], m], square[m, j[:, None]], square[i, j][:, None]
        longest = np.maximum(np.maximum(*sides[:2]), sides[2])
        area[~(area > FLAT * longest)] = np.inf
        cost = area + best[i[:, None], m] + best[m, j[:, None]]
        choice = cost.argmin(axis=1)
        split[i, j] = i + 1 + choice
        best[i, j] += cost[np.arange(len(i)), choice]
    return polygon[_collect(split)] if np.isfinite(best[0, k - 1]) else None


def _free_diagonals(F: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Answer for each pair of corners whether the mesh does not join them."""
    k = len(polygon)
    place = np.full(int(F.max()) + 1, -1)
    place[polygon] = np.arange(k)
    i, j = place[edges(F)].T
    both = (i >= 0) & (j >= 0)
    free = np.ones((k, k), dtype=bool)
    free[i[both], j[both]] = free[j[both], i[both]] = False
    return free


def _collect(split: np.ndarray) -> np.ndarray:
    """Read the triangles off the table of where each diagonal's polygon is split."""
    triangles, stack = [], [(0, len(split) - 1)]
    while stack:
        i, j = stack.pop()
        if j - i > 1:
            m = int(split[i, j])
            triangles.append((i, m, j))
            stack += [(i, m), (m, j)]
    return np.array(triangles)


def add_centres(L: sp.csr_array, holes: list[np.ndarray]) -> sp.csr_array:
    """Append one row and column per hole: a vertex joined to the hole's border.

    A spoke weighs as much as the mean edge of its border vertex; with uniform weights that is 1.
    A symmetric L stays so.
    """
    n = L.shape[0]
    neighbours = np.diff(L.indptr) - 1
    spoke = np.maximum(L.diagonal(), 0) / np.maximum(neighbours, 1)
    border = np.concatenate(holes)
    centre = n + np.repeat(np.arange(len(holes)), [len(hole) for hole in holes])
    size = n + len(holes)
    W = sp.coo_array((spoke[border], (border, centre)), shape=(size, size)).tocsr()
    W = W + W.T.tocsr()
    padded = sp.csr_array(
        (L.data, L.indices, np.pad(L.indptr, (0, len(holes)), mode="edge")), shape=(size, size)
    )
    return sp.csr_array(padded + sp.diags_array(W.sum(axis=1)) - W)
