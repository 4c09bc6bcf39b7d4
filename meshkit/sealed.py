"""Files of what can be computed again: each ends in its checksum, so that none is used damaged.

The readers of NPY and NPZ do not mind the line that follows their data.
"""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from meshkit.files import atomic_path

HEAD = b"\nsha256 "
LENGTH = len(HEAD) + 64 + 1  # of the last line, with both line ends
BLOCK = 1 << 20  # bytes hashed at once


@contextlib.contextmanager
def sealed_path(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Do as `atomic_path`, and write the checksum of what was written behind it."""
    with atomic_path(path, durable=durable) as aside:
        yield aside
        with aside.open("r+b") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0, os.SEEK_END)
            file.write(HEAD + digest.encode() + b"\n")


def kept_arrays(
    path: Path, compute: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return the arrays of a sealed NPZ; they are computed and written if it is not whole."""
    if not is_whole(path):
        arrays = compute()
        with sealed_path(path) as aside:
            np.savez(aside, allow_pickle=False, **arrays)
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def is_whole(path: Path) -> bool:
    """Tell whether a file is there as it was written; warn of one that is not."""
    try:
        with path.open("rb") as file:
            left = max(0, os.fstat(file.fileno()).st_size - LENGTH)
            digest = hashlib.sha256()
            while left and (block := file.read(min(BLOCK, left))):
                digest.update(block)
                left -= len(block)
            whole = file.read() == HEAD + digest.hexdigest().encode() + b"\n"
    except FileNotFoundError:
        return False
    if not whole:
        warnings.warn(
            f"{path} is damaged, or of an older version: what it held is computed anew",
            stacklevel=2,
        )
    return whole
