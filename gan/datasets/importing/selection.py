"""The part of every mesh that a data set keeps: a mask, a crop, one component, opened by a cut.

Heads as FLAME and CoMA store them have eyeballs of their own and a neck; a model is trained on one
surface with a border. What is kept is chosen once, on the reference, and is the same vertices and
faces of every mesh.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from gan.datasets.importing.vertex_list import read_vertex_list
from gan.errors import DatasetError
from meshkit.doctor.defects import faces_by_component
from meshkit.errors import MeshError
from meshkit.flattening.cut import cut_to_disk
from meshkit.flattening.disk import disk_loops
from meshkit.repair import split_nonmanifold

# Radius over the distance of the landmark furthest from the middle of all. The value is ours; the
# 68 landmarks of a face end at the brows.
CROP = 1.25


class Wanted(NamedTuple):
    """What to keep; without anything, the whole mesh as it is.

    Attributes
    ----------
    mask : a file that lists the vertices to keep.
    crop : a file of landmark vertices: what lies in a ball around them, and hangs together.
    component : "largest", or a rank by number of faces, from 0.
    cut : open what is closed or has handles along a seam.
    """

    mask: Path | None = None
    crop: Path | None = None
    component: int | str | None = None
    cut: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values for a data set; no paths."""
        flags = {"mask": self.mask is not None, "crop": self.crop is not None, "cut": self.cut}
        return {**flags, "component": self.component}


EVERYTHING = Wanted()


class Selection(NamedTuple):
    """The vertices of a file's mesh that are kept, copies at a seam included, and their faces."""

    vertices: Int[np.ndarray, " n"]
    F: Int[np.ndarray, "m 3"]

    def of(self, vertices: Int[np.ndarray, " k"], what: str) -> Int[np.ndarray, " k"]:
        """Return where vertices of the file's mesh are now.

        Raises
        ------
        DatasetError
            One is not kept; the message begins with `what`.
        """
        place = {int(v): k for k, v in reversed(list(enumerate(self.vertices)))}
        for v in vertices.tolist():
            if v not in place:
                raise DatasetError(f"{what}: vertex {v} is not among those that are kept")
        return np.array([place[v] for v in vertices.tolist()], dtype=np.int64)


def select(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], wanted: Wanted
) -> Selection | None:
    """Choose on the reference; None if everything is kept.

    Raises
    ------
    DatasetError
        A list of vertices is none, or nothing is left.
    ValueError
        There is no component of that rank.
    """
    if wanted == EVERYTHING:
        return None
    keep = np.ones(len(F), dtype=bool)
    if wanted.mask is not None:
        inside = np.zeros(len(V), dtype=bool)
        inside[read_vertex_list(wanted.mask, len(V))] = True
        keep &= inside[F].all(axis=1)
    if wanted.crop is not None:
        keep &= _around(V, F, read_vertex_list(wanted.crop, len(V)))
    if not keep.any():
        raise DatasetError("no face is left: the lists of vertices leave out a corner of each")
    kept = F[keep]
    if wanted.component is not None or wanted.crop is not None:
        label, n_parts = faces_by_component(kept, len(V))
        rank = 0 if wanted.component in (None, "largest") else wanted.component
        if not isinstance(rank, int) or not 0 <= rank < n_parts:
            raise ValueError(f"component {rank} does not exist: 'largest', or 0 to {n_parts - 1}")
        kept = kept[label == rank]
    vertices = np.unique(kept)
    faces = np.searchsorted(vertices, kept)
    # Where a list of vertices leaves two parts that touch in one vertex, each gets its own.
    split = split_nonmanifold(V[vertices], faces)
    vertices, faces = vertices[split.vertex_map], split.F
    if wanted.cut:
        cut = cut_to_disk(V[vertices], faces)
        vertices, faces = vertices[cut.vertex_map], cut.F
    return Selection(vertices, faces)


def why_untrainable(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> MeshError | None:
    """Return what keeps a surface from being flattened, and so from training; None if nothing."""
    try:
        disk_loops(V, F)
    except MeshError as error:
        return error
    return None


def _around(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], marks: Int[np.ndarray, " k"]
) -> Bool[np.ndarray, " m"]:
    """Return which faces lie in a ball around landmarks."""
    center = V[marks].mean(axis=0)
    radius = CROP * np.linalg.norm(V[marks] - center, axis=1).max()
    return np.asarray((np.linalg.norm(V - center, axis=1) <= radius)[F].all(axis=1))
