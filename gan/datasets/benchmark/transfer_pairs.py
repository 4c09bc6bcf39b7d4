"""Expression transfer with the truth: what A looks like in the expression that B shows.

The file beside a benchmark, `NAME.transfer.h5`, is HDF5: `rest` (P, V, 3) float32, one scan of each
person at rest; `person` (P,) their numbers, rising; per pair `person_a`, `person_b`, `expression`
(N,) int32, `strength` (N,) float32, and `expression_b`, `truth` (N, V, 3) float32; `faces`. The
attribute `expressions` names the classes. Scans are as noisy as those of the benchmark; the truth
is not a scan.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float32, Int

from gan.datasets.checks import check_faces, check_finite, check_range, check_shape
from gan.datasets.hdf5 import open_hdf5, read_array, read_attribute, read_json
from gan.datasets.writing import STORED
from gan.errors import DatasetError
from meshkit.files import atomic_path

FORMAT, VERSION = "meshkit-gan transfer pairs", 1
DTYPES = {
    "faces": "<i4",
    "rest": "<f4",
    "person": "<i4",
    "person_a": "<i4",
    "person_b": "<i4",
    "expression": "<i4",
    "strength": "<f4",
    "expression_b": "<f4",
    "truth": "<f4",
}


@dataclasses.dataclass(frozen=True)
class TransferPairs:
    """Pairs of held-out people A, B: B acts, and the truth is A with the same action units.

    Attributes
    ----------
    rest_a, rest_b, expression_b : scans, mm.   truth : mm, without a scanner's error.
    strength : intensity of the emotion, in (0, 1].
    person_a, person_b : subjects of the data set.   expression : index into `names`.
    faces : (T, 3).   provenance : how the file was made.
    """

    rest_a: Float32[np.ndarray, "N V 3"]
    rest_b: Float32[np.ndarray, "N V 3"]
    expression_b: Float32[np.ndarray, "N V 3"]
    truth: Float32[np.ndarray, "N V 3"]
    strength: Float32[np.ndarray, " N"]
    person_a: Int[np.ndarray, " N"]
    person_b: Int[np.ndarray, " N"]
    expression: Int[np.ndarray, " N"]
    names: tuple[str, ...]
    faces: Int[np.ndarray, "T 3"]
    provenance: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.strength)


def transfer_path(path: Path | str) -> Path:
    """Return where the pairs of a benchmark file lie: `faces.transfer.h5`."""
    return side_path(path, "transfer")


def judges_path(path: Path | str) -> Path:
    """Return where the people of a benchmark lie from whom only judges learn: `faces.judges.h5`."""
    return side_path(path, "judges")


def extreme_path(path: Path | str) -> Path:
    """Return where the extreme expressions of a benchmark lie: `faces.extreme.h5`."""
    return side_path(path, "extreme")


def side_path(path: Path | str, purpose: str) -> Path:
    """Return the path of a file that lies beside a benchmark file: `faces.PURPOSE.h5`."""
    path = Path(path)
    return path.with_name(f"{path.stem}.{purpose}{path.suffix}")


def load_transfer(path: Path | str) -> TransferPairs:
    """Read the pairs whole, checked.

    Raises
    ------
    DatasetError
        The file is damaged, of another format or version, or breaks a rule.
    OSError
        The file does not exist or cannot be read.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(
            f"{path} does not exist: a benchmark has such a file beside it",
            remedy="make-benchmark",
        )
    with open_hdf5(path) as file:
        for name, expected in {"format": FORMAT, "version": VERSION, "units": "mm"}.items():
            value = read_attribute(path, file, name)
            if not isinstance(value, str | np.integer) or value != expected:
                raise DatasetError(
                    f"{path}: {name} is {value!r}, expected {expected!r}", remedy="make-benchmark"
                )
        arrays = {name: read_array(path, file, name, dtype) for name, dtype in DTYPES.items()}
        names = tuple(map(str, read_json(path, file, "expressions", list)))
        provenance = read_json(path, file, "provenance", dict)
    _check(str(path), arrays, len(names))
    person = arrays["person"]
    a, b = (arrays[name].astype(np.int64) for name in ("person_a", "person_b"))
    return TransferPairs(
        rest_a=arrays["rest"][np.searchsorted(person, a)],
        rest_b=arrays["rest"][np.searchsorted(person, b)],
        expression_b=arrays["expression_b"],
        truth=arrays["truth"],
        strength=arrays["strength"],
        person_a=a,
        person_b=b,
        expression=arrays["expression"].astype(np.int64),
        names=names,
        faces=arrays["faces"].astype(np.int64),
        provenance=provenance,
    )


