"""Reading face model files (.npz): safely, with every field checked, in millimetres.

`data/face_model_file.md` describes the two kinds, linear and skinned, field by field.
"""

import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan.datasets.checks import check_faces, check_finite, check_range
from gan.errors import DatasetError

# Field -> kind (f: real, i: integer, U: text) and shape; the first use of a letter binds it.
LINEAR = {
    "mean": ("f", "V 3"),
    "id_modes": ("f", "K V 3"),
    "exp_modes": ("f", "E V 3"),
    "exp_names": ("U", "E"),
    "faces": ("i", "T 3"),
}
SKINNED = {
    "mean": ("f", "V 3"),
    "id_modes": ("f", "K V 3"),
    "id_names": ("U", "K"),
    "id_kinds": ("U", "K"),
    "id_opposite": ("i", "K"),
    "id_mirror": ("i", "K"),
    "exp_modes": ("f", "R E V 3"),
    "exp_names": ("U", "E"),
    "exp_races": ("U", "R"),
    "faces": ("i", "T 3"),
    "bone_names": ("U", "B"),
    "bone_parent": ("i", "B"),
    "joint_mean": ("f", "B 3"),
    "joint_id_modes": ("f", "K B 3"),
    "skin_weights": ("f", "V B"),
    "pose_names": ("U", "P"),
    "pose_rotvec": ("f", "P B 3"),
}
LENGTHS = ("mean", "id_modes", "exp_modes", "joint_mean", "joint_id_modes")
UNITS = {"mm": 1.0, "cm": 10.0, "dm": 100.0, "m": 1000.0}  # mm
LARGEST_FACE = (100.0, 1000.0)  # mm: the longest side of the box around a face; fits one unit only
DAMAGE = (  # what zipfile and numpy raise on damaged bytes
    *(ValueError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError),
    *(RuntimeError, OverflowError, MemoryError, TypeError, SyntaxError),
)
LARGEST_FILE = 4 << 30  # bytes, unpacked: a small file must not fill the memory


class FaceModelFile(NamedTuple):
    """The checked fields of a face model file; lengths are float64 millimetres."""

    path: Path
    kind: str  # "linear" or "skinned"
    fields: dict[str, np.ndarray]
    landmarks: np.ndarray | None  # (68,)
    action_units: dict[str, dict[str, float]] | None  # the file's own table, if it has one
    provenance: dict[str, Any]


def read_face_model(path: Path | str) -> FaceModelFile:
    """Read and check a face model file of either kind; one with bones is skinned.

    Raises
    ------
    DatasetError
        The file is no .npz, truncated or pickled; a field is missing, of another type or shape, not
        finite, or points outside; the unit of length cannot be told.
    OSError
        The file does not exist or cannot be read.
    """
    path = Path(path)
    raw = path.read_bytes()
    if not zipfile.is_zipfile(path):
        raise DatasetError(f"{path}: not an .npz file, or truncated")
    every = _unpack(path)
    kind, spec = ("skinned", SKINNED) if "bone_names" in every else ("linear", LINEAR)
    fields = _check_fields(path, every, kind, spec)
    check_faces(f"{path}: faces", fields["faces"], len(fields["mean"]))
    unit, scale, reason = _find_unit(path, every, fields["mean"])
    for name in LENGTHS:
        if name in fields:
            fields[name] = fields[name] * scale
    provenance = {
        "kind": kind,
        "file": path.name,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "unit": unit,
        "unit_from": reason,
    }
    # Whoever made the model wants to be named by whatever is made from it.
    provenance |= {k: str(every[k]) for k in ("source_commit", "attribution") if k in every}
    landmarks = every.get("landmarks68")
    if landmarks is not None:
        landmarks = _check_field(path, "landmarks68", landmarks, "i", "68", {})
        check_range(f"{path}: landmarks68", landmarks, 0, len(fields["mean"]))
    return FaceModelFile(path, kind, fields, landmarks, _read_table(path, every), provenance)


