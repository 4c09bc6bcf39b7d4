"""Numbers to colour a mesh by: from a file, from the mesh's own archive, or computed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from meshkit.archive import read_archive, read_npy
from meshkit.distortion import Distortion, distortion
from meshkit.errors import FileFormatError, MeshError
from meshkit.mesh import Mesh
from meshkit.normals import face_normals
from meshkit.topology import edges


def load_field(source: str, mesh: Mesh, path: Path) -> Float[np.ndarray, " k"]:
    """Return one number per vertex or per face of a mesh that was read from a file.

    Parameters
    ----------
    source
        A ``.npy`` file; the name of an array in `path`, if that is an ``.npz``; one of `FIELDS`.
    path
        Where the mesh came from.

    Raises
    ------
    FileFormatError
        The file is damaged or holds no numbers.
    ValueError
        There is no such field; its length is neither that of the vertices nor that of the faces; a
        number is not finite.
    MeshError
        The field needs texture coordinates and the mesh has none.
    OSError
        The file cannot be read.
    """
    if source.lower().endswith(".npy"):
        field, name = read_npy(Path(source)), source
    else:
        field, name = _named(source, mesh, path), f"{path}: field {source!r}"
    if field.dtype.kind not in "fiub":
        raise FileFormatError(f"{name} holds {field.dtype}, not real numbers")
    sizes = (len(mesh.V), len(mesh.F))
    if field.ndim == 2 and field.shape[1] == 1:
        field = field[:, 0]
    if field.ndim != 1 or len(field) not in sizes:
        raise ValueError(
            f"{name} has shape {field.shape}: it needs one number for each of the {sizes[0]} "
            f"vertices or of the {sizes[1]} faces of {path}"
        )
    field = field.astype(np.float64)
    bad = ~np.isfinite(field)
    if bad.any():
        i = int(bad.argmax())
        raise ValueError(f"{name}: [{i}] = {field[i]} is not finite ({int(bad.sum())} such)")
    return field


def _named(source: str, mesh: Mesh, path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npz":
        own = read_archive(path, {source})
        if source in own:
            return own[source]
    if source not in FIELDS:
        raise ValueError(
            f"{path}: no field {source!r}: name a .npy file, an array of an .npz mesh, or one of "
            + ", ".join(FIELDS)
        )
    return FIELDS[source](mesh)


def _valence(mesh: Mesh) -> np.ndarray:
    return np.bincount(edges(mesh.F).ravel(), minlength=len(mesh.V))


def _face_area(mesh: Mesh) -> np.ndarray:
    return np.asarray(np.linalg.norm(face_normals(mesh.V, mesh.F), axis=1) / 2)


def corner_distortion(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    UV: Float[np.ndarray, "t 2"],
    F_uv: Int[np.ndarray, "m 3"],
) -> Distortion:
    """Measure a map with seams: each face on its own, since a corner may have several UVs."""
    alone = np.arange(F.size).reshape(-1, 3)
    return distortion(V[F].reshape(-1, 3), alone, UV[F_uv].reshape(-1, 2))


def _distortion(measure: str) -> Callable[[Mesh], np.ndarray]:
    def measured(mesh: Mesh) -> np.ndarray:
        if mesh.UV is not None:
            values = distortion(mesh.V, mesh.F, mesh.UV)
        elif mesh.UV_corner is not None and mesh.F_uv is not None:
            values = corner_distortion(mesh.V, mesh.F, mesh.UV_corner, mesh.F_uv)
        else:
            raise MeshError("there are no texture coordinates to measure", remedy="parameterize")
        with np.errstate(divide="ignore"):
            return np.asarray(np.log2(getattr(values, measure)))

    return measured


# Name -> one number per vertex or face. Distortions are base-2 logarithms, 0 is none.
FIELDS: dict[str, Callable[[Mesh], np.ndarray]] = {
    "x": lambda mesh: mesh.V[:, 0],
    "y": lambda mesh: mesh.V[:, 1],
    "z": lambda mesh: mesh.V[:, 2],
    "valence": _valence,
    "face-area": _face_area,
    "area-distortion": _distortion("area"),
    "angle-distortion": _distortion("angle"),
}
