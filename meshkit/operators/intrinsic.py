"""Intrinsic Delaunay triangulations: the same surface and vertices, edges along geodesics.

Flipping an edge of a mesh bends the surface; flipping it *in* the surface does not: only lengths
change. Flipped until Delaunay, the triangulation has cotangent weights that are never negative.

Half-edge ``3 f + k`` runs from corner k of face f to corner k + 1, as in `meshkit.topology`.
Several edges may join the same two vertices, or a vertex with itself.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.checks import takes_mesh
from meshkit.errors import TopologyError
from meshkit.laplacian import laplacian_of_weights
from meshkit.operators.edge_flips import COCIRCULAR, FlippableSurface
from meshkit.topology import EdgeTable, edge_table


class IntrinsicTriangulation(NamedTuple):
    """Faces glued along edges, and the metric in them; no positions.

    Attributes
    ----------
    F : 1
        Vertices of the faces; indices are the mesh's own.
    twin : 1
        The half-edge on the other side, -1 at the border.
    dot : length^2
        Scalar product of the two edges at each corner.
    length : length
        Of half-edge k, from corner k to k + 1.
    double_area : length^2
        Twice the area of each face.
    sheets : 1
        2 if the faces cover the surface twice, front and back glued along the border; else 1.
    flips : 1
        Number of edges that were flipped.
    """

    F: Int[np.ndarray, "m 3"]
    twin: Int[np.ndarray, "m 3"]
    dot: Float[np.ndarray, "m 3"]
    length: Float[np.ndarray, "m 3"]
    double_area: Float[np.ndarray, " m"]
    sheets: int
    flips: int


def intrinsic_delaunay(
    V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"], *, cover: bool = True
) -> IntrinsicTriangulation:
    """Flip edges in the surface until the two angles facing any edge sum to 180° at most.

    A border edge has one face and cannot be flipped. If an angle facing one is obtuse, its weight
    would stay negative; then the surface is covered twice, front and back glued along the border,
    and its edges are flipped too. Meshes that are not manifold or not oriented are always covered.

    Parameters
    ----------
    V : length
        In 2D or 3D.
    cover
        False: keep the border edges, as libigl does.

    Raises
    ------
    DegenerateFaceError
        A face has no area.
    TopologyError
        Without `cover`: an edge belongs to more than two faces, or two faces run along it in the
        same direction.
    SolveError
        Flips do not end: the faces are thinner than rounding.

    References
    ----------
    Fisher, Springborn, Schröder, Bobenko, An algorithm for the construction of intrinsic Delaunay
    triangulations, Computing 2007. Sharp, Crane, A Laplacian for nonmanifold triangle meshes,
    SGP 2020 (the cover; faces at an edge are glued in the order of their indices).
    """
    surface = FlippableSurface(V, F)
    table = edge_table(F)
    bad = (table.uses > 2) | ((table.uses == 2) & (table.forward != 1))
    if bad.any():
        if not cover:
            e = int(bad.argmax())
            raise TopologyError(
                f"edge {tuple(table.E[e].tolist())} is not between two faces of one orientation "
                f"({int(bad.sum())} such edges): cover=True takes any faces"
            )
        surface.double(_tufted_twins(F, table))
        surface.flip_all()
        return _freeze(surface, sheets=2)
    surface.twin = _twins(table, F.size)
    surface.flip_all()
    border = np.flatnonzero(surface.twin < 0)
    if not cover or (surface.facing_cosine(border) >= -COCIRCULAR).all():
        return _freeze(surface, sheets=1)
    surface.double(_mirrored_twins(surface.twin))
    surface.flip_all()
    return _freeze(surface, sheets=2)


@takes_mesh
def delaunay_laplacian(
    V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"], *, cover: bool = True
) -> sp.csr_array:
    """Build the cotangent Laplacian of the intrinsic Delaunay triangulation.

    No weight is negative, so the maximum principle holds; where the mesh is Delaunay already, it is
    the cotangent Laplacian. Entries join vertices that the mesh may not. Takes any triangles with
    area, manifold or not. Positive weights do not keep maps to the plane from flipping faces of
    the *mesh*, whose edges these are not.

    Parameters
    ----------
    V : length
        In 2D or 3D.
    cover
        False: border edges that face an obtuse angle keep their negative weight, as in libigl.

    Returns
    -------
    L : 1
        Symmetric. Equals ``robust_laplacian.mesh_laplacian(V, F, mollify_factor=0)[0]``; without
        `cover`, ``-igl.intrinsic_delaunay_cotmatrix(V, F)[0]``.

    Raises
    ------
    DegenerateFaceError, TopologyError, SolveError
        As `intrinsic_delaunay`.

    References
    ----------
    Bobenko, Springborn, A discrete Laplace-Beltrami operator for simplicial surfaces, Discrete &
    Computational Geometry 2007, Definition 16.
    """
    surface = intrinsic_delaunay(V, F, cover=cover)
    return intrinsic_laplacian(surface, len(V))


def intrinsic_laplacian(surface: IntrinsicTriangulation, n: int) -> sp.csr_array:
    """Build the cotangent Laplacian of a triangulation without positions.

    Parameters
    ----------
    n : 1
        Number of vertices.

    Returns
    -------
    L : 1
        Symmetric; the mean over the sheets.
    """
    twin = surface.twin.ravel()
    half_cot = (surface.dot / (2 * surface.double_area[:, None]))[:, [2, 0, 1]].ravel()
    here = np.flatnonzero(np.arange(len(twin)) > twin)  # one of each pair, and the border
    inside = twin[here] >= 0
    weight = half_cot[here] + np.where(inside, half_cot[twin[here]], 0)
    # After the flips, a negative weight is that of an edge in a circle: zero, but for rounding.
    weight[inside] = weight[inside].clip(min=0)
    tail, head = surface.F.ravel(), np.roll(surface.F, -1, axis=1).ravel()
    # An edge from a vertex to itself would cancel, and leave the rounding of its large weight.
    loose = tail[here] != head[here]
    entries = weight[loose] / surface.sheets, (tail[here][loose], head[here][loose])
    W = sp.coo_array(entries, shape=(n, n)).tocsr()
    return laplacian_of_weights(sp.csr_array(W + W.T))


def intrinsic_mass(surface: IntrinsicTriangulation, n: int) -> Float[np.ndarray, " n"]:
    """Return a third of the area of the faces around each vertex, like `lumped_mass`.

    Parameters
    ----------
    n : 1
        Number of vertices.

    Returns
    -------
    mass : length^2
        The mean over the sheets; zero at a vertex in no face.
    """
    third = np.repeat(surface.double_area / (6 * surface.sheets), 3)
    return np.bincount(surface.F.ravel(), third, minlength=n)


def _freeze(surface: FlippableSurface, sheets: int) -> IntrinsicTriangulation:
    F, twin, dot = (x.reshape(-1, 3) for x in (surface.vertex, surface.twin, surface.dot))
    length = np.sqrt(surface.square).reshape(-1, 3)
    return IntrinsicTriangulation(F, twin, dot, length, surface.double_area, sheets, surface.flips)


def _twins(table: EdgeTable, size: int) -> Int[np.ndarray, " h"]:
    twin = np.full(size, -1)
    first = table.start[table.uses == 2]
    a, b = table.half_edge[first], table.half_edge[first + 1]
    twin[a], twin[b] = b, a
    return twin


def _mirror(h: Int[np.ndarray, " k"], size: int) -> Int[np.ndarray, " k"]:
    """Return the half-edge on the back: face (a, b, c) has its back (a, c, b)."""
    return np.asarray(size + h + 2 - 2 * (h % 3))


def _mirrored_twins(twin: Int[np.ndarray, " h"]) -> Int[np.ndarray, " h2"]:
    """Glue the back like the front, and the two along the border."""
    size = len(twin)
    h = np.arange(size)
    both = np.empty(2 * size, dtype=np.int64)
    both[h] = np.where(twin >= 0, twin, _mirror(h, size))
    both[_mirror(h, size)] = np.where(twin >= 0, _mirror(twin, size), h)
    return both


def _tufted_twins(F: Int[np.ndarray, "m 3"], table: EdgeTable) -> Int[np.ndarray, " h2"]:
    """Glue, around each edge, the side of a face that runs up it to the next face's other side."""
    h, size = table.half_edge, F.size
    rises = (F.ravel() < np.roll(F, -1, axis=1).ravel())[h]
    up, down = np.where(rises, [h, _mirror(h, size)], [_mirror(h, size), h])
    after = np.arange(1, size + 1)
    after[table.start + table.uses - 1] = table.start
    twin = np.empty(2 * size, dtype=np.int64)
    twin[up], twin[down[after]] = down[after], up
    return twin
