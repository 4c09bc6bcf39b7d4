"""Read NPZ archives that others may have damaged: sizes are checked before memory is taken."""

import errno
import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np

from meshkit.errors import FileFormatError
from meshkit.limits import check_size

_MAX_TEXT = 120
# What zipfile and numpy's header parser raise on damaged input (found by mutating archives).
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    EOFError,
    KeyError,
    NotImplementedError,  # a compression method or a zip version that zipfile lacks
    RuntimeError,  # an encrypted member
    SyntaxError,
    tokenize.TokenError,
    OverflowError,
    TypeError,
    RecursionError,  # of the parser of headers
    MemoryError,
)


def read_archive(path: Path, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays called `names` (all by default) that an NPZ archive holds.

    Object arrays are refused: unpickling runs code.

    Raises
    ------
    FileFormatError
        Not a zip archive, a member is damaged, or shorter than its header says.
    """
    if path.stat().st_size == 0:
        raise FileFormatError(f"{path} is empty")
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
                named = {member.filename.removesuffix(".npy"): member for member in members}
                if names is not None:
                    named = {name: named[name] for name in named if name in names}
                check_size(path, sum(member.file_size for member in named.values()))
                return {name: _read_member(archive, member) for name, member in named.items()}
        except FileFormatError:
            raise
        except _DAMAGE as error:
            raise FileFormatError(f"{path}: not a sound NPZ archive: {_line(error)}") from None
        except OSError as error:
            if error.errno != errno.EINVAL:  # the disk failed, not the file's offsets
                raise
            raise FileFormatError(f"{path}: not a sound NPZ archive: impossible offset") from None


def read_npy(path: Path) -> np.ndarray:
    """Return the array of an ``.npy`` file.

    Raises
    ------
    FileFormatError
        The file is damaged, an archive, or holds Python objects.
    """
    try:
        # Mapped, since a damaged header must not decide how much memory is taken.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except _DAMAGE as error:
        raise FileFormatError(f"{path}: not a sound .npy file of numbers: {_line(error)}") from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise FileFormatError(f"{path} is an archive, not a .npy file")
    return np.array(array)


def _line(error: BaseException) -> str:
    """Return what an error says, in a line of bearable length: some quote the whole header."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Read one array; its header must promise as many bytes as the archive's directory."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{member.filename} has format version {version}")
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(stream)
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds Python objects")
        if dtype.itemsize == 0:
            raise ValueError(f"{member.filename} holds items of no size")
        size = math.prod(shape) * dtype.itemsize
        if size > member.file_size:
            raise ValueError(f"{member.filename} is shorter than its header says")
        data = bytearray(stream.read())
    if len(data) != size:
        raise ValueError(f"{member.filename}: {size} bytes promised, {len(data)} found")
    return np.ndarray(shape, dtype, data, order="F" if fortran else "C")
