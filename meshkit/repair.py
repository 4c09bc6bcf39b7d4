"""Named repairs. Each returns new arrays and where every vertex and face came from.

A repair does one thing and changes nothing that is sound: kept vertices and faces stay in order, so
landmarks, weights and correspondences carry over through the maps (`meshkit.edits`).
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from meshkit.checks import takes_mesh
from meshkit.doctor.defects import coincident_vertices, faces_by_component, sound_faces
from meshkit.doctor.orientation import face_sides
from meshkit.edits import Repair, compose, follow
from meshkit.errors import MeshError
from meshkit.flattening.holes import sew_hole
from meshkit.flattening.nonmanifold import separate_fans
from meshkit.topology import boundary_loops

__all__ = [
    "Repair",
    "compose",
    "drop_duplicates",
    "drop_unreferenced",
    "fill_holes",
    "follow",
    "keep_component",
    "merge_coincident",
    "orient_faces",
    "split_nonmanifold",
]


@takes_mesh
def keep_component(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], which: int | str = "largest"
) -> Repair:
    """Keep one component, by rank: 0 or "largest" has the most faces; drop all other vertices.

    Raises
    ------
    ValueError
        There is no component of that rank.
    """
    label, n_parts = faces_by_component(F, len(V))
    rank = 0 if which == "largest" else which
    if not isinstance(rank, int) or not 0 <= rank < n_parts:
        raise ValueError(
            f"component {which!r} does not exist: give 'largest', or 0 to {n_parts - 1} by size"
        )
    return _keep_faces(V, F, label == rank, drop_vertices=True)


@takes_mesh
def drop_unreferenced(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Repair:
    """Drop the vertices that no face names."""
    return _keep_faces(V, F, np.ones(len(F), dtype=bool), drop_vertices=True)


@takes_mesh
def drop_duplicates(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Repair:
    """Drop faces that name a vertex twice, or the same three vertices as an earlier face."""
    faces = sound_faces(F, len(V))
    return _keep_faces(V, F, faces["sound"] | faces["outside"], drop_vertices=False)


@takes_mesh
def merge_coincident(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Repair:
    """Merge vertices at exactly one place into the first of them.

    Faces that shrink to an edge by it are dropped. Vertices that touch on purpose (closed lips) are
    merged as well: look at the findings first.
    """
    used = np.zeros(len(V), dtype=bool)
    used[F] = True
    copies, originals = coincident_vertices(V, used & np.isfinite(V).all(axis=1))
    target = np.arange(len(V))
    target[copies] = originals
    merged = target[F]
    sound = ~sound_faces(merged, len(V))["repeated"]
    vertex_map = np.delete(np.arange(len(V)), copies)
    return _renumber(V, merged[sound], vertex_map, np.flatnonzero(sound))


@takes_mesh
def orient_faces(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Repair:
    """Reverse the faces that run against the majority of their sheet.

    Raises
    ------
    MeshError
        A sheet has one side only (a Möbius strip): no orientation exists.
    """
    sides = face_sides(F)
    if sides.one_sided.any():
        f = int(sides.one_sided.argmax())
        raise MeshError(
            f"face {f} lies on a sheet with one side only ({int(sides.one_sided.sum())} faces): "
            "cut the sheet across first"
        )
    # The first corner stays first: (a, b, c) becomes (a, c, b).
    turned = np.where(sides.inverted[:, None], F[:, [0, 2, 1]], F)
    return Repair(V, turned, np.arange(len(V)), np.arange(len(F)))


@takes_mesh
def fill_holes(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], *, keep: int = 1) -> Repair:
    """Close border loops with faces, all but the longest `keep`; new faces follow the old ones.

    A hole gets the triangles of least area over its own vertices
    (`meshkit.flattening.holes.sew_hole`), or, where those do not exist, a new vertex in its middle.

    Raises
    ------
    TopologyError
        The mesh is no oriented manifold.
    """
    added: list[np.ndarray] = []
    centres: list[np.ndarray] = []
    for hole in boundary_loops(F)[keep:]:
        sewn = sew_hole(V, F, hole)
        if sewn is None:
            centre = len(V) + len(centres)
            centres.append(V[hole].mean(axis=0))
            # The hole's loop runs with the mesh's faces; its own faces run against it.
            sewn = np.stack([np.roll(hole, -1), hole, np.full(len(hole), centre)], axis=1)
        added.append(sewn)
    new = np.concatenate([np.zeros((0, 3), dtype=np.int64), *added])
    return Repair(
        np.concatenate([V, *(c[None] for c in centres)]),
        np.concatenate([F, new]),
        np.concatenate([np.arange(len(V)), np.full(len(centres), -1)]),
        np.concatenate([np.arange(len(F)), np.full(len(new), -1)]),
    )


@takes_mesh
def split_nonmanifold(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Repair:
    """Give every fan of faces its own copy of a vertex, so that edges and vertices are manifold.

    At an edge of more than two faces all are cut apart, since nothing says which two belong
    together. Copies are appended; the first fan keeps the vertex.
    """
    split, origin = separate_fans(F, len(V))
    return Repair(V[origin], split, origin, np.arange(len(F)))


def _keep_faces(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    keep: Bool[np.ndarray, " m"],
    *,
    drop_vertices: bool,
) -> Repair:
    vertex_map = np.unique(F[keep]) if drop_vertices else np.arange(len(V))
    return _renumber(V, F[keep], vertex_map, np.flatnonzero(keep))


def _renumber(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    vertex_map: Int[np.ndarray, " k"],
    face_map: Int[np.ndarray, " m"],
) -> Repair:
    """Rewrite faces for the vertices that are kept, in order."""
    new = np.full(len(V), -1, dtype=np.int64)
    new[vertex_map] = np.arange(len(vertex_map))
    return Repair(V[vertex_map], new[F], vertex_map, face_map)
