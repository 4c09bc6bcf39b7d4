"""Object File Format, text and binary: ``[ST][C][N]OFF``, as Geomview defines it.

Read: positions, colours (C, with or without alpha) and texture coordinates (ST) of vertices; the
header word may be missing or in small letters, rows may go on over several lines. Normals, colours
of faces and the unused count of edges are skipped. Numbers are written in the shortest form that
reads back equal; texture coordinates are not written, since hardly any program reads them.
"""

import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import FileFormatError
from meshkit.formats.polygons import build_mesh, first_outside
from meshkit.formats.text import parse_number, parse_table, read_lines, shorten
from meshkit.mesh import Mesh

_KIND = re.compile(r"(ST)?(C)?(N)?OFF", flags=re.IGNORECASE)


class _Layout(NamedTuple):
    """What stands in a vertex row, in this order: position, normal, colour, texture coordinates."""

    uv: bool
    color: bool
    normal: bool

    @property
    def widths(self) -> set[int]:
        """Return how many numbers a row may have; a colour is three or four."""
        width = 3 + 3 * self.normal + 3 * self.color + 2 * self.uv
        return {width, width + 1} if self.color else {width}


def load_off(path: Path, *, quads: str = "fan") -> Mesh:
    """Read one mesh.

    Raises
    ------
    FileFormatError
        The header is another one, rows are missing or left over, an index is past the end.
    """
    data = path.read_bytes()
    if header := re.match(rb"\s*((?:ST)?C?N?OFF) +BINARY *\r?\n", data, flags=re.IGNORECASE):
        return _load_binary(path, data, header.end(), _layout(header[1].decode()), quads)
    numbered = [
        (number, row)
        for number, line in enumerate(read_lines(path), 1)
        if (row := line.partition("#")[0].strip())
    ]
    layout, n_vertices, n_faces, body = _header(path, numbered)
    if len(body) != n_vertices + n_faces:
        joined = _join_lines(body, n_vertices, n_faces, layout)
        if joined is None:
            raise FileFormatError(
                f"{path}: {n_vertices} vertices and {n_faces} faces promised, "
                f"{len(body)} rows found"
            )
        body = joined
    lines, rows = [number for number, _ in body], [row for _, row in body]
    rows, face_rows = rows[:n_vertices], rows[n_vertices:]
    if layout == (False, False, False) and rows and len(rows[0].split()) > 3:
        warnings.warn(
            f"{path}: more than 3 numbers for a vertex, which the header does not name: skipped",
            stacklevel=3,
        )
        rows = [" ".join(row.split()[:3]) for row in rows]
    table = parse_table(path, rows, lines, what="vertex", widths=layout.widths)
    corners, sizes = _faces(path, face_rows, lines[n_vertices:])
    if outside := first_outside(corners, n_vertices, sizes):
        raise FileFormatError(
            f"{path}:{lines[n_vertices + outside[0]]}: vertex {outside[1]}, "
            f"but the file has {n_vertices}"
        )
    return _build(path, layout, table, corners, sizes, quads)


def _layout(word: str) -> _Layout:
    match = _KIND.fullmatch(word)
    assert match is not None
    return _Layout(*(part is not None for part in match.groups()))


def _header(
    path: Path, numbered: list[tuple[int, str]]
) -> tuple[_Layout, int, int, list[tuple[int, str]]]:
    """Return layout, vertices, faces, rows after it; counts may stand on the first line."""
    words = numbered[0][1].split() if numbered else []
    layout = _Layout(uv=False, color=False, normal=False)
    counts, body = words, numbered[1:]
    if words and _KIND.fullmatch(words[0]):
        layout, counts = _layout(words[0]), words[1:]
        if not counts and body:
            counts, body = body[0][1].split(), body[1:]
    elif not all(word.isascii() and word.isdigit() for word in words) or len(words) not in (2, 3):
        raise FileFormatError(
            f"{path}:1: an OFF file starts with 'OFF', or with that and C, N or ST before it"
        )
    if len(counts) not in (2, 3) or not all(c.isascii() and c.isdigit() for c in counts):
        raise FileFormatError(
            f"{path}:{numbered[0][0]}: the counts of vertices, faces (and edges) must follow 'OFF'"
        )
    return layout, int(counts[0][:19]), int(counts[1][:19]), body


