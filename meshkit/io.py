"""Load and save meshes; the suffix chooses the format.

============  ==========================================================================
``.obj``      exact; UV per vertex or per corner; colours
``.ply``      exact; UV per vertex or per corner; colours in 8 bits
``.npz``      exact; everything a `Mesh` holds
``.glb``      single precision; UV per vertex (seams double vertices); colours
``.gltf``     likewise, as text
``.off``      exact; colours; UV per vertex is read, not written
``.stl``      single precision; neither UV nor colours nor shared vertices
``.wrl``      VRML of one surface; UV per corner; is read, not written
``.npy``      positions alone, with the faces of another mesh; is read, not written
============  ==========================================================================

Vertices keep the order of the file, polygons become triangles in place. The readers are meshkit's
own: correspondence needs vertex and face order, and general readers reorder mixed polygons, split
vertices at seams, read a damaged number as the end of the file.
"""

import warnings
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
from jaxtyping import Int

from meshkit.archive import read_npy
from meshkit.errors import FileFormatError
from meshkit.files import atomic_path
from meshkit.formats import gltf, npz, obj, off, ply, stl, vrml
from meshkit.formats.storable import storable, warn_rounded
from meshkit.mesh import Mesh

POLYGON_LOADERS: dict[str, Callable[..., Mesh]] = {
    ".obj": obj.load_obj,
    ".ply": ply.load_ply,
    ".off": off.load_off,
    ".wrl": vrml.load_vrml,
}
TRIANGLE_LOADERS: dict[str, Callable[[Path], Mesh]] = {
    ".stl": stl.load_stl,
    ".gltf": gltf.load_gltf,
    ".glb": gltf.load_gltf,
    ".npz": npz.load_npz,
}
SAVERS: dict[str, Callable[[Path, Mesh], None]] = {
    ".obj": obj.save_obj,
    ".ply": ply.save_ply,
    ".off": off.save_off,
    ".stl": stl.save_stl,
    ".gltf": gltf.save_gltf,
    ".glb": gltf.save_gltf,
    ".npz": npz.save_npz,
}
WITHOUT_UV = frozenset({".off", ".stl"})


def load_mesh(
    path: Path | str, *, quads: str = "fan", faces: Int[np.ndarray, "m 3"] | None = None
) -> Mesh:
    """Read a mesh file.

    Parameters
    ----------
    quads : {"fan", "delaunay", "index"}
        How polygons of OBJ, PLY, OFF and VRML are cut: at their first corner unless that turns a
        triangle over, as it can in a concave polygon; or quads along the Delaunay diagonal of this
        mesh; or always at the first corner, the same for all meshes of one topology, for
        collections (`meshkit.formats.polygons`).
    faces : 1
        For ``.npy``, which holds positions alone, as registered data sets come (VOCASET): the
        faces of their topology.

    Raises
    ------
    FileFormatError
        The suffix is unknown; the file is empty, damaged, or holds no face. The message names the
        file and, for a text format, the line.
    OSError
        The file is missing or cannot be read.
    """
    path = path if isinstance(path, Path) else Path(path)  # a kind of Path stays what it is
    suffix = path.suffix.lower()
    if suffix in POLYGON_LOADERS:
        return POLYGON_LOADERS[suffix](path, quads=quads)
    if suffix in TRIANGLE_LOADERS:
        return TRIANGLE_LOADERS[suffix](path)
    if suffix == ".npy":
        return _with_faces(path, faces)
    if path.is_dir():
        raise FileFormatError(f"{path} is a folder; give the name of a mesh file")
    known = POLYGON_LOADERS.keys() | TRIANGLE_LOADERS.keys()
    raise FileFormatError(f"{path}: {_unknown(suffix, known)}")


def _with_faces(path: Path, faces: np.ndarray | None) -> Mesh:
    V = read_npy(path)
    if V.ndim != 2 or V.shape[1] != 3 or V.dtype.kind not in "fiu" or not len(V):
        raise FileFormatError(f"{path} holds {V.dtype} {V.shape}, expected positions (n, 3)")
    if faces is None:
        raise FileFormatError(
            f"{path} holds positions without faces: give a mesh of the same topology first, or its "
            "faces, load_mesh(..., faces=F)"
        )
    if int(faces.max()) >= len(V):
        raise FileFormatError(f"{path} has {len(V)} vertices, but a face names {int(faces.max())}")
    return Mesh(V.astype(np.float64), faces)


def save_mesh(path: Path | str, mesh: Mesh) -> None:
    """Write a mesh file, whole or not at all; `load_mesh` reads back what was given.

    What the format cannot hold is dropped with a warning (see the table above). A warning also says
    how many faces of the map single precision turns over, and when it moves vertices by more than
    1e-6 of the mesh's size. Colours may be of type uint8; an alpha is dropped.

    Raises
    ------
    FileFormatError
        The suffix is unknown.
    MeshError
        The mesh has no vertex or no face; an array has another shape or kind than `Mesh` says, or
        an index past the end; a colour is outside 0 to 1; a coordinate is too large for single
        precision.
    OSError
        The folder is missing or cannot be written.
    """
    path = path if isinstance(path, Path) else Path(path)  # a kind of Path stays what it is
    suffix = path.suffix.lower()
    if suffix not in SAVERS:
        raise FileFormatError(f"{path}: {_unknown(suffix, SAVERS.keys())}")
    mesh = storable(mesh, suffix)
    has_uv = mesh.UV is not None or mesh.UV_corner is not None
    if has_uv and suffix in WITHOUT_UV:
        warnings.warn(f"{path}: {suffix} holds no texture coordinates: dropped", stacklevel=2)
    if mesh.colors is not None and suffix == ".stl":
        warnings.warn(f"{path}: {suffix} holds no colours: dropped", stacklevel=2)
    warn_rounded(path, mesh, suffix)
    with atomic_path(path) as aside:
        SAVERS[suffix](aside, mesh)


def _unknown(suffix: str, known: Collection[str]) -> str:
    problem = f"unknown suffix {suffix!r}" if suffix else "no suffix"
    return f"{problem}; known are {' '.join(sorted(known))}"
