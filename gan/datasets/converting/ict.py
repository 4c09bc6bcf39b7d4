"""From a checkout of the public repository ICT-VGL/ICT-FaceKit to a linear face model file.

Read from its folder FaceXModel: `vertex_indices.json` (names of expressions, landmarks), the
neutral mesh, one OBJ for each expression and for each identity mode. Vertices keep their order, so
indices in the repository's README hold. Its data is MIT-licensed, copyright USC ICT.
"""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from gan.datasets.converting.checkout import Checkout
from gan.datasets.converting.model import name_loops, split_quads, write_model
from gan.errors import DatasetError
from gan.progress import Progress, counter, silent

FOLDER = "FaceXModel"
NEUTRAL = "generic_neutral_mesh"
INDICES = "vertex_indices.json"
UNIT = "cm"  # the repository names none; the sizes are those of centimetres


class Area(NamedTuple):
    """A part of the model: its vertices and polygons come first in every file."""

    vertices: int
    quads: int


NARROW = Area(vertices=6706, quads=6560)  # the face proper
FULL = Area(vertices=9409, quads=9230)  # with ears and the front of the neck


def convert_ict(
    checkout: Path | str,
    path: Path | str,
    *,
    area: Area = NARROW,
    progress: Progress = silent,
) -> None:
    """Write the face model file of a checkout, of its folder FaceXModel, or of a git directory.

    Raises
    ------
    DatasetError
        A file is missing from the checkout, or is not what its name says.
    OSError
        The target cannot be written.
    """
    kit = _open(Path(checkout))
    write_model(path, lambda: read_ict(kit, area, progress))


def read_ict(kit: Checkout, area: Area, progress: Progress = silent) -> dict[str, np.ndarray]:
    """Return the fields of the face model file."""
    folder = kit.path / FOLDER  # for messages
    config = _read_indices(kit)
    expressions = [str(name) for name in config["expressions"]]
    files = kit.names(FOLDER, ".obj")
    identities = _find_identities(folder, files)
    if missing := [name for name in expressions if name not in files]:
        raise DatasetError(f"{folder}: {missing[0]}.obj is missing ({len(missing)} in all)")
    mean, counts = read_vertices(kit, NEUTRAL, area.vertices)
    modes, names = [], [*identities, *expressions]
    advance = counter(progress, "reading OBJ files", len(names))
    for name in names:
        V, these = read_vertices(kit, name, area.vertices)
        if these != counts:
            raise DatasetError(
                f"{folder / name}.obj has {these[0]} vertices and {these[1]} polygons, "
                f"{NEUTRAL}.obj {counts[0]} and {counts[1]}"
            )
        modes.append((V - mean).astype(np.float32))
        advance(1)
    landmarks = np.array(config["idx_to_landmark_verts"], dtype=np.int32)
    if landmarks.max() >= area.vertices:
        raise DatasetError(f"{folder / INDICES}: landmark {landmarks.max()} is no face vertex")
    quads = read_quads(kit, NEUTRAL, area)
    faces = split_quads(mean, quads)
    return {
        "mean": mean.astype(np.float32),
        "id_modes": np.stack(modes[: len(identities)]),
        "exp_modes": np.stack(modes[len(identities) :]),
        "id_names": np.array(identities),
        "exp_names": np.array(expressions),
        "faces": faces.astype(np.int32),
        "quads": quads.astype(np.int32),
        "vertex_map": np.arange(area.vertices, dtype=np.int32),
        **name_loops(folder, mean, faces),
        "landmarks68": landmarks,
        "unit": np.array(UNIT),
        **({"source_commit": np.array(kit.commit)} if kit.commit else {}),
    }


def read_vertices(
    kit: Checkout, name: str, n: int
) -> tuple[Float[np.ndarray, "n 3"], tuple[int, int]]:
    """Read the first n vertices of an OBJ file, and count all its vertices and polygons."""
    file = f"{FOLDER}/{name}.obj"
    path, text = kit.path / file, b"\n" + kit.read(file)
    counts = text.count(b"\nv "), text.count(b"\nf ")
    if counts[0] < n:
        raise DatasetError(f"{path}: {counts[0]} vertices, expected {n} or more; not this model?")
    rows = re.findall(rb"\nv ([^\n]*)", text)[:n]
    try:
        V = np.array([row.split()[:3] for row in rows], dtype=np.float64)
    except ValueError as error:
        raise DatasetError(f"{path}: a vertex is not three numbers") from error
    if not np.isfinite(V).all():
        i = int((~np.isfinite(V)).any(axis=1).argmax())
        raise DatasetError(f"{path}: vertex {i} is not finite")
    return V, counts


def read_quads(kit: Checkout, name: str, area: Area) -> Int[np.ndarray, "q 4"]:
    """Read the first polygons of an OBJ file, which must be quads among the area's vertices."""
    file = f"{FOLDER}/{name}.obj"
    path, text = kit.path / file, kit.read(file).decode("utf-8", "replace")
    rows = re.findall(r"^f (.*)$", text, flags=re.M)[: area.quads]
    try:
        corners = [[int(corner.split("/")[0]) - 1 for corner in row.split()] for row in rows]
        quads = np.array(corners, dtype=np.int64).reshape(-1, 4)
    except ValueError as error:
        raise DatasetError(f"{path}: the first {area.quads} polygons are not all quads") from error
    if len(quads) != area.quads or quads.min() < 0 or quads.max() >= area.vertices:
        raise DatasetError(
            f"{path}: the first {area.quads} polygons are not quads of the first "
            f"{area.vertices} vertices; not this model?"
        )
    return quads


def _open(path: Path) -> Checkout:
    """Open a checkout, given it or its folder with the OBJ files."""
    above = path.resolve().parent if (path / INDICES).is_file() else path
    return Checkout(above, must_have=f"{FOLDER}/{INDICES}", repository="ICT-FaceKit")


def _find_identities(folder: Path, files: list[str]) -> list[str]:
    """Return the names of the identity modes, which are numbered without a gap."""
    identities = [name for name in files if re.fullmatch(r"identity\d+", name)]
    expected = [f"identity{i:03d}" for i in range(len(identities))]
    if not identities or identities != expected:
        lost = min(set(expected) - set(identities), default="identity000")
        raise DatasetError(f"{folder}: {lost}.obj is missing: incomplete checkout")
    return identities


def _read_indices(kit: Checkout) -> dict[str, Any]:
    """Read the JSON file of the repository; only what is needed of it."""
    path = kit.path / FOLDER / INDICES
    try:
        config = json.loads(kit.read(f"{FOLDER}/{INDICES}"))
        names, marks = config["expressions"], config["idx_to_landmark_verts"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetError(
            f"{path}: expected JSON with expressions and idx_to_landmark_verts"
        ) from error
    if not isinstance(names, list) or not isinstance(marks, list):
        raise DatasetError(f"{path}: expressions and idx_to_landmark_verts must be lists")
    plain = all(isinstance(name, str) and re.fullmatch(r"\w+", name) for name in names)
    if not names or not plain or len(set(names)) < len(names):
        raise DatasetError(f"{path}: expressions must be distinct plain names of OBJ files")
    if len(marks) != 68 or not all(isinstance(i, int) and i >= 0 for i in marks):
        raise DatasetError(f"{path}: idx_to_landmark_verts must be 68 vertex indices")
    return dict(config)