def _join_lines(
    body: list[tuple[int, str]], n_vertices: int, n_faces: int, layout: _Layout
) -> list[tuple[int, str]] | None:
    """Join the lines of rows that go on over several; None if the file has others.

    A vertex ends with its numbers; a face with its last corner, or the colour on that line.
    """
    rows: list[tuple[int, str]] = []
    words: list[str] = []
    start = 0
    for number, line in body:
        start = start if words else number
        words += line.split()
        size = words[0] if len(rows) >= n_vertices else ""
        if size and not (size.isascii() and size.isdigit()):
            return None
        needed = int(size[:9]) + 1 if size else min(layout.widths)
        if len(words) < needed:
            continue
        if not size and len(words) not in layout.widths:
            return None
        rows.append((start, " ".join(words)))
        words = []
    return rows if not words and len(rows) == n_vertices + n_faces else None


def _faces(
    path: Path, rows: list[str], lines: list[int]
) -> tuple[Int[np.ndarray, " c"], Int[np.ndarray, " p"]]:
    corners: list[int] = []
    sizes: list[int] = []
    for row, line in zip(rows, lines, strict=True):
        words = row.split()
        try:
            size = parse_number(words[0], int)
            face = [parse_number(word, int) for word in words[1 : size + 1]]
        except ValueError:
            face, size = [], -1
        if size < 3 or len(face) < size or max(map(abs, face)) > 2**62:
            raise FileFormatError(f"{path}:{line}: not a face of 3 corners or more: {shorten(row)}")
        corners += face
        sizes.append(size)
    return np.array(corners, dtype=np.int64), np.array(sizes, dtype=np.int64)


def _build(
    path: Path,
    layout: _Layout,
    table: Float[np.ndarray, "n k"],
    corners: Int[np.ndarray, " c"],
    sizes: Int[np.ndarray, " p"],
    quads: str,
) -> Mesh:
    UV = table[:, -2:].copy() if layout.uv else None
    colors = None
    if layout.color:
        first = 6 if layout.normal else 3
        colors = table[:, first : first + 3].copy()
        colors = colors / 255 if (colors > 1).any() else colors  # both ranges are in use
    V = table[:, :3].copy()
    return build_mesh(path, V, corners, sizes, UV=UV, colors=colors, quads=quads)


def _load_binary(path: Path, data: bytes, at: int, layout: _Layout, quads: str) -> Mesh:
    """Read what follows ``OFF BINARY``: big-endian, 32 bits a number; a face ends in its colour."""
    words = np.frombuffer(data, ">i4", (len(data) - at) // 4, at)
    width = max(layout.widths)  # a colour has its alpha here
    if len(words) < 3 or min(words[:2]) < 0 or 3 + int(words[0]) * width > len(words):
        raise FileFormatError(f"{path}: the file ends before its last vertex")
    n_vertices, n_faces = int(words[0]), int(words[1])
    k = 3 + n_vertices * width
    table = words[3:k].view(">f4").astype(np.float64).reshape(n_vertices, width)
    corners: list[int] = []
    sizes: list[int] = []
    rest = words[k:].tolist()
    k = 0
    for face in range(n_faces):
        size = rest[k] if k < len(rest) else -1
        if size < 3 or k + size + 1 >= len(rest):
            raise FileFormatError(f"{path}: face {face} is cut off, or has less than 3 corners")
        corners += rest[k + 1 : k + 1 + size]
        sizes.append(size)
        k += size + 2 + rest[k + 1 + size]
    if k != len(rest) or (len(data) - at) % 4:
        raise FileFormatError(f"{path}: the file does not end with its last face")
    arrays = np.array(corners, dtype=np.int64), np.array(sizes, dtype=np.int64)
    if outside := first_outside(arrays[0], n_vertices, arrays[1]):
        raise FileFormatError(
            f"{path}: face {outside[0]} names vertex {outside[1]}, but the file has {n_vertices}"
        )
    return _build(path, layout, table, *arrays, quads)


def save_off(path: Path, mesh: Mesh) -> None:
    """Write OFF, or COFF if there are colours."""
    table = mesh.V if mesh.colors is None else np.hstack([mesh.V, mesh.colors])
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"{'OFF' if mesh.colors is None else 'COFF'}\n{len(mesh.V)} {len(mesh.F)} 0\n")
        alpha = "" if mesh.colors is None else " 1.0"
        file.writelines(f"{' '.join(map(repr, row))}{alpha}\n" for row in table.tolist())
        file.writelines(f"3 {a} {b} {c}\n" for a, b, c in mesh.F.tolist())
