"""Landmark files of other programs and data sets: points in space, with names or in an order.

============  ===================================================================
``.pp``       MeshLab's picked points; points that are not active are left out
``.bnd``      BU-3DFE and BU-4DFE: the index of a vertex, then x, y, z
``.lm3``      Bosphorus: names and coordinates; ``.lm2``, places in a picture, is refused
``.txt``      rows of x, y, z
``.npy``      an array (k, 3)
============  ===================================================================
"""

import re
from pathlib import Path

import numpy as np
from jaxtyping import Float

from meshkit.archive import read_npy
from meshkit.errors import FileFormatError
from meshkit.formats.text import parse_number, read_lines, shorten

SUFFIXES = (".pp", ".bnd", ".lm2", ".lm3", ".txt", ".npy")
_POINT = re.compile(r"<point\b([^<>]*)>")
_ATTRIBUTE = re.compile(r"""(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def load_points(path: Path | str) -> tuple[tuple[str, ...], Float[np.ndarray, "k 3"]]:
    """Read landmarks that are points in space; where the file has no names, they are numbers.

    Raises
    ------
    FileFormatError
        The suffix is none of the above; the file is damaged, holds no point, or places in a
        picture.
    OSError
        The file is missing or cannot be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise FileFormatError(f"{path}: unknown suffix {suffix!r}; known are {' '.join(SUFFIXES)}")
    if suffix == ".npy":
        array = read_npy(path)
        if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in "fiu":
            raise FileFormatError(f"{path} holds {array.dtype} {array.shape}, expected (k, 3)")
        names: list[str] = []
        rows: list[list[float]] = array.tolist()
    elif suffix == ".pp":
        names, rows = _picked_points(path)
    else:
        names, rows = _text(path, drop=1 if suffix == ".bnd" else 0)
    if not rows:
        raise FileFormatError(f"{path} holds no landmark")
    points = np.array(rows, dtype=np.float64)
    if not np.isfinite(points).all():
        k = int((~np.isfinite(points)).any(axis=1).argmax())
        raise FileFormatError(f"{path}: landmark {k} is not finite: {points[k].tolist()}")
    return tuple(names or map(str, range(len(points)))), points


def _picked_points(path: Path) -> tuple[list[str], list[list[float]]]:
    names, rows = [], []
    # By pattern: an XML parser would expand what a hostile file defines.
    for k, tag in enumerate(_POINT.findall("\n".join(read_lines(path)))):
        given = {name: double or single for name, double, single in _ATTRIBUTE.findall(tag)}
        if given.get("active") == "0":
            continue
        try:
            rows.append([parse_number(given[axis], float) for axis in "xyz"])
        except (KeyError, ValueError):
            raise FileFormatError(f"{path}: point {k} has no x, y and z that are numbers") from None
        names.append(given.get("name", str(k)))
    return names if len(set(names)) == len(names) else [], rows


def _text(path: Path, *, drop: int) -> tuple[list[str], list[list[float]]]:
    """Read rows of numbers, `drop` of them in front, and lines of text, which name the points."""
    names: list[str] = []
    rows: list[list[float]] = []
    for number, raw in enumerate(read_lines(path), 1):
        line = raw.partition("#")[0].replace(",", " ").strip()
        if not line or line.endswith(":"):
            continue
        try:
            row = [parse_number(word, float) for word in line.split()]
        except ValueError:
            names.append(line)
            continue
        if len(row) == 1 and not rows:  # how many there are
            continue
        if len(row) == 2 + drop:
            raise FileFormatError(
                f"{path}:{number}: two numbers: these are places in a picture; landmarks on a scan "
                "have three (.lm3)"
            )
        if len(row) != 3 + drop:
            raise FileFormatError(
                f"{path}:{number}: a landmark has {3 + drop} numbers, found {len(row)}"
            )
        rows.append(row[drop:])
    named = len(names) == len(rows) == len(set(names))
    if names and not named:
        raise FileFormatError(
            f"{path}: {len(rows)} points, but {len(names)} names (first: {shorten(names[0])})"
        )
    return names, rows
