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

from gan.errors import DatasetError
from gan.progress import Progress, counter, silent
from meshkit.files import atomic_path
from meshkit.topology import boundary_loops

FOLDER = "FaceXModel"
NEUTRAL = "generic_neutral_mesh"
INDICES = "vertex_indices.json"
UNIT = "cm"  # the repository names none; the sizes are those of centimetres
HOLES = ("mouth", "eye_L", "eye_R")


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
    """Write the face model file of a checkout (or of its folder FaceXModel).

    Raises
    ------
    DatasetError
        A file is missing from the checkout, or is not what its name says.
    OSError
        The target cannot be written.
    """
    folder = _find_folder(Path(checkout))
    with atomic_path(path) as aside:  # first: an unwritable target is found before the work
        fields = read_ict(folder, area, progress)
        with aside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **fields)


def read_ict(folder: Path, area: Area, progress: Progress = silent) -> dict[str, np.ndarray]:
    """Return the fields of the face model file."""
    config = _read_indices(folder)
    expressions = [str(name) for name in config["expressions"]]
    identities = _find_identities(folder)
    if missing := [name for name in expressions if not (folder / f"{name}.obj").is_file()]:
        raise DatasetError(f"{folder}: {missing[0]}.obj is missing ({len(missing)} in all)")
    neutral = folder / f"{NEUTRAL}.obj"
    mean, counts = read_vertices(neutral, area.vertices)
    modes, names = [], [*identities, *expressions]
    advance = counter(progress, "reading OBJ files", len(names))
    for name in names:
        V, these = read_vertices(folder / f"{name}.obj", area.vertices)
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
    quads = read_quads(neutral, area)
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
        **_name_loops(folder, mean, faces),
        "landmarks68": landmarks,
        "unit": np.array(UNIT),
        **_find_commit(folder.parent),
    }


def read_vertices(path: Path, n: int) -> tuple[Float[np.ndarray, "n 3"], tuple[int, int]]:
    """Read the first n vertices of an OBJ file, and count all its vertices and polygons."""
    if not path.is_file():
        raise DatasetError(f"{path} is missing: incomplete checkout")
    text = b"\n" + path.read_bytes()
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


def read_quads(path: Path, area: Area) -> Int[np.ndarray, "q 4"]:
    """Read the first polygons of an OBJ file, which must be quads among the area's vertices."""
    rows = re.findall(r"^f (.*)$", path.read_text(encoding="utf-8"), flags=re.M)[: area.quads]
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


def split_quads(
    V: Float[np.ndarray, "n 3"], quads: Int[np.ndarray, "q 4"]
) -> Int[np.ndarray, "t 3"]:
    """Split quads along the diagonal that is Delaunay on V: the smaller sum of angles across it."""
    angle = np.empty(quads.shape)
    for k in range(4):
        P = V[quads[:, k]]
        one, other = V[quads[:, k - 1]] - P, V[quads[:, (k + 1) % 4]] - P
        cosine = (one * other).sum(axis=1)
        angle[:, k] = np.arctan2(np.linalg.norm(np.cross(one, other), axis=1), cosine)
    through_first = angle[:, 1] + angle[:, 3] <= angle[:, 0] + angle[:, 2]
    first = np.where(through_first[:, None], quads[:, [0, 1, 2]], quads[:, [0, 1, 3]])
    second = np.where(through_first[:, None], quads[:, [0, 2, 3]], quads[:, [1, 2, 3]])
    return np.stack([first, second], axis=1).reshape(-1, 3)


def _name_loops(folder: Path, V: np.ndarray, faces: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outer boundary and the holes: the mouth is the longest, eyes by their side."""
    outer, *holes = boundary_loops(faces)
    if len(holes) != len(HOLES):
        raise DatasetError(
            f"{folder}: the face has {len(holes)} holes, expected {', '.join(HOLES)}"
        )
    mouth, *eyes = holes
    eyes.sort(key=lambda loop: -float(V[loop, 0].mean()))  # the subject's left is +x
    ordered = [mouth, *eyes]
    return {
        "outer_loop": outer.astype(np.int32),
        "hole_names": np.array(HOLES),
        "hole_loops": np.concatenate(ordered).astype(np.int32),
        "hole_loop_sizes": np.array([len(loop) for loop in ordered], dtype=np.int32),
    }


def _find_folder(checkout: Path) -> Path:
    """Return the folder with the OBJ files, given it or the one above."""
    for folder in (checkout / FOLDER, checkout):
        if (folder / INDICES).is_file():
            return folder
    raise DatasetError(f"{checkout}: no {FOLDER}/{INDICES}: not a checkout of ICT-FaceKit")


def _find_identities(folder: Path) -> list[str]:
    """Return the names of the identity modes, which are numbered without a gap."""
    every = (file.stem for file in folder.glob("identity*.obj"))
    identities = sorted(name for name in every if re.fullmatch(r"identity\d+", name))
    expected = [f"identity{i:03d}" for i in range(len(identities))]
    if not identities or identities != expected:
        lost = min(set(expected) - set(identities), default="identity000")
        raise DatasetError(f"{folder}: {lost}.obj is missing: incomplete checkout")
    return identities


def _read_indices(folder: Path) -> dict[str, Any]:
    """Read the JSON file of the repository; only what is needed of it."""
    path = folder / INDICES
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
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


def _find_commit(checkout: Path) -> dict[str, np.ndarray]:
    """Return the commit of a git checkout, read from its files; nothing where there is none."""
    git = checkout / ".git"
    if not (git / "HEAD").is_file():
        return {}
    head = (git / "HEAD").read_text(encoding="utf-8").strip()
    if head.startswith("ref: "):
        name = head.removeprefix("ref: ")
        packed = git / "packed-refs"
        if re.fullmatch(r"refs/[\w./-]+", name) and ".." not in name and (git / name).is_file():
            head = (git / name).read_text(encoding="utf-8").strip()
        elif packed.is_file():
            for line in packed.read_text(encoding="utf-8").splitlines():
                if line.endswith(f" {name}"):
                    head = line.split()[0]
    return {"source_commit": np.array(head)} if re.fullmatch(r"[0-9a-f]{40,64}", head) else {}
