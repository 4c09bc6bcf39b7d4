"""Wavefront OBJ: what is needed is read strictly, what is not known is skipped and said once.

Read: ``v`` (with colours ``x y z r g b``), ``vt``, ``f`` with any of ``v``, ``v/vt``, ``v//vn``,
``v/vt/vn``, absolute or relative (negative) indices; keywords in small letters or capitals.
Skipped: normals, groups, materials, lines and points; other statements with one warning. Vertex
order is the file's. The row of ``vt`` is kept per corner and becomes one UV per vertex where no
seam needs more. v = 0 is the bottom row, as in meshkit: nothing is flipped.
"""

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import FileFormatError
from meshkit.formats.polygons import build_mesh, first_outside
from meshkit.formats.text import parse_table, read_lines, shorten
from meshkit.mesh import Mesh

_SKIPPED = frozenset(
    {"vn", "vp", "g", "o", "s", "mg", "mtllib", "usemtl", "maplib", "usemap", "l", "p"}
    | {"bevel", "c_interp", "d_interp", "lod", "shadow_obj", "trace_obj"}
)
_KEYWORD = re.compile(r"[A-Za-z_][\w.-]*")  # what starts otherwise is the rest of a broken row
_INDEX = r"-?[1-9][0-9]{0,17}+"
# The forms of a corner, how many numbers each holds, and how many of these meshkit wants.
_FORMS = [
    (re.compile(rf"\s*+(?:{corner}\s++)*+", re.ASCII), width, wanted)  # as numpy sees spaces
    for corner, width, wanted in (
        (_INDEX, 1, 1),
        (f"{_INDEX}/{_INDEX}/{_INDEX}", 3, 2),
        (f"{_INDEX}/{_INDEX}", 2, 2),
        (f"{_INDEX}//{_INDEX}", 2, 1),
    )
]


@dataclass
class _Statements:
    """The rows of one kind of statement, and the line each came from."""

    rows: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def add(self, row: str, line: int) -> None:
        self.rows.append(row)
        self.lines.append(line)


