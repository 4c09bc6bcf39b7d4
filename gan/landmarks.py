"""Landmark files for face models: pairs as in `meshkit register`, or the 68 points alone."""

import json
from pathlib import Path

import numpy as np

from gan.models.contract import FaceGenerator
from meshkit.errors import FileFormatError
from meshkit.registration.landmarks import Landmarks, load_landmarks, vertex_landmarks
from meshkit.registration.target import Target


def face_landmarks(model: FaceGenerator, path: Path, target: Target | None = None) -> Landmarks:
    """Read landmarks of a model and where they should be.

    The file is one of those that `meshkit register` reads (pairs of a vertex or a place in a face
    of the template, and a point), or `{"points": [[x, y, z], …]}`, or that list alone: the model's
    own landmarks in their order (68 of Multi-PIE / iBUG), null for one that is not known.

    Raises
    ------
    FileFormatError
        The file is no JSON or none of these; a landmark is out of range. The message names it.
    ValueError
        Points alone, and the model has no landmarks or another number of them.
    OSError
        The file is missing or cannot be read.
    """
    points = _points_alone(path)
    n, F = len(model.template), model.faces.cpu().numpy()
    if points is None:
        V = np.zeros((0, 3)) if target is None else target.V
        return load_landmarks(path, n, F, V, None if target is None else target.F)
    if model.landmarks is None:
        raise ValueError(
            f"{path} holds points alone, and the model has no landmarks of its own: pair them with "
            'vertices, {"landmarks": [{"template": 1225, "scan": [x, y, z]}, …]}'
        )
    if len(points) != len(model.landmarks):
        raise ValueError(f"{path} holds {len(points)} points; the model has {len(model.landmarks)}")
    known = np.isfinite(points).all(axis=1)
    if not known.any():
        raise FileFormatError(f"{path} holds no landmark")
    vertices = model.landmarks.cpu().numpy().astype(np.int64)[known]
    names = tuple(str(k) for k in np.flatnonzero(known))
    return vertex_landmarks(vertices, points[known], n, names=names)


def _points_alone(path: Path) -> np.ndarray | None:
    """Return (k, 3) points, nan where there is none; None for a file of pairs."""
    try:
        content = json.loads(path.read_bytes())
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileFormatError(f"{path} is no JSON: {error}") from None
    match content:
        case {"points": list(rows), **others} if not others:
            pass
        case list(rows):
            pass
        case _:
            return None
    points = np.full((len(rows), 3), np.nan)
    for k, row in enumerate(rows):
        if row is None:
            continue
        match row:
            case [int() | float(), int() | float(), int() | float()]:
                points[k] = row
            case _:
                raise FileFormatError(f"{path}: point {k} is {str(row)[:60]}, expected [x, y, z]")
        if not np.isfinite(points[k]).all():
            raise FileFormatError(f"{path}: point {k} is not finite: {row}")
    return points
