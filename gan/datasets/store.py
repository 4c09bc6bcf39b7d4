"""Data sets on disk: HDF5, vertices read lazily, nothing in a file that points out of it.

The layout is in `gan/datasets/contract.py` and, for people, in `data/dataset.md`.
"""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float, Float32, Int

from gan.datasets.checks import check_finite, check_shape
from gan.datasets.contract import (
    DTYPES,
    FORMAT,
    LABEL,
    SPLITS,
    VERSION,
    Contents,
)
from gan.datasets.hdf5 import (
    find_dataset,
    guard,
    open_hdf5,
    read_array,
    read_attribute,
    read_json,
    read_members,
    read_slice,
)
from gan.datasets.writing import write_dataset
from gan.errors import DatasetError
from gan.progress import Progress, counter, silent

__all__ = ["Dataset", "check_dataset", "load_dataset", "write_dataset"]


class Dataset:
    """A data set opened for reading; a context manager. Made by `load_dataset`.

    Attributes
    ----------
    path : the file.   n : number of meshes N.
    faces : (T, 3) int64.   template : (V, 3) float32, mm.
    labels : factor -> (N,) int64, -1 where unlabelled.   names : factor -> names of its classes.
    subject, sequence, frame, split : (N,) int64; sequence -1: a still; split indexes `SPLITS`.
    landmarks : (68,) int64 vertex indices, or None.   provenance : how the file was made.
    fingerprint : sha256 in hex over all contents (the vertices by the hash kept in the file).
    """

    def __init__(self, path: Path, file: h5py.File, contents: Contents) -> None:
        self.path = path
        self.n = contents.n
        self.template: np.ndarray = contents.template
        self.faces = contents.faces.astype(np.int64)
        self.labels = {name: x.astype(np.int64) for name, x in contents.labels.items()}
        self.names = dict(contents.names)
        self.subject = contents.subject.astype(np.int64)
        self.sequence = contents.sequence.astype(np.int64)
        self.frame = contents.frame.astype(np.int64)
        self.split = contents.split.astype(np.int64)
        marks = contents.landmarks
        self.landmarks = None if marks is None else marks.astype(np.int64)
        self.provenance: dict[str, Any] = read_json(path, file, "provenance", dict)
        self._stored = file["vertices"]
        self.vertices_sha256 = str(read_attribute(path, self._stored, "sha256"))
        self.fingerprint = contents.fingerprint(self.vertices_sha256)
        self._file = file

    def __enter__(self) -> "Dataset":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; the arrays that were read stay usable."""
        self._file.close()

    def __repr__(self) -> str:
        return f"Dataset({str(self.path)!r}, n={self.n}, vertices={len(self.template)})"

    def vertices(
        self, indices: Sequence[int] | Int[np.ndarray, " k"]
    ) -> Float32[np.ndarray, "k V 3"]:
        """Read the meshes with these indices, in this order; repetitions are allowed.

        Raises
        ------
        DatasetError
            A coordinate is not finite, or the file is damaged.
        """
        wanted = np.asarray(indices, dtype=np.int64)
        if wanted.size and not (wanted.min() >= 0 and wanted.max() < self.n):
            raise ValueError(f"mesh indices must be in [0, {self.n}), got {wanted.tolist()[:8]}")
        unique, inverse = np.unique(wanted, return_inverse=True)
        stored = np.empty((len(unique), *self.template.shape), dtype=np.float32)
        cuts = np.flatnonzero(np.diff(unique) != 1) + 1
        bounds = [0, *cuts.tolist(), len(unique)]
        for low, high in itertools.pairwise(bounds):
            if low < high:
                first = int(unique[low])
                read_slice(self.path, self._stored, stored[low:high], first)
        if not np.isfinite(stored).all():
            k, vertex = np.argwhere(~np.isfinite(stored))[0, :2]
            raise DatasetError(
                f"{self.path}: /vertices[{unique[k]}, {vertex}] is not finite: {stored[k, vertex]}"
            )
        return stored if (np.diff(wanted) > 0).all() else stored[inverse]

    def chunks(
        self, indices: Int[np.ndarray, " n"], size: int = 64
    ) -> Iterator[Float32[np.ndarray, "_ V 3"]]:
        """Yield the meshes with these indices, at most `size` at a time."""
        for start in range(0, len(indices), size):
            yield self.vertices(indices[start : start + size])

    def indices(self, split: str) -> Int[np.ndarray, " k"]:
        """Return the indices of the meshes of "train", "validation" or "test"."""
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        return np.flatnonzero(self.split == SPLITS.index(split))

    @cached_property
    def modes(self) -> dict[str, Float32[np.ndarray, "_ V 3"]]:
        """Linear modes of the source per factor, mm; empty where the source has none."""
        modes = {}
        for factor in read_members(self.path, self._file, "modes"):
            array = read_array(self.path, self._file, f"modes/{factor}", DTYPES["vertices"])
            name = f"{self.path}: /modes/{factor}"
            check_shape(name, array, (len(array), *self.template.shape))
            check_finite(name, array)
            modes[factor] = array
        return modes

    def check_topology(self, faces: Int[np.ndarray, "t 3"], where: str = "the template") -> None:
        """Raise DatasetError unless `faces` is this data set's face list."""
        if faces.shape != self.faces.shape:
            raise DatasetError(
                f"{self.path}: other topology: {len(self.faces)} faces, {where} has {len(faces)}"
            )
        other = (faces != self.faces).any(axis=1)
        if other.any():
            i = int(other.argmax())
            raise DatasetError(
                f"{self.path}: other topology: /faces[{i}] = {self.faces[i].tolist()}, "
                f"{where} has {faces[i].tolist()}"
            )


