"""Object File Format: ``OFF``, and ``COFF`` with a colour per vertex; no UVs.

Colours of faces and the unused count of edges are skipped. Numbers are written in the shortest
form that reads back equal.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import FileFormatError
from meshkit.formats.polygons import build_mesh, first_outside
from meshkit.formats.text import parse_number, parse_table, read_lines, shorten
from meshkit.mesh import Mesh


def load_off(path: Path, *, quads: str = "fan") -> Mesh:
    """Read one mesh.

    Raises
    ------
    FileFormatError
        The header is another one, rows are missing or left over, an index is past the end.
    """
    numbered = [
        (number, row)
        for number, line in enumerate(read_lines(path), 1)
        if (row := line.partition("#")[0].strip())
    ]
    kind, n_vertices, n_faces, body = _header(path, numbered)
    if len(body) != n_vertices + n_faces:
        raise FileFormatError(
            f"{path}: {n_vertices} vertices and {n_faces} faces promised, {len(body)} rows found"
        )
    rows, lines = [row for _, row in body], [number for number, _ in body]
    table = parse_table(
        path,
        rows[:n_vertices],
        lines[:n_vertices],
        what="vertex",
        widths={3} if kind == "OFF" else {6, 7},
    )
    corners, sizes = _faces(path, rows[n_vertices:], lines[n_vertices:])
    if outside := first_outside(corners, n_vertices, sizes):
        raise FileFormatError(
            f"{path}:{lines[n_vertices + outside[0]]}: vertex {outside[1]}, "
            f"but the file has {n_vertices}"
        )
    V = table[:, :3].copy()
    return build_mesh(path, V, corners, sizes, colors=_colors(table), quads=quads)


def _header(
    path: Path, numbered: list[tuple[int, str]]
) -> tuple[str, int, int, list[tuple[int, str]]]:
    """Return (OFF or COFF, vertices, faces, rows after it); counts may stand on the first line."""
    words = numbered[0][1].split() if numbered else []
    if not words or words[0] not in ("OFF", "COFF"):
        raise FileFormatError(f"{path}:1: an OFF file starts with 'OFF' or 'COFF'")
    counts, body = words[1:], numbered[1:]
    if not counts and body:
        counts, body = body[0][1].split(), body[1:]
    if len(counts) not in (2, 3) or not all(c.isascii() and c.isdigit() for c in counts):
        raise FileFormatError(
            f"{path}:{numbered[0][0]}: the counts of vertices, faces (and edges) must follow 'OFF'"
        )
    return words[0], int(counts[0][:19]), int(counts[1][:19]), body


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


def _colors(table: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n 3"] | None:
    if table.shape[1] < 6:
        return None
    colors = table[:, 3:6].copy()
    return colors / 255 if (colors > 1).any() else colors  # both ranges are in use


def save_off(path: Path, mesh: Mesh) -> None:
    """Write OFF, or COFF if there are colours."""
    table = mesh.V if mesh.colors is None else np.hstack([mesh.V, mesh.colors])
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"{'OFF' if mesh.colors is None else 'COFF'}\n{len(mesh.V)} {len(mesh.F)} 0\n")
        alpha = "" if mesh.colors is None else " 1.0"
        file.writelines(f"{' '.join(map(repr, row))}{alpha}\n" for row in table.tolist())
        file.writelines(f"3 {a} {b} {c}\n" for a, b, c in mesh.F.tolist())