def _unpack(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of an .npz; never unpickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST_FILE:
            raise DatasetError(f"{path}: unpacks to {size} bytes, more than {LARGEST_FILE}")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except DatasetError:
        raise
    except DAMAGE as error:
        pickled = "allow_pickle" in str(error)
        reason = "a field is pickled, which is never loaded" if pickled else "damaged .npz file"
        raise DatasetError(f"{path}: {reason}") from error
    if strange := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise DatasetError(f"{path}: damaged .npz file: {strange[0]} is no array")
    return arrays


def _check_fields(
    path: Path, every: dict[str, np.ndarray], kind: str, spec: dict[str, tuple[str, str]]
) -> dict[str, np.ndarray]:
    """Return the fields of this kind in float64, int64 and text."""
    if missing := [name for name in spec if name not in every]:
        raise DatasetError(f"{path}: {kind} face model without {', '.join(missing)}")
    sizes: dict[str, int] = {}
    return {
        name: _check_field(path, name, every[name], of, shape, sizes)
        for name, (of, shape) in spec.items()
    }


def _check_field(
    path: Path, name: str, array: np.ndarray, of: str, shape: str, sizes: dict[str, int]
) -> np.ndarray:
    """Return one field in its working type; bind the sizes that its shape names."""
    if array.dtype.kind not in {"f": "f", "i": "iu", "U": "U"}[of]:
        wanted = {"f": "real numbers", "i": "integers", "U": "text"}[of]
        raise DatasetError(f"{path}: {name} has type {array.dtype}, expected {wanted}")
    axes = shape.split()
    fits = array.ndim == len(axes) and 0 not in array.shape
    for axis, size in zip(axes, array.shape, strict=False):
        fits &= size == (int(axis) if axis.isdigit() else sizes.setdefault(axis, size))
    if not fits:
        known = ", ".join(f"{axis} = {sizes[axis]}" for axis in axes if axis in sizes)
        raise DatasetError(
            f"{path}: {name} has shape {array.shape}, expected ({', '.join(axes)}) with {known}"
        )
    if of == "U":
        return array
    if of == "i":
        return array.astype(np.int64)
    check_finite(f"{path}: {name}", array)
    return array.astype(np.float64)


def _find_unit(
    path: Path, every: dict[str, np.ndarray], mean: np.ndarray
) -> tuple[str, float, str]:
    """Return the file's unit, its length in mm, and how it was found: a field or the size."""
    size = float(np.ptp(mean, axis=0).max())
    if "unit" in every:
        name = str(every["unit"])
        if name not in UNITS:
            raise DatasetError(f"{path}: unit is {name!r}, expected one of {', '.join(UNITS)}")
        return name, UNITS[name], "field"
    name, reason = infer_unit(size, f"{path}: the face", remedy="store-unit")
    return name, UNITS[name], reason


def infer_unit(size: float, what: str, remedy: str) -> tuple[str, str]:
    """Return the unit in which a face has a face's size, and the reason in words.

    Raises
    ------
    DatasetError
        There is none; the message begins with `what`, and the error carries `remedy`.
    """
    low, high = LARGEST_FACE
    for name, scale in UNITS.items():
        if low <= size * scale < high:
            return name, f"inferred: the face is {size:.4g} long, as mm {size * scale:.0f}"
    raise DatasetError(
        f"{what} is {size:.4g} long, which is {low:.0f} to {high:.0f} mm in no unit of "
        f"{', '.join(UNITS)}",
        remedy=remedy,
    )


def _read_table(path: Path, every: dict[str, np.ndarray]) -> dict[str, dict[str, float]] | None:
    """Return the file's own table of action units (JSON), if it has one."""
    if "action_units" not in every:
        return None
    try:
        table = json.loads(str(every["action_units"]))
        return {
            str(unit): {str(name): float(weight) for name, weight in parts.items()}
            for unit, parts in table.items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(
            f'{path}: action_units must be JSON such as {{"AU12_L": {{"mouthSmile_L": 1}}}}'
        ) from error