def load_dataset(path: Path | str) -> Dataset:
    """Open a data set: check its form and read everything but the vertices.

    Raises
    ------
    DatasetError
        The file is not HDF5, truncated, of another format or version; an array is missing, of
        another type or shape, or breaks a rule; something in it points to another file.
    OSError
        The file does not exist or cannot be read.
    """
    path = Path(path)
    file = open_hdf5(path)
    try:
        with guard(path, ""):
            return Dataset(path, file, _read_contents(path, file))
    except BaseException:
        file.close()
        raise


def _read_contents(path: Path, file: h5py.File) -> Contents:
    """Read and check everything but the vertices."""
    for name, expected in {"format": FORMAT, "version": VERSION, "units": "mm"}.items():
        value = read_attribute(path, file, name)
        if not isinstance(value, str | np.integer) or value != expected:
            raise DatasetError(f"{path}: {name} is {value!r}, expected {expected!r}")
    vertices = find_dataset(path, file, "vertices", DTYPES["vertices"])
    template = read_array(path, file, "template", DTYPES["template"])
    if vertices.ndim != 3 or vertices.shape[1:] != template.shape:
        raise DatasetError(
            f"{path}: /vertices has shape {vertices.shape}, /template {template.shape}: "
            "expected (N, V, 3) and (V, 3)"
        )
    factors = read_members(path, file, "labels")
    contents = Contents(
        n=vertices.shape[0],
        template=template,
        labels={f: read_array(path, file, f"labels/{f}", LABEL) for f in factors},
        names={f: tuple(read_json(path, file[f"labels/{f}"], "names", list)) for f in factors},
        landmarks=read_array(path, file, "landmarks", "<i4") if "landmarks" in list(file) else None,
        **{
            name: read_array(path, file, name, DTYPES[name])
            for name in ("faces", "subject", "sequence", "frame", "split")
        },
    )
    contents.check(str(path))
    return contents


def check_dataset(dataset: Dataset, progress: Progress = silent) -> Float[np.ndarray, " n"]:
    """Read every vertex; return each mesh's root mean square distance from the template, mm.

    Raises
    ------
    DatasetError
        A vertex is not finite, or the vertices do not hash to what was written.
    """
    digest, distance = hashlib.sha256(), list[np.ndarray]()
    advance = counter(progress, "reading meshes", dataset.n)
    for chunk in dataset.chunks(np.arange(dataset.n)):
        digest.update(chunk.astype(DTYPES["vertices"], copy=False).tobytes())
        offset = chunk - dataset.template
        distance.append(np.sqrt((offset.astype(np.float64) ** 2).sum(axis=2).mean(axis=1)))
        advance(len(chunk))
    if digest.hexdigest() != dataset.vertices_sha256:
        raise DatasetError(
            f"{dataset.path}: /vertices was changed after it was written: its sha256 is "
            f"{digest.hexdigest()[:12]}…, the file says {dataset.vertices_sha256[:12]}…"
        )
    _ = dataset.modes  # reading them checks them
    return np.concatenate(distance)
