"""Pictures in a file: drawn when first asked for, block by block, then read from the disk."""

import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from gan.evaluation.metric import Progress, Unfinished
from meshkit.files import atomic_path

_BLOCK = 64  # pictures between two notes of what is done


class KeptPictures:
    """Square pictures with three channels of bytes, by their index.

    `NAME.npy` holds them all (a sparse file: what is not drawn takes no room), `NAME.done.npy` the
    checksum of each that is drawn, else 0. It is set after the picture is on its way to the disk,
    so a killed command leaves nothing half drawn behind.
    """

    def __init__(self, path: Path, count: int, size: int) -> None:
        self.size = size
        path.parent.mkdir(parents=True, exist_ok=True)
        done, shape = path.with_suffix(".done.npy"), (count, size, size, 3)
        pictures = _open(path, shape, np.uint8)
        if pictures is None:
            done.unlink(missing_ok=True)  # first: it speaks of pictures that are gone
            pictures = _make(path, shape, np.uint8)
        self._maps, ready = pictures, _open(done, (count,), np.uint64)
        self._done = _make(done, (count,), np.uint64) if ready is None else ready

    def draw_missing(
        self,
        indices: Int[np.ndarray, " k"],
        make: Callable[[Int[np.ndarray, " b"]], UInt8[np.ndarray, "b n n 3"]],
        what: str,
        progress: Progress,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Let `make` draw those of these pictures that are not drawn yet.

        Parameters
        ----------
        what : in the plural, for progress and messages
        stop : asked after every block

        Raises
        ------
        Unfinished
            `stop` came first; what was drawn until then is kept.
        """
        asked = np.unique(indices)
        whole = np.array([self._done[k] == _checksum(self._maps[k]) for k in asked], dtype=bool)
        missing = asked[~whole]
        if damaged := np.count_nonzero(self._done[missing]):
            warnings.warn(f"{damaged} {what} are damaged: drawn anew", stacklevel=2)
        for start in range(0, len(missing), _BLOCK):
            progress(f"drawing {what}", start, len(missing))
            part = missing[start : start + _BLOCK]
            self._maps[part] = make(part)
            self._maps.flush()
            self._done[part] = [_checksum(self._maps[k]) for k in part]
            self._done.flush()
            if stop() and start + _BLOCK < len(missing):
                raise Unfinished(
                    f"{start + _BLOCK} of {len(missing)} {what} are drawn; "
                    "the same command goes on from there"
                )

    def __getitem__(self, indices: Int[np.ndarray, " k"]) -> UInt8[np.ndarray, "k n n 3"]:
        """Return pictures that were drawn."""
        return np.asarray(self._maps[indices])


def _checksum(picture: UInt8[np.ndarray, "n n 3"]) -> int:
    """Return what is never 0, the mark of a picture that is not drawn."""
    return zlib.crc32(picture.tobytes()) | 1 << 32


def _open(path: Path, shape: tuple[int, ...], dtype: Any) -> np.memmap[Any, Any] | None:
    """Open a file of numbers; None if there is none, a damaged one, or one of another shape."""
    try:
        opened = np.lib.format.open_memmap(path, mode="r+")
    except FileNotFoundError:
        return None
    except (ValueError, EOFError):
        warnings.warn(f"{path} is damaged: drawn anew", stacklevel=3)
        return None
    return opened if opened.shape == shape and opened.dtype == dtype else None


def _make(path: Path, shape: tuple[int, ...], dtype: Any) -> np.memmap[Any, Any]:
    """Make a file of numbers that are 0."""
    with atomic_path(path) as aside:
        np.lib.format.open_memmap(aside, mode="w+", dtype=dtype, shape=shape).flush()
    return np.lib.format.open_memmap(path, mode="r+")
