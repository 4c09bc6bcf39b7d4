"""Landmarks: points of the template and where they lie on the scan.

A landmark file is JSON in one of two forms::

    {"landmarks": [{"name": "nose tip", "template": 1225, "scan": [1.0, 20.5, 83.1]}, …]}
    {"template": {"nose tip": 1225, …}, "scan": {"nose tip": [1.0, 20.5, 83.1], …}}

A point of the template is a vertex index, or a place in a face,
``{"face": 17, "bary": [0.2, 0.3, 0.5]}`` (weights of the face's corners in their order, not
negative, sum 1). A point of the scan is its three coordinates, or likewise a vertex index or a
place in a face of the scan. Names are optional in the first form; in the second they pair the two
sides, and a name of one side only is left out with a warning.

Points on the scan alone (`meshkit.registration.point_files`) need a second file for the template:
points on it, or a list or an object of vertices. They pair by name, or by order: as many on both
sides, or 51 and 68, since the 51 points of faces are the 68 without the 17 of the jaw.
"""

import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from meshkit.errors import FileFormatError
from meshkit.registration.point_files import SUFFIXES, load_points


class Landmarks(NamedTuple):
    """Points of the template as rows of a matrix, and their places on the scan.

    Attributes
    ----------
    names
    operator : 1
        Sparse (k, n): ``operator @ V`` are the landmarks of a template with vertices V.
    points : length
        Where they lie on the scan.
    """

    names: tuple[str, ...]
    operator: sp.csr_array
    points: Float[np.ndarray, "k 3"]


def vertex_landmarks(
    vertices: Int[np.ndarray, " k"],
    points: Float[np.ndarray, "k 3"],
    n: int,
    *,
    names: tuple[str, ...] | None = None,
) -> Landmarks:
    """Pair vertices of a template that has n with points on the scan.

    Raises
    ------
    ValueError
        A vertex is out of range; a point is not finite; there are more or fewer names.
    """
    outside = (vertices < 0) | (vertices >= n)
    if outside.any():
        k = int(outside.argmax())
        raise ValueError(f"landmark {k} is vertex {int(vertices[k])}, but there are {n} vertices")
    if not np.isfinite(points).all():
        k = int((~np.isfinite(points)).any(axis=1).argmax())
        raise ValueError(f"landmark {k} is not finite on the scan: {points[k].tolist()}")
    names = names or tuple(str(k) for k in range(len(vertices)))
    if len(names) != len(vertices):
        raise ValueError(f"{len(names)} names for {len(vertices)} landmarks")
    rows = np.arange(len(vertices))
    operator = sp.csr_array((np.ones(len(rows)), (rows, vertices)), shape=(len(rows), n))
    return Landmarks(names, operator, points.astype(np.float64))


def load_landmarks(
    path: Path | str,
    n: int,
    F: Int[np.ndarray, "m 3"],
    scan: Float[np.ndarray, "p 3"],
    F_scan: Int[np.ndarray, "q 3"] | None,
) -> Landmarks:
    """Read a landmark file for a template of n vertices and faces F, and a scan.

    Raises
    ------
    FileFormatError
        The file is no JSON of either form; a landmark is out of range, or no point. The message
        names the landmark.
    OSError
        The file is missing or cannot be read.
    """
    path = Path(path)
    pairs = _pairs(path, _load_json(path))
    if not pairs:
        raise FileFormatError(f"{path} holds no landmark")
    rows, points = [], []
    for name, on_template, on_scan in pairs:
        where = f"{path}: landmark {name!r}"
        rows.append(_row(f"{where} on the template", on_template, n, F))
        if _is_triple(on_scan):
            points.append(np.array(on_scan, dtype=np.float64))
        else:
            place = _row(f"{where} on the scan", on_scan, len(scan), F_scan, point=True)
            points.append(sum(weight * scan[i] for i, weight in place.items()))
        if not np.isfinite(points[-1]).all():
            raise FileFormatError(f"{where} on the scan is not finite: {on_scan}")
    entries = [(k, i, weight) for k, row in enumerate(rows) for i, weight in row.items()]
    k, i, weight = zip(*entries, strict=True)
    operator = sp.csr_array((weight, (k, i)), shape=(len(rows), n))
    return Landmarks(tuple(name for name, _, _ in pairs), operator, np.stack(points))


