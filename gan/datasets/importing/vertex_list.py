"""A list of vertices in a file: JSON, or numbers with spaces between them."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Int

from gan.errors import DatasetError

LANDMARKS = 68


def read_vertex_list(path: Path, n: int, *, count: int | None = None) -> Int[np.ndarray, " k"]:
    """Read vertex indices of a mesh of n vertices: a JSON list, a field "landmarks68", or text.

    Raises
    ------
    DatasetError
        The file holds something else, another number of them than `count`, or one out of range.
    OSError
        The file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if text.lstrip()[:1] in ("[", "{") else text.split()
        if isinstance(content, dict):
            content = content["landmarks68"]
        vertices = [int(x) if isinstance(x, str) else x for x in content]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(f"{path}: is no list of vertex indices, as JSON or as text") from error
    for k, vertex in enumerate(vertices):
        if isinstance(vertex, bool) or not isinstance(vertex, int) or not 0 <= vertex < n:
            raise DatasetError(f"{path}: entry {k} is {vertex!r}, expected 0 to {n - 1}")
    if count is not None and len(vertices) != count:
        raise DatasetError(f"{path}: {len(vertices)} vertices, expected {count}")
    return np.array(vertices, dtype=np.int64)
