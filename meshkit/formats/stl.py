"""STL, ASCII and binary: a soup of triangles without shared vertices, UVs or colours.

Corners at exactly equal positions become one vertex, numbered by first appearance; nothing else is
merged, so a file with rounding gaps stays open and the doctor shows its loops. A mesh whose
vertices coincided on purpose (closed lips) comes back joined: STL cannot say otherwise. Written:
binary, in single precision.
"""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from meshkit.errors import FileFormatError
from meshkit.formats.polygons import build_mesh
from meshkit.formats.text import parse_table, read_lines, shorten
from meshkit.mesh import Mesh
from meshkit.normals import face_normals, unit

_RECORD = np.dtype([("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_HEADER = 84
# The statements of one facet in order; ASCII files hold nothing else inside a solid.
_FACET = ("facet", "outer", "vertex", "vertex", "vertex", "endloop", "endfacet")


def load_stl(path: Path) -> Mesh:
    """Read all solids of the file as one mesh.

    Raises
    ------
    FileFormatError
        A binary file of another length than its count says; an ASCII statement out of place.
    """
    data = path.read_bytes()
    if not data:
        raise FileFormatError(f"{path} is empty")
    count = int(np.frombuffer(data, "<u4", 1, 80)[0]) if len(data) >= _HEADER else -1
    if count >= 0 and len(data) == _HEADER + count * _RECORD.itemsize:
        P = np.frombuffer(data, _RECORD, count, _HEADER)["corners"].astype(np.float64)
    elif re.match(rb"\s*solid\b", data) and b"\0" not in data:
        P = _read_ascii(path)
    else:
        raise FileFormatError(
            f"{path}: neither ASCII STL (it would start with 'solid') nor binary STL: {count} "
            f"triangles take {_HEADER + count * _RECORD.itemsize} bytes, the file has {len(data)}"
            if count >= 0
            else f"{path}: neither ASCII STL (it would start with 'solid') nor binary STL"
        )
    # + 0.0 turns -0.0 into 0.0: equal positions have equal bytes.
    rows = np.ascontiguousarray(P.reshape(-1, 3) + 0.0)
    key = rows.view(np.dtype((np.void, rows.itemsize * 3))).ravel()
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    corners = rank[inverse.reshape(-1)].astype(np.int64)
    return build_mesh(path, rows[first[order]], corners, np.full(len(P), 3, dtype=np.int64))


def _read_ascii(path: Path) -> Float[np.ndarray, "m 3 3"]:
    rows: list[str] = []
    lines: list[int] = []
    state, inside = 0, False
    for number, line in enumerate(read_lines(path), 1):
        key, _, rest = line.strip().partition(" ")
        key = key.lower()
        if not key:
            continue
        if inside and key == _FACET[state]:
            if key == "vertex":
                rows.append(rest)
                lines.append(number)
            state = (state + 1) % len(_FACET)
        elif state == 0 and key == ("endsolid" if inside else "solid"):
            inside = not inside
        else:
            wanted = _FACET[state] if inside else "solid"
            raise FileFormatError(f"{path}:{number}: expected '{wanted}', found {shorten(key)}")
    if inside:
        raise FileFormatError(f"{path}: the file ends before 'endsolid'")
    return parse_table(path, rows, lines, what="vertex", widths={3}).reshape(-1, 3, 3)


def save_stl(path: Path, mesh: Mesh) -> None:
    """Write binary STL with unit normals (zero where a face has no area)."""
    records = np.zeros(len(mesh.F), _RECORD)
    records["normal"] = unit(face_normals(mesh.V, mesh.F))
    records["corners"] = mesh.V[mesh.F]
    header = b"binary STL".ljust(80) + np.uint32(len(mesh.F)).astype("<u4").tobytes()
    path.write_bytes(header + records.tobytes())