def pair_points(
    path: Path | str,
    template: Path | str,
    V: Float[np.ndarray, "n 3"],
) -> Landmarks:
    """Pair a file of points on a scan with a file of the template's landmarks.

    Parameters
    ----------
    template
        Points on the template, of which the nearest vertices are taken, or a file of vertices as
        `load_vertices` reads it.
    V : length
        Of the template.

    Raises
    ------
    FileFormatError
        A file is malformed; the two do not pair.
    OSError
        A file is missing or cannot be read.
    """
    path, template = Path(path), Path(template)
    names, points = load_points(path)
    if template.suffix.lower() in SUFFIXES:
        own, places = load_points(template)
        vertices = cKDTree(V).query(places)[1]
    else:
        own, vertices = named_vertices(template, len(V))
    common = [name for name in own if name in names]
    by_name = len(common) >= 3 and not all(name.isdigit() for name in common)
    if by_name:
        rows = [names.index(name) for name in common]
        ours = [own.index(name) for name in common]
    elif {len(names), len(own)} == {51, 68} or len(names) == len(own):
        count = min(len(names), len(own))
        rows, ours = (list(range(len(side) - count, len(side))) for side in (names, own))
        common = [own[k] for k in ours]
    else:
        raise FileFormatError(
            f"{path} holds {len(names)} landmarks, {template} {len(own)}: without names in common "
            "they pair by order, as many on both sides, or 51 and 68"
        )
    return vertex_landmarks(vertices[ours], points[rows], len(V), names=tuple(common))


def load_vertices(path: Path | str, n: int) -> Int[np.ndarray, " k"]:
    """Read which vertices of a mesh of n are landmarks, from any of these files.

    A list of indices; an object of names and indices; a landmark file, of which the template's side
    is read. Only vertices: places in faces are refused.

    Raises
    ------
    FileFormatError
        The file is none of these; an index is out of range or named twice.
    OSError
        The file is missing or cannot be read.
    """
    return named_vertices(Path(path), n)[1]


def named_vertices(path: Path, n: int) -> tuple[tuple[str, ...], Int[np.ndarray, " k"]]:
    """Return what `load_vertices` does, with the names; numbers where there are none."""
    match content := _load_json(path):
        case {"template": dict(places)}:
            named = list(places.items())
        case {"landmarks": list()}:
            named = [(name, place) for name, place, _ in _pairs(path, content)]
        case {"landmarks68": list(places)}:
            named = [(str(k), place) for k, place in enumerate(places)]
        case dict(places):
            named = list(places.items())
        case list(places):
            named = [(str(k), place) for k, place in enumerate(places)]
        case _:
            raise FileFormatError(f"{path}: expected a list or an object of vertex indices")
    vertices: list[int] = []
    for name, place in named:
        row = _row(f"{path}: landmark {name!r}", place, n, None)
        vertices += row
        if vertices.count(vertices[-1]) > 1:
            raise FileFormatError(f"{path}: vertex {vertices[-1]} is named twice")
    if not vertices:
        raise FileFormatError(f"{path} holds no landmark")
    return tuple(str(name) for name, _ in named), np.array(vertices, dtype=np.int64)


def _load_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileFormatError(f"{path} is no JSON: {error}") from None


def _pairs(path: Path, content: Any) -> list[tuple[str, Any, Any]]:
    """Return (name, point of the template, point of the scan) for either form of the file."""
    match content:
        case {"landmarks": list(entries), **others} if not others:
            pairs = []
            for k, entry in enumerate(entries):
                match entry:
                    case {"template": template, "scan": scan, **rest} if set(rest) <= {"name"}:
                        pairs.append((str(rest.get("name", k)), template, scan))
                    case _:
                        raise FileFormatError(
                            f"{path}: landmark {k} is no object with 'template', 'scan' and "
                            "perhaps 'name'"
                        )
            return pairs
        case {"template": dict(template), "scan": dict(scan), **others} if not others:
            alone = sorted(template.keys() ^ scan.keys())
            if alone and template.keys() & scan.keys():
                warnings.warn(
                    f"{path}: {len(alone)} landmarks are on one side only and left out: "
                    + ", ".join(alone[:8])
                    + (" …" if len(alone) > 8 else ""),
                    stacklevel=3,
                )
            return [(name, template[name], scan[name]) for name in template if name in scan]
    raise FileFormatError(
        f"{path}: expected an object with the list 'landmarks', or with the objects 'template' and "
        "'scan'"
    )


def _row(
    where: str, place: Any, n: int, F: np.ndarray | None, *, point: bool = False
) -> dict[int, float]:
    """Return the weights of vertices that make up a point."""
    match place:
        case int(vertex) if not isinstance(vertex, bool):
            if not 0 <= vertex < n:
                raise FileFormatError(f"{where} is vertex {vertex}, but there are {n} vertices")
            return {vertex: 1.0}
        case {"face": int(face), "bary": bary, **rest} if not rest and _is_triple(bary):
            n_faces = 0 if F is None else len(F)
            if F is None or isinstance(face, bool) or not 0 <= face < n_faces:
                raise FileFormatError(f"{where} is in face {face}, but there are {n_faces} faces")
            if min(bary) < -1e-6 or not abs(sum(bary) - 1) <= 1e-6:
                raise FileFormatError(f"{where}: weights {bary} are negative or do not sum to 1")
            return {int(i): float(weight) for i, weight in zip(F[face], bary, strict=True)}
    known = "a vertex index or {'face': …, 'bary': [a, b, c]}" + (" or [x, y, z]" if point else "")
    raise FileFormatError(f"{where} is {str(place)[:60]}, expected {known}")


def _is_triple(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 3
        and all(isinstance(x, int | float) and not isinstance(x, bool) for x in value)
    )
