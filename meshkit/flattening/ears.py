"""Split ears: the repair for borders with more ears than a square has corners.

An inner edge between two vertices of one border cuts off an ear (see `meshkit.flattening.corners`).
With a new vertex in the middle of every such edge there is none left, and any corners will do. Or
the edge is flipped: no new vertex, but other faces.
"""

import numpy as np
from jaxtyping import Float, Int

from meshkit.checks import takes_mesh
from meshkit.edits import Repair
from meshkit.errors import TopologyError
from meshkit.flattening.corners import chords
from meshkit.topology import boundary_loops


@takes_mesh
def split_ears(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Repair:
    """Halve every inner edge that joins two vertices of one border, and the faces beside it.

    The surface stays what it was. New vertices follow the old ones; of a face cut in two, one half
    takes its place and the other comes at the end. Both map to the old face.

    Raises
    ------
    TopologyError
        The mesh is no oriented manifold.
    """
    return _halve(V, F, [loop[chords(F, loop)] for loop in boundary_loops(F)])


def make_room(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], loop: Int[np.ndarray, " b"]
) -> Repair:
    """Refine what a square has no room for: a border of three vertices, else the ears of a border.

    Of three edges the longest is halved, and ears as in `split_ears`.
    """
    if len(loop) > 3:
        return _halve(V, F, [loop[chords(F, loop)]])
    after = np.roll(loop, -1)
    longest = int(np.linalg.norm(V[after] - V[loop], axis=1).argmax())
    return _halve(V, F, [np.array([[loop[longest], after[longest]]])])


def _halve(V: np.ndarray, F: np.ndarray, edges: list[np.ndarray]) -> Repair:
    """Put a vertex into the middle of each edge, and halve the faces beside it."""
    E = np.concatenate([np.zeros((0, 2), dtype=np.int64), *edges])
    faces, origin = F.astype(np.int64), np.arange(len(F))
    for new, (i, j) in enumerate(E.tolist(), start=len(V)):
        beside = np.flatnonzero((faces == i).any(axis=1) & (faces == j).any(axis=1))
        halves = faces[beside]
        faces[beside] = np.where(halves == i, new, halves)
        faces = np.concatenate([faces, np.where(halves == j, new, halves)])
        origin = np.concatenate([origin, origin[beside]])
    middle = (V[E[:, 0]] + V[E[:, 1]]) / 2
    return Repair(
        np.concatenate([V, middle]),
        faces,
        np.concatenate([np.arange(len(V)), np.full(len(E), -1)]),
        origin,
    )


@takes_mesh
def flip_ears(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Repair:
    """Flip inner edges that join two vertices of one border until none is left.

    The two faces beside such an edge become the two of their other diagonal, in their rows: the
    surface between them changes, vertices do not. Face maps name the old face of the row.

    Raises
    ------
    TopologyError
        The mesh is no oriented manifold; or an edge cannot be flipped, since its other diagonal
        joins border vertices too or is an edge already: split it.
    """
    faces = F.astype(np.int64)
    loops = boundary_loops(F)
    borders = [set(loop.tolist()) for loop in loops]
    for loop in loops:
        for i, j in loop[chords(F, loop)].tolist():
            first, second = np.flatnonzero((faces == i).any(axis=1) & (faces == j).any(axis=1))
            k, m = (int(faces[f].sum()) - i - j for f in (first, second))
            joined = ((faces == k).any(axis=1) & (faces == m).any(axis=1)).any()
            if joined or any({k, m} <= border for border in borders):
                raise TopologyError(
                    f"edge ({i}, {j}) cannot be flipped: ({k}, {m}) "
                    + ("is an edge already" if joined else "joins border vertices too")
                    + "; ears='split' halves it instead",
                    remedy="split-ears",
                )
            # Turned so that i becomes m, which keeps the other edges and the orientation.
            faces[first] = np.where(faces[first] == j, m, faces[first])
            faces[second] = np.where(faces[second] == i, k, faces[second])
    return Repair(V.astype(float), faces, np.arange(len(V)), np.arange(len(F)))
