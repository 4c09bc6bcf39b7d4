"""VRML 1 and 2 (``.wrl``), as scanners write it: one IndexedFaceSet with texture coordinates.

Skipped are colours, materials and textures. Several surfaces, or one that a node moves, are
refused: this is no reader of scenes. Not written.
"""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import FileFormatError
from meshkit.formats.polygons import build_mesh, first_outside
from meshkit.formats.text import parse_number, read_lines, shorten
from meshkit.mesh import Mesh

_SKIPPED = re.compile(r'"(?:[^"\\]|\\.)*"|#[^\n]*')  # strings and comments
# What moves a surface: how many numbers it has, and the last of them where it does nothing.
_MOVES: dict[str, tuple[int, list[float]]] = {
    **{"translation": (3, [0, 0, 0]), "scale": (3, [1, 1, 1]), "scaleFactor": (3, [1, 1, 1])},
    **{"rotation": (4, [0]), "matrix": (16, [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])},
}


def load_vrml(path: Path, *, quads: str = "fan") -> Mesh:
    """Read one mesh.

    Raises
    ------
    FileFormatError
        No VRML, not exactly one IndexedFaceSet, a node that moves it, or a malformed list.
    """
    lines = read_lines(path)
    if not lines[0].startswith("#VRML"):
        raise FileFormatError(f"{path}:1: a VRML file starts with '#VRML'")
    text = _SKIPPED.sub(" ", "\n".join(lines))
    count = len(re.findall(r"\bIndexedFaceSet\b", text))
    if count != 1:
        raise FileFormatError(f"{path} holds {count} IndexedFaceSets; only one is read")
    for name, (width, still) in _MOVES.items():
        for match in re.finditer(rf"\b{name}((?:\s+[-+.\deE]+){{{width}}})", text):
            if _numbers(path, name, match[1])[-len(still) :] != still:
                raise FileFormatError(f"{path}: a node moves the surface ({name}), unread here")
    V = _points(path, text, r"Coordinate3?", 3)
    corners, sizes = _polygons(path, text, "coordIndex", len(V))
    UV, corners_uv = None, None
    if re.search(r"\bTextureCoordinate2?\b", text):
        UV = _points(path, text, "TextureCoordinate2?", 2)
        name = "tex(?:ture)?CoordIndex"
        given = re.search(rf"\b{name}\s*\[\s*[-\d]", text)
        corners_uv, own = _polygons(path, text, name if given else "coordIndex", len(UV))
        if own.tolist() != sizes.tolist():
            raise FileFormatError(f"{path}: the texture coordinates have other faces")
    if re.search(r"\bccw\s+FALSE\b", text):
        order = np.lexsort((-np.arange(len(corners)), np.repeat(np.arange(len(sizes)), sizes)))
        corners, corners_uv = corners[order], None if corners_uv is None else corners_uv[order]
    return build_mesh(path, V, corners, sizes, UV_corner=UV, corners_uv=corners_uv, quads=quads)


def _numbers(path: Path, what: str, text: str) -> list[float]:
    try:
        return [parse_number(word, float) for word in text.replace(",", " ").split()]
    except ValueError:
        raise FileFormatError(f"{path}: {what} holds no numbers: {shorten(text.strip())}") from None


def _points(path: Path, text: str, node: str, width: int) -> Float[np.ndarray, "n k"]:
    match = re.search(rf"\b{node}\s*\{{\s*point\s*\[([^\]]*)\]", text)
    values = _numbers(path, "point", match[1]) if match else [0.0]
    if len(values) % width:
        raise FileFormatError(f"{path} has no list of points, {width} numbers each")
    return np.array(values).reshape(-1, width)


def _polygons(
    path: Path, text: str, name: str, n: int
) -> tuple[Int[np.ndarray, " c"], Int[np.ndarray, " p"]]:
    """Return the corners of all polygons, which -1 separates, and how many each has."""
    match = re.search(rf"\b{name}\s*\[([^\]]*)\]", text)
    values = np.array(_numbers(path, name, match[1]) if match else [], dtype=np.float64)
    if not (np.abs(values) < 2**53).all() or (values % 1).any():
        raise FileFormatError(f"{path}: an index is no integer")
    index = np.append(values, [-1] if len(values) and values[-1] != -1 else []).astype(np.int64)
    ends = np.flatnonzero(index == -1)
    corners, sizes = index[index != -1], np.diff(ends, prepend=-1) - 1
    if (sizes < 3).any():
        raise FileFormatError(f"{path}: face {int((sizes < 3).argmax())} has less than 3 corners")
    if outside := first_outside(corners, n, sizes):
        raise FileFormatError(f"{path}: face {outside[0]} names point {outside[1]} of {n}")
    return corners, sizes
