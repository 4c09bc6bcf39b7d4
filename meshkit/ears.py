"""Split ears: the repair for borders with more ears than a square has corners.

An inner edge between two vertices of one border cuts off an ear (see `meshkit.corners`). With a new
vertex in the middle of every such edge there is none left, and any corners will do.
"""

import numpy as np
from jaxtyping import Float, Int

from meshkit.corners import chords
from meshkit.repair import Repair
from meshkit.topology import boundary_loops


def split_ears(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Repair:
    """Halve every inner edge that joins two vertices of one border, and the faces beside it.

    The surface stays what it was. New vertices follow the old ones; of a face cut in two, one half
    takes its place and the other comes at the end. Both map to the old face.

    Raises
    ------
    TopologyError
        The mesh is no oriented manifold.
    """
    ends = [loop[chords(F, loop)] for loop in boundary_loops(F)]
    E = np.concatenate([np.zeros((0, 2), dtype=np.int64), *ends])
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
