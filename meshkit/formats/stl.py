"""STL, ASCII and binary: a soup of triangles without shared vertices, UVs or colours.

Corners at exactly equal positions become one vertex, numbered by first appearance; nothing else is
merged, so a file with rounding gaps stays open and the doctor shows its loops. A mesh whose
vertices coincided on purpose (closed lips) comes back joined: STL cannot say otherwise. Written:
binary, in single precision.
"""

import re
import warnings
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
_ASCII = "ASCII STL (it would start with 'solid')"
# The statements of one facet in order; ASCII files hold nothing else inside a solid.
_FACET = ("facet", "outer", "vertex", "vertex", "vertex", "endloop", "endfacet")


def load_stl(path: Path) -> Mesh:
    """Read all solids of the file as one mesh.

    Raises
    ------
    FileFormatError
        A binary file of another length than its count says; an ASCII statement out of place, or a
        file that ends within a facet.
    """
    data = path.read_bytes()
    if not data:
        raise FileFormatError(f"{path} is empty")
    if re.match(rb"(\xef\xbb\xbf)?\s*solid\b", data, flags=re.IGNORECASE) and b"\0" not in data:
        P = _read_ascii(path)
    else:
        P = _read_binary(path, data)
    # + 0.0 turns -0.0 into 0.0: equal positions have equal bytes.
    rows = np.ascontiguousarray(P.reshape(-1, 3) + 0.0)
    key = rows.view(np.dtype((np.void, rows.itemsize * 3))).ravel()
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    corners = rank[inverse.reshape(-1)].astype(np.int64)
    return build_mesh(path, rows[first[order]], corners, np.full(len(P), 3, dtype=np.int64))


def _read_binary(path: Path, data: bytes) -> Float[np.ndarray, "m 3 3"]:
    """Read the triangles; less than a triangle after the last one is skipped and said."""
    if len(data) < _HEADER:
        raise FileFormatError(f"{path}: neither {_ASCII} nor binary STL")
    count = int(np.frombuffer(data, "<u4", 1, 80)[0])
    whole, rest = divmod(len(data) - _HEADER, _RECORD.itemsize)
    if count == 0 and whole and not rest:  # some exporters never come back to fill it in
        warnings.warn(f"{path}: the header counts 0 triangles, {whole} are there", stacklevel=4)
    elif count != whole or (rest and not count):
        raise FileFormatError(
            f"{path}: neither {_ASCII} nor binary STL: {count} triangles take "
            f"{_HEADER + count * _RECORD.itemsize} bytes, the file has {len(data)}"
        )
    elif rest:
        warnings.warn(f"{path}: {rest} bytes after the last triangle are skipped", stacklevel=4)
    corners = np.frombuffer(data, _RECORD, whole, _HEADER)["corners"]
    return corners.astype(np.float64)


def _read_ascii(path: Path) -> Float[np.ndarray, "m 3 3"]:
    rows: list[str] = []
    lines: list[int] = []
    state, inside = 0, False
    for number, line in enumerate(read_lines(path), 1):
        if not (words := line.split(maxsplit=1)):
            continue
        key, rest = words[0].lower(), words[-1]
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
    if inside and (state or not rows):
        raise FileFormatError(f"{path}: the file ends before '{_FACET[-1]}'")
    if inside:
        warnings.warn(f"{path} ends without 'endsolid': it may be cut off", stacklevel=4)
    return parse_table(path, rows, lines, what="vertex", widths={3}).reshape(-1, 3, 3)


def save_stl(path: Path, mesh: Mesh) -> None:
    """Write binary STL with unit normals (zero where a face has no area)."""
    records = np.zeros(len(mesh.F), _RECORD)
    records["normal"] = unit(face_normals(mesh.V, mesh.F))
    records["corners"] = mesh.V[mesh.F]
    header = b"binary STL".ljust(80) + np.uint32(len(mesh.F)).astype("<u4").tobytes()
    path.write_bytes(header + records.tobytes())