def write_transfer(
    path: Path,
    *,
    arrays: Mapping[str, np.ndarray],
    posed: Iterable[tuple[np.ndarray, np.ndarray]],
    names: tuple[str, ...],
    provenance: Mapping[str, Any],
) -> None:
    """Write the pairs whole or not at all.

    Parameters
    ----------
    arrays : all of `DTYPES` but the last two; lengths in mm
    posed
        Blocks (k, V, 3) of `expression_b` and `truth`, in the order of the pairs.
    """
    n, size = len(arrays["strength"]), arrays["rest"].shape[1:]
    with atomic_path(path) as aside, h5py.File(aside, "w", libver="v110") as file:
        file.attrs["format"], file.attrs["version"], file.attrs["units"] = FORMAT, VERSION, "mm"
        file.attrs["expressions"] = json.dumps(list(names))
        file.attrs["provenance"] = json.dumps(dict(provenance), sort_keys=True)
        for name, array in arrays.items():
            file.create_dataset(name, data=np.asarray(array).astype(DTYPES[name]), **STORED)
        stored = [
            file.create_dataset(name, (n, *size), "<f4", chunks=(1, *size), **STORED)
            for name in ("expression_b", "truth")
        ]
        done = 0
        for blocks in posed:
            for array, block in zip(stored, blocks, strict=True):
                array[done : done + len(block)] = block
            done += len(blocks[0])
        if done != n:
            raise DatasetError(f"{path}: got {done} pairs, expected {n}")


def _check(where: str, arrays: Mapping[str, np.ndarray], n_expressions: int) -> None:
    """Raise DatasetError, beginning with the file, at the first rule that is broken."""
    rest, person = arrays["rest"], arrays["person"]
    if rest.ndim != 3 or rest.shape[2] != 3 or len(rest) < 2:
        raise DatasetError(f"{where}: /rest is {rest.shape}, expected (P, V, 3) of two or more")
    if len(arrays["strength"]) < 1:
        raise DatasetError(f"{where}: it holds no pairs")
    check_shape(f"{where}: /person", person, (len(rest),))
    if (np.diff(person) <= 0).any():
        raise DatasetError(f"{where}: /person must rise")
    if arrays["faces"].ndim != 2 or arrays["faces"].shape[1] != 3 or not len(arrays["faces"]):
        raise DatasetError(f"{where}: /faces is {arrays['faces'].shape}, expected (T, 3), T >= 1")
    check_faces(f"{where}: /faces", arrays["faces"], rest.shape[1])
    n = len(arrays["strength"])
    for name in ("person_a", "person_b", "expression", "strength"):
        check_shape(f"{where}: /{name}", arrays[name], (n,))
    for name in ("expression_b", "truth"):
        check_shape(f"{where}: /{name}", arrays[name], (n, *rest.shape[1:]))
    for name in ("rest", "expression_b", "truth", "strength"):
        check_finite(f"{where}: /{name}", arrays[name])
    check_range(f"{where}: /expression", arrays["expression"], 0, n_expressions)
    for name in ("person_a", "person_b"):
        if not (known := np.isin(arrays[name], person)).all():
            stranger = int(arrays[name][~known][0])
            raise DatasetError(f"{where}: /{name} names {stranger}, who has no scan at rest")
    if (same := arrays["person_a"] == arrays["person_b"]).any():
        raise DatasetError(f"{where}: pair {int(same.argmax())} is of one person with itself")
