"""Writing a data set: whole or not at all, equal contents in equal bytes."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gan.datasets.checks import check_finite, check_shape
from gan.datasets.contract import (
    DTYPES,
    FORMAT,
    LABEL,
    VERSION,
    Contents,
)
from gan.errors import DatasetError
from meshkit.files import atomic_path, clean_stale

CHUNK_BYTES = 1 << 18  # one random mesh should not drag in much more than itself
STORED = {"track_times": False, "fletcher32": True}  # HDF5 refuses to read what was damaged


def write_dataset(
    path: Path | str,
    *,
    faces: np.ndarray,
    template: np.ndarray,
    labels: Mapping[str, np.ndarray],
    names: Mapping[str, Sequence[str]],
    subject: np.ndarray,
    sequence: np.ndarray,
    frame: np.ndarray,
    split: np.ndarray,
    vertices: Iterable[np.ndarray],
    n: int,
    modes: Mapping[str, np.ndarray] | None = None,
    landmarks: np.ndarray | None = None,
    provenance: Mapping[str, Any],
) -> None:
    """Write a data set whole or not at all; `vertices` is consumed chunk by chunk.

    Annotated loosely on purpose: what callers get wrong is checked here. Shapes: `data/dataset.md`.

    Parameters
    ----------
    template, vertices, modes : mm
        The chunks (k, V, 3) of `vertices` together hold n meshes.
    provenance
        JSON values: source, parameters, seed, software version. No times: equal data, equal bytes.

    Raises
    ------
    DatasetError
        An array breaks a rule of the format, or `vertices` has too few, too many or a NaN.
    OSError
        The folder is absent or read-only, or the disk is full.
    """
    path = Path(path)
    contents = Contents(
        n=n,
        faces=_cast("faces", faces),
        template=_cast("template", template),
        subject=_cast("subject", subject),
        sequence=_cast("sequence", sequence),
        frame=_cast("frame", frame),
        split=_cast("split", split),
        labels={factor: np.asarray(x).astype(LABEL) for factor, x in sorted(labels.items())},
        names={factor: tuple(x) for factor, x in sorted(names.items())},
        landmarks=None if landmarks is None else _cast("landmarks", landmarks),
    )
    contents.check(str(path))
    clean_stale(path.parent)  # a data set takes minutes to make: some writers were killed
    with atomic_path(path) as aside, h5py.File(aside, "w", libver="v110") as file:
        file.attrs["format"], file.attrs["version"], file.attrs["units"] = FORMAT, VERSION, "mm"
        file.attrs["provenance"] = json.dumps(dict(provenance), sort_keys=True)
        for name in ("faces", "template", "subject", "sequence", "frame", "split", "landmarks"):
            if (array := getattr(contents, name)) is not None:
                file.create_dataset(name, data=array, **STORED)
        for factor, label in contents.labels.items():
            stored = file.create_dataset(f"labels/{factor}", data=label, **STORED)
            stored.attrs["names"] = json.dumps(list(contents.names[factor]))
        for factor, mode in sorted((modes or {}).items()):
            check_shape(f"{path}: /modes/{factor}", mode, (len(mode), *contents.template.shape))
            check_finite(f"{path}: /modes/{factor}", mode)
            file.create_dataset(f"modes/{factor}", data=mode.astype("<f4"), **STORED)
        _write_vertices(path, file, contents, vertices)


def _write_vertices(
    path: Path, file: h5py.File, contents: Contents, vertices: Iterable[np.ndarray]
) -> None:
    """Write and hash the chunks; refuse another count, another shape, a NaN."""
    n, size = contents.n, contents.template.shape
    per_chunk = int(np.clip(CHUNK_BYTES // (size[0] * 12), 1, min(8, n)))
    stored = file.create_dataset(
        "vertices", (n, *size), DTYPES["vertices"], chunks=(per_chunk, *size), **STORED
    )
    digest, done = hashlib.sha256(), 0
    for chunk in vertices:
        data = np.ascontiguousarray(chunk, dtype=DTYPES["vertices"])
        if data.shape[1:] != size or done + len(data) > n:
            raise DatasetError(
                f"{path}: /vertices: got {done + len(data)} meshes of shape {data.shape[1:]}, "
                f"expected {n} of {size}"
            )
        if not np.isfinite(data).all():
            k, vertex = np.argwhere(~np.isfinite(data))[0, :2]
            raise DatasetError(f"{path}: /vertices[{done + k}, {vertex}] is not finite")
        stored[done : done + len(data)] = data
        digest.update(data.tobytes())
        done += len(data)
    if done != n:
        raise DatasetError(f"{path}: /vertices: got {done} meshes, expected {n}")
    stored.attrs["sha256"] = digest.hexdigest()


def _cast(name: str, array: np.ndarray) -> np.ndarray:
    """Return the array in the type of the file; refuse integers that do not fit."""
    cast = np.asarray(array).astype(DTYPES[name])
    if cast.dtype.kind == "i" and (cast != array).any():
        raise DatasetError(f"/{name} does not fit into {cast.dtype}")
    return cast
