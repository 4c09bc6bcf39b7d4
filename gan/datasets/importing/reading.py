"""One registered mesh: read, checked against the reference, in millimetres.

The reference is the template file, or else the first mesh. Its faces are every mesh's faces, number
by number: correspondence is the vertex order. Where the faces agree and the order of the vertices
does not, the surface is torn: edges have other lengths, or the mesh is a mirror image.
"""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from gan.datasets.importing.selection import EVERYTHING, Selection, Wanted, select
from gan.datasets.model_file import UNITS, infer_unit
from meshkit.checks import check_faces
from meshkit.errors import MeshError
from meshkit.io import load_mesh
from meshkit.registration.procrustes import procrustes
from meshkit.topology import edges

AXES = {
    sign + name: scale * np.eye(3)[k]
    for sign, scale in (("+", 1.0), ("-", -1.0))
    for k, name in enumerate("xyz")
}
LARGEST_SIZE_RATIO = 2.0  # of two heads; units differ by 10
LARGEST_EDGE_RATIO = 4.0  # an edge of one person and expression to the same edge of another
# Share of edges beyond that ratio. Measured on the ICT faces: at most 0.004 between people and
# strong expressions, 0.32 where each vertex has its neighbour's number, 0.98 for a random order.
TORN = 0.05


class Reference(NamedTuple):
    """What every mesh is held against.

    Attributes
    ----------
    name : the file.   V : in mm and in the data set's axes.   scale : mm per unit of the files.
    rotation : from the axes of the files to the data set's.
    selection : what is kept of every mesh; None: all.
    """

    name: str
    V: Float[np.ndarray, "n 3"]
    F: Int[np.ndarray, "m 3"]
    E: Int[np.ndarray, "e 2"]
    scale: float
    rotation: Float[np.ndarray, "3 3"]
    selection: Selection | None = None

    def chosen(self) -> tuple[Float[np.ndarray, "k 3"], Int[np.ndarray, "j 3"]]:
        """Return the vertices and faces that are kept of the reference itself."""
        if self.selection is None:
            return self.V, self.F
        return self.V[self.selection.vertices], self.selection.F


def rotation_from(up: str, front: str) -> Float[np.ndarray, "3 3"]:
    """Return the rotation that takes the axis `up` to +y and the axis `front` to +z.

    Raises
    ------
    ValueError
        An axis is not one of +x … -z, or both are the same line.
    """
    for name, axis in (("up", up), ("front", front)):
        if axis not in AXES:
            raise ValueError(f"{name} must be one of {', '.join(AXES)}, got {axis!r}")
    if up[1] == front[1]:
        raise ValueError(f"up {up} and front {front} lie on one line")
    y, z = AXES[up], AXES[front]
    return np.stack([np.cross(y, z), y, z])


def read_reference(
    path: Path, *, unit: str, up: str, front: str, wanted: Wanted = EVERYTHING
) -> tuple[Reference, str, str]:
    """Read the mesh that gives the topology; return it, the unit and how the unit was found.

    Raises
    ------
    DatasetError
        The unit cannot be inferred; what `select` refuses.
    MeshError
        The file is damaged; a vertex is not finite; a face repeats a vertex.
    """
    rotation = rotation_from(up, front)
    mesh = load_mesh(path, quads="index")
    check_finite(mesh.V)
    check_faces(mesh.F)
    size = float(np.ptp(mesh.V, axis=0).max())
    if unit == "auto":
        unit, reason = infer_unit(size, f"{path}: the face", remedy="give-unit")
    else:
        reason = "as given"
    scale = UNITS[unit]
    V = scale * (mesh.V @ rotation.T)
    selection = select(V, mesh.F, wanted)
    reference = Reference(path.name, V, mesh.F, edges(mesh.F), scale, rotation, selection)
    return reference, unit, reason


def read_registered(path: Path, reference: Reference) -> Float32[np.ndarray, "n 3"]:
    """Read a mesh and return the vertices to keep, mm, if it corresponds to the reference.

    Raises
    ------
    MeshError
        The file is damaged; its counts or a face differ; a vertex is not finite; its size or its
        edges are not those of a face of the same topology; it is a mirror image.
    OSError
        The file cannot be read.
    """
    mesh = load_mesh(path, quads="index")
    check_same_faces(mesh.V, mesh.F, reference)
    check_finite(mesh.V)
    V = reference.scale * (mesh.V @ reference.rotation.T)
    check_correspondence(V, reference)
    kept = V if reference.selection is None else V[reference.selection.vertices]
    return np.asarray(kept, dtype=np.float32)


def check_same_faces(V: np.ndarray, F: np.ndarray, reference: Reference) -> None:
    """Raise MeshError that names the counts, or the first face, that differ."""
    counts, expected = (len(V), len(F)), (len(reference.V), len(reference.F))
    if counts != expected:
        raise MeshError(
            f"{counts[0]} vertices and {counts[1]} faces, but {reference.name} has "
            f"{expected[0]} and {expected[1]}"
        )
    other = (F != reference.F).any(axis=1)
    if other.any():
        i = int(other.argmax())
        degrees = [np.sort(np.bincount(X.ravel(), minlength=len(V))) for X in (F, reference.F)]
        hint = ""
        if (degrees[0] == degrees[1]).all():
            hint = "; it may be the same mesh with its vertices or faces in another order"
        raise MeshError(
            f"{int(other.sum())} faces differ from {reference.name}, the first is face {i}: "
            f"{F[i].tolist()}, not {reference.F[i].tolist()}{hint}"
        )


def check_correspondence(V: Float[np.ndarray, "n 3"], reference: Reference) -> None:
    """Raise MeshError unless vertices mean the same places as the reference's."""
    spread, expected = (
        np.sqrt(((X - X.mean(axis=0)) ** 2).sum(axis=1).mean()) for X in (V, reference.V)
    )
    ratio = float(spread / expected)
    if not 1 / LARGEST_SIZE_RATIO <= ratio <= LARGEST_SIZE_RATIO:
        raise MeshError(
            f"{ratio:.3g} times as large as {reference.name}: all in one place, or another unit?"
        )
    length, usual = (
        np.linalg.norm(X[reference.E[:, 0]] - X[reference.E[:, 1]], axis=1)
        for X in (V / ratio, reference.V)
    )
    changed = (length > LARGEST_EDGE_RATIO * usual) | (usual > LARGEST_EDGE_RATIO * length)
    if (share := float(changed.mean())) > TORN:
        raise MeshError(
            f"the faces are those of {reference.name} but {share:.0%} of the edges are more than "
            f"{LARGEST_EDGE_RATIO:g} times longer or shorter: its vertices are in another order"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            procrustes(V, reference.V)
        except UserWarning as error:
            raise MeshError(
                f"a mirror image of {reference.name}: left and right are swapped"
            ) from error


def check_finite(V: Float[np.ndarray, "n 3"]) -> None:
    """Raise MeshError that names the first vertex that is not finite."""
    bad = ~np.isfinite(V).all(axis=1)
    if bad.any():
        i = int(bad.argmax())
        raise MeshError(f"vertex {i} is not finite: {V[i].tolist()}")