@dataclass
class _Source:
    """An OBJ file by statement; `counts`: how many v and vt precede a face with a minus sign."""

    path: Path
    v: _Statements = field(default_factory=_Statements)
    vt: _Statements = field(default_factory=_Statements)
    f: _Statements = field(default_factory=_Statements)
    counts: dict[int, tuple[int, int]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def load_obj(path: Path, *, quads: str = "fan") -> Mesh:
    """Read one mesh; all objects and groups of the file together.

    Raises
    ------
    FileFormatError
        A statement is malformed, an index is 0 or past the end, there is no face.
    """
    source = _sort_statements(path)
    V, colors = _vertices(source)
    corners, corners_uv, sizes = _corners(source)
    _check_range(source, corners, sizes, len(V), "vertex")
    UV = None
    if (corners_uv < 0).any() or not len(corners_uv):
        _warn_partial_uv(source, corners_uv, sizes)
    else:
        UV = parse_table(
            path, source.vt.rows, source.vt.lines, what="vt", widths={1, 2, 3}, pad="0"
        )
        UV = np.pad(UV, ((0, 0), (0, max(0, 2 - UV.shape[1]))))[:, :2]
        _check_range(source, corners_uv, sizes, len(UV), "vt")
    mesh = build_mesh(
        path, V, corners, sizes, UV_corner=UV, corners_uv=corners_uv, colors=colors, quads=quads
    )
    if source.unknown:  # last: a file of another kind is no mesh, whatever its words are
        warnings.warn(
            f"{path}: unknown statements are skipped (first: {source.unknown[0]}; "
            f"{len(source.unknown)} in all)",
            stacklevel=3,
        )
    return mesh


def _sort_statements(path: Path) -> _Source:
    source = _Source(path)
    pending: list[str] = []
    pending_line = 0
    v, f = source.v, source.f
    for number, raw in enumerate(read_lines(path), 1):
        plain = raw[:2]
        # Nearly every line of nearly every file is such a one.
        if (plain == "v " or plain == "f ") and not (
            pending or "#" in raw or (plain == "f " and "-" in raw) or raw[-1] == "\\"
        ):
            rows = v if plain == "v " else f
            rows.rows.append(raw[2:])
            rows.lines.append(number)
            continue
        line = raw.replace("\t", " ").lstrip(" ")
        if "#" in line:
            line = line.partition("#")[0]
        if line.endswith("\\"):
            pending_line = pending_line if pending else number
            pending.append(line[:-1])
        elif pending:
            _sort_statement(source, " ".join([*pending, line]), pending_line)
            pending = []
        else:
            _sort_statement(source, line, number)
    if pending:
        raise FileFormatError(f"{path}:{pending_line}: the file ends in a continued line")
    return source


def _sort_statement(source: _Source, line: str, number: int) -> None:
    key, _, row = line.partition(" ")
    if not key.islower():
        key = key.lower()
    if key == "v":
        source.v.add(row, number)
    elif key == "f":
        if "-" in row:
            source.counts[len(source.f.rows)] = (len(source.v.rows), len(source.vt.rows))
        source.f.add(row, number)
    elif key == "vt":
        source.vt.add(row, number)
    elif key and key not in _SKIPPED:
        if not _KEYWORD.fullmatch(key):
            raise FileFormatError(f"{source.path}:{number}: unknown statement {shorten(key)}")
        source.unknown.append(f"{shorten(key)} in line {number}")


def _vertices(
    source: _Source,
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"] | None]:
    """Return positions and colours; widths 4 and 7 carry a weight or an alpha, which is dropped."""
    path, rows = source.path, source.v.rows
    table = parse_table(path, rows, source.v.lines, what="v", widths={3, 4, 6, 7}, pad="nan")
    V = table[:, :3].copy()
    if table.shape[1] < 6:
        return V, None
    colors = table[:, 3:6].copy()
    if np.isnan(colors).any():
        bare = np.fromiter((len(row.split()) < 6 for row in rows), bool, len(rows))
        colors[bare] = np.nan
    # Some scanners write bytes: a colour above 1 can mean nothing else.
    if (colors > 1).any():
        colors /= 255
    if np.isnan(colors).any() and bare.any():
        colors[bare] = 1.0
        warnings.warn(
            f"{path}: {bare.sum()} vertices without a colour became white "
            f"(first: vertex {int(bare.argmax())})",
            stacklevel=4,
        )
    return V, colors


def _corners(
    source: _Source,
) -> tuple[Int[np.ndarray, " c"], Int[np.ndarray, " c"], Int[np.ndarray, " p"]]:
    """Return vertex index and UV index (-1: none) of each corner, 0-based, and polygon sizes."""
    rows = source.f.rows
    if not rows:
        return (np.zeros(0, dtype=np.int64),) * 3
    sizes = np.fromiter(map(len, map(str.split, rows)), np.int64, len(rows))
    if (sizes < 3).any():
        p = int((sizes < 3).argmax())
        raise FileFormatError(
            f"{source.path}:{source.f.lines[p]}: a face needs 3 corners, found {sizes[p]}"
        )
    pairs = _parse_uniform("\n".join(rows) + "\n")
    if pairs is None:
        pairs = _parse_one_by_one(source)
    first = np.cumsum(sizes) - sizes
    for row, counts in source.counts.items():
        own = pairs[first[row] : first[row] + sizes[row]]
        absolute = own + counts + 1
        # Reaching before the start must not turn into 0, which stands for "no UV".
        absolute[absolute <= 0] = np.iinfo(np.int64).max
        own[:] = np.where(own < 0, absolute, own)
    return pairs[:, 0] - 1, pairs[:, 1] - 1, sizes


def _parse_uniform(text: str) -> Int[np.ndarray, "c 2"] | None:
    """Parse corners if all are written in one of the four forms; (vertex, vt or 0) as written.

    Ten times faster than corner by corner, and the case of nearly every file.
    """
    for form, width, columns in _FORMS:
        if form.fullmatch(text):
            numbers = np.fromstring(text.replace("/", " "), dtype=np.int64, sep=" ")
            pairs = np.zeros((len(numbers) // width, 2), dtype=np.int64)
            pairs[:, :columns] = numbers.reshape(-1, width)[:, :columns]
            return pairs
    return None


def _parse_one_by_one(source: _Source) -> Int[np.ndarray, "c 2"]:
    """Parse corners of mixed or odd forms; name the line of a malformed one."""
    flat = [word for row in source.f.rows for word in row.split()]
    table: dict[str, tuple[int, int]] = {}
    for word in set(flat):  # most corners occur several times
        parsed = _parse_corner(word)
        if parsed is None:
            places = zip(source.f.lines, source.f.rows, strict=True)
            line = next(number for number, row in places if word in row.split())
            raise FileFormatError(
                f"{source.path}:{line}: {shorten(word)} is no corner (v, v/vt, v//vn or v/vt/vn, "
                "integers, none of them 0)"
            )
        table[word] = parsed
    return np.array([table[word] for word in flat], dtype=np.int64).reshape(-1, 2)


def _parse_corner(word: str) -> tuple[int, int] | None:
    """Return (vertex, vt or 0), 1-based or negative as written; None if the word is malformed."""
    parts = word.split("/")
    if len(parts) > 3 or not parts[0] or "_" in word:
        return None
    try:
        numbers = [int(part) if part else None for part in parts]
    except ValueError:
        return None
    if any(number == 0 or (number and abs(number) > 2**62) for number in numbers):
        return None
    return numbers[0] or 0, (numbers[1] or 0) if len(numbers) > 1 else 0


def _check_range(
    source: _Source,
    indices: Int[np.ndarray, " c"],
    sizes: Int[np.ndarray, " p"],
    n: int,
    what: str,
) -> None:
    if outside := first_outside(indices, n, sizes):
        polygon, index = outside
        problem = f"{what} {index + 1}, but the file has {n}"
        if index >= 2**62:
            problem = f"a relative index of a {what} reaches before the first one"
        raise FileFormatError(f"{source.path}:{source.f.lines[polygon]}: {problem}")


def _warn_partial_uv(
    source: _Source, corners_uv: Int[np.ndarray, " c"], sizes: Int[np.ndarray, " p"]
) -> None:
    """Say that UVs are dropped when only some corners have one."""
    if (corners_uv < 0).all():
        return
    polygon = int(np.searchsorted(np.cumsum(sizes), (corners_uv < 0).argmax(), side="right"))
    warnings.warn(
        f"{source.path}: texture coordinates dropped, because some corners have none "
        f"(first: line {source.f.lines[polygon]})",
        stacklevel=4,
    )


def save_obj(path: Path, mesh: Mesh) -> None:
    """Write `v` (with colours), `vt`, `f`; numbers in the shortest form that reads back equal."""
    table = mesh.V if mesh.colors is None else np.hstack([mesh.V, mesh.colors])
    UV, F_uv = (mesh.UV, mesh.F) if mesh.UV is not None else (mesh.UV_corner, mesh.F_uv)
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(f"v {' '.join(map(repr, row))}\n" for row in table.tolist())
        if UV is None or F_uv is None:
            file.writelines(f"f {a} {b} {c}\n" for a, b, c in (mesh.F + 1).tolist())
            return
        file.writelines(f"vt {u!r} {v!r}\n" for u, v in UV.tolist())
        both = np.stack([mesh.F, F_uv], axis=2).reshape(-1, 6) + 1
        file.writelines("f {}/{} {}/{} {}/{}\n".format(*row) for row in both.tolist())
