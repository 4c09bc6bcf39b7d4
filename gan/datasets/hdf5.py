"""Reading HDF5 files that someone else made: nothing in them is trusted.

HDF5 can point elsewhere (soft and external links, external storage, virtual data sets) and can
declare arrays far larger than the file; both are refused before anything is read.
"""

import contextlib
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from gan.datasets.hdf5_probe import probe as look_through
from gan.errors import DatasetError

DAMAGE = (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, MemoryError)
LARGEST_RATIO = 1100  # deflate cannot expand further, so a larger array cannot be in the file
LARGEST_CHUNK = 1 << 28  # bytes: whoever wants one mesh gets its chunk whole
# What comes with HDF5 and cannot be asked to compute: any other is a library loaded from a folder.
FILTERS = {h5py.h5z.FILTER_DEFLATE: "gzip", h5py.h5z.FILTER_SHUFFLE: "shuffle"}
FILTERS[h5py.h5z.FILTER_FLETCHER32] = "fletcher32"


@contextlib.contextmanager
def guard(path: Path, name: str) -> Iterator[None]:
    """Turn what HDF5 raises on damaged bytes into one DatasetError about /name."""
    try:
        yield
    except DatasetError:
        raise
    except DAMAGE as error:
        raise DatasetError(f"{path}: /{name} cannot be read: the file is damaged") from error


def open_hdf5(path: Path) -> h5py.File:
    """Open a file for reading; DatasetError if it is not whole HDF5, OSError if it is not there."""
    if not path.is_file():
        code = errno.EISDIR if path.is_dir() else errno.ENOENT
        raise OSError(code, os.strerror(code), str(path))
    with path.open("rb") as probe:  # an unreadable file is an OSError, a damaged one is not
        probe.read(1)
    look_through(path)
    try:
        return h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        reason = "truncated" if "truncated" in str(error) else "not an HDF5 file, or damaged"
        raise DatasetError(f"{path}: {reason}") from error


def find_dataset(path: Path, file: h5py.File, name: str, dtype: str) -> h5py.Dataset:
    """Return an array that lies in this file whole and has this type, without reading it."""
    with guard(path, name):
        node = file
        for part in name.split("/"):
            link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
            if link is None:
                raise DatasetError(f"{path}: /{name} is missing")
            if not isinstance(link, h5py.HardLink):
                raise DatasetError(f"{path}: /{name} is a link; links are not followed")
            node = node[part]
        if not isinstance(node, h5py.Dataset):
            raise DatasetError(f"{path}: /{name} is a group, expected an array")
        if node.is_virtual or node.external:
            raise DatasetError(f"{path}: /{name} lies in another file; links are not followed")
        _check_storage(path, name, node)
        if node.dtype != np.dtype(dtype):
            raise DatasetError(f"{path}: /{name} has type {node.dtype}, expected {np.dtype(dtype)}")
        stored = node.id.get_storage_size()
        if node.nbytes > stored * (LARGEST_RATIO if node.compression else 1):
            raise DatasetError(
                f"{path}: /{name} is incomplete: {stored} bytes stored of {node.nbytes}"
            )
        return node


def _check_storage(path: Path, name: str, node: h5py.Dataset) -> None:
    """Refuse filters that HDF5 would load from elsewhere, and chunks that fill the memory."""
    plan = node.id.get_create_plist()
    for i in range(plan.get_nfilters()):
        code = plan.get_filter(i)[0]
        if code not in FILTERS:
            raise DatasetError(
                f"{path}: /{name} is stored by HDF5's filter {code}; of filters only "
                f"{', '.join(FILTERS.values())} are read: h5repack -f GZIP=4 changes it"
            )
    if (
        node.chunks
        and int(np.prod(node.chunks, dtype=object)) * node.dtype.itemsize > LARGEST_CHUNK
    ):
        raise DatasetError(
            f"{path}: /{name} lies in chunks of {'x'.join(map(str, node.chunks))}, more than "
            f"{LARGEST_CHUNK >> 20} MiB each: h5repack -l changes it"
        )


def read_array(path: Path, file: h5py.File, name: str, dtype: str) -> np.ndarray:
    """Read an array whole."""
    array = find_dataset(path, file, name, dtype)
    with guard(path, name):
        return np.asarray(array[()])


def read_slice(path: Path, array: h5py.Dataset, out: np.ndarray, first: int) -> None:
    """Fill `out` with consecutive rows from `first` on."""
    with guard(path, f"{array.name[1:]}[{first}]"):
        array.read_direct(out, np.s_[first : first + len(out)])


def read_members(path: Path, file: h5py.File, name: str) -> list[str]:
    """Return the sorted names in a group; none if the group is absent."""
    with guard(path, name):
        link = file.get(name, getlink=True)
        if link is None:
            return []
        if not isinstance(link, h5py.HardLink):
            raise DatasetError(f"{path}: /{name} is a link; links are not followed")
        if not isinstance(file[name], h5py.Group):
            raise DatasetError(f"{path}: /{name} is an array, expected a group")
        return sorted(file[name])


def read_attribute(path: Path, node: h5py.HLObject, name: str) -> Any:
    """Return an attribute; DatasetError if it is missing or unreadable."""
    at = _name_attribute(node, name)
    if name not in node.attrs:
        raise DatasetError(f"{path}: attribute {at} is missing")
    with guard(path, at.removeprefix("/")):
        return node.attrs[name]


def read_json(path: Path, node: h5py.HLObject, name: str, kind: type) -> Any:
    """Return an attribute that holds JSON of this kind (dict or list)."""
    text = read_attribute(path, node, name)
    at = _name_attribute(node, name)
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path}: attribute {at} is not JSON") from error
    if not isinstance(value, kind):
        raise DatasetError(f"{path}: attribute {at} must be a JSON {kind.__name__}")
    return value


def _name_attribute(node: h5py.HLObject, name: str) -> str:
    """Return how a message names an attribute: alone, or behind the array that has it."""
    return name if node.name == "/" else f"{node.name}@{name}"
