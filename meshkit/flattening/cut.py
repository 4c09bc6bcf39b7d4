"""Cut a surface open along a short seam, so that it can be flattened.

Closed surfaces and handles are cut; inner holes are no obstacle to a map and stay. The seam runs
along edges, so no face changes and no position: vertices on it get copies. `seam_uv` puts a map of
the cut surface back onto the uncut mesh, with one texture coordinate per side of the seam.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.checks import check_mesh, takes_mesh
from meshkit.edits import Repair
from meshkit.flattening.nonmanifold import separate_fans
from meshkit.flattening.seam import cut_graph, edge_cost, far_path, path_from_border, path_through
from meshkit.mesh import Mesh
from meshkit.topology import (
    boundary_loops,
    check_one_manifold,
    edge_table,
    euler_characteristic,
)


class Cut(NamedTuple):
    """A surface cut open and the way back.

    Attributes
    ----------
    V : length
        The old vertices in order, then copies.
    F : 1
        The old faces in order, some corners at copies.
    vertex_map, face_map : 1
        The old vertex and face of each new one, as in `meshkit.repair.Repair`.
    seam : 1
        The edges that were cut, as pairs of old vertices, smaller first.
    length : length
        Of the seam, counted once.
    """

    V: Float[np.ndarray, "n 3"]
    F: Int[np.ndarray, "m 3"]
    vertex_map: Int[np.ndarray, " n"]
    face_map: Int[np.ndarray, " m"]
    seam: Int[np.ndarray, "k 2"]
    length: float

    @property
    def repair(self) -> Repair:
        """The cut as a repair, for `meshkit.repair.follow` and `compose`."""
        return Repair(self.V, self.F, self.vertex_map, self.face_map)


@takes_mesh
def cut_to_disk(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    *,
    through: Sequence[int] | None = None,
) -> Cut:
    """Cut a connected surface of any genus to a disk, or, if it has holes, to a disk with holes.

    A closed surface without handles opens along the shortest path between two vertices far apart;
    handles open along a short cut graph, which ends at the longest border if there is one. Inner
    holes stay as they are (`meshkit.repair.fill_holes` closes them), but where all ways around a
    handle pass one, the seam ends in it. The seam is short, not the shortest: to find that is
    NP-hard.

    Parameters
    ----------
    V : length
    through : 1
        For a surface without handles: vertices that the seam passes in this order. Where there is a
        border, the seam begins on the longest, and the last vertex is where it ends: a head with a
        neck opens along the back up to the crown.

    Returns
    -------
    Cut
        Of a disk, with or without holes: the mesh itself, with an empty seam.

    Raises
    ------
    ValueError
        `through` does not fit: too few vertices, repeated ones, ones that the mesh does not have or
        no way between them; or the surface has handles.
    TopologyError
        The mesh is not an oriented manifold, or in several parts.

    References
    ----------
    Erickson, Whittlesey, Greedy optimal homotopy and homology generators, SODA 2005.
    Gu, Gortler, Hoppe, Geometry images, SIGGRAPH 2002 (cut graphs shortened piece by piece).
    """
    check_mesh(V, F)
    loops = boundary_loops(F)
    check_one_manifold(F, len(V))
    genus = (2 - len(loops) - euler_characteristic(F)) // 2
    E = edge_table(F).E
    if through is not None:
        if genus:
            raise ValueError(
                f"through is for surfaces without handles; this one has {genus}: leave it out"
            )
        stops = _check_stops(F, through, least=1 if loops else 2)
    if genus:
        seam = E[cut_graph(V, F, loops)]
    elif not loops:
        cost, _ = edge_cost(V, E)
        path = (
            far_path(E, cost, len(V)) if through is None else path_through(E, cost, len(V), stops)
        )
        seam = np.sort(np.stack([path[:-1], path[1:]], axis=1), axis=1)
    elif through is not None:
        path = path_from_border(E, edge_cost(V, E)[0], len(V), loops, stops)
        seam = np.sort(np.stack([path[:-1], path[1:]], axis=1), axis=1)
    else:
        seam = E[:0]
    faces, origin = separate_fans(F, len(V), seam)
    length = float(np.linalg.norm(V[seam[:, 1]] - V[seam[:, 0]], axis=1).sum())
    return Cut(V[origin], faces, origin, np.arange(len(F)), seam, length)


def uncut(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Cut:
    """Return a surface as it is, with an empty seam, unchecked."""
    none = np.zeros((0, 2), dtype=np.int64)
    return Cut(V, F, np.arange(len(V)), np.arange(len(F)), none, 0.0)


def split_cut_ears(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], cut: Cut, split: Repair
) -> tuple[Repair, Cut]:
    """Do to a mesh what was done to the ears of its cut, such as by `split_ears`.

    The seam makes ears where the mesh is coarse; a map to a square has room for four at most.

    Parameters
    ----------
    V, F : length, 1
        The mesh that was cut.
    split
        Of the cut; it moves no vertex and changes no face at the seam.

    Returns
    -------
    whole, cut
        The uncut mesh with the new vertices last, and its cut along the same seam.
    """
    made = split.V[len(cut.V) :]
    vertex_map = np.concatenate([cut.vertex_map, len(V) + np.arange(len(made))])
    whole = Repair(
        np.concatenate([V, made]),
        vertex_map[split.F],
        np.concatenate([np.arange(len(V)), np.full(len(made), -1)]),
        split.face_map,
    )
    faces = np.arange(len(split.F))
    return whole, Cut(split.V, split.F, vertex_map, faces, cut.seam, cut.length)


def seam_uv(mesh: Mesh, cut: Cut, UV: Float[np.ndarray, "k 2"]) -> Mesh:
    """Return the uncut mesh with the map of the cut one: per corner where there is a seam.

    Parameters
    ----------
    UV : 1
        One row per vertex of `cut`.
    """
    if not len(cut.seam):
        return replace(mesh, UV=UV, UV_corner=None, F_uv=None)
    return replace(mesh, UV=None, UV_corner=UV, F_uv=cut.F)


def _check_stops(
    F: Int[np.ndarray, "m 3"], through: Sequence[int], *, least: int
) -> Int[np.ndarray, " s"]:
    stops = np.array(through, dtype=np.int64)
    missing = np.setdiff1d(stops, F)
    if len(stops) < least or missing.size or len(np.unique(stops)) < len(stops):
        count = {1: "one", 2: "two"}[least]
        raise ValueError(
            f"through takes {count} or more different vertices of the mesh, got {list(through)}"
        )
    return stops
