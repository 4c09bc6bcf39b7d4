"""Read a raw scan: a mesh in any format, or a PLY of points alone."""

from pathlib import Path

import numpy as np

from meshkit.errors import FileFormatError, MeshError
from meshkit.formats.ply_body import read_body
from meshkit.formats.ply_header import read_header
from meshkit.io import load_mesh
from meshkit.registration.point_files import load_points
from meshkit.registration.target import Target


def load_scan(path: Path | str) -> Target:
    """Read a scan and build its search trees; a PLY without faces, or an NPY, is a cloud of points.

    Raises
    ------
    FileFormatError
        The file is malformed or holds neither faces nor points.
    MeshError
        A position is not finite; what `Target` refuses.
    OSError
        The file is missing or cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() == ".ply":
        points = _points_alone(path)
        if points is not None:
            return Target(points)
    if path.suffix.lower() == ".npy":
        return Target(load_points(path)[1])
    mesh = load_mesh(path)
    try:
        return Target(mesh.V, mesh.F)
    except MeshError as error:
        raise error.about(path) from error


def _points_alone(path: Path) -> np.ndarray | None:
    """Return the positions in a PLY whose header promises no face; None if it has faces."""
    data = path.read_bytes()
    header = read_header(path, data)
    if any(element.name in ("face", "tristrips") and element.count for element in header.elements):
        return None
    vertex = read_body(path, data, header).get("vertex", {})
    columns = [vertex[axis] for axis in "xyz" if isinstance(vertex.get(axis), np.ndarray)]
    if len(columns) < 3 or not len(columns[0]):
        raise FileFormatError(f"{path} holds no point")
    V = np.stack(columns, axis=1).astype(np.float64)
    finite = np.isfinite(V).all(axis=1)
    if not finite.all():
        raise MeshError(f"{path}: point {int(finite.argmin())} is not finite")
    return V
