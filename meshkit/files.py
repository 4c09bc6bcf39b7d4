"""Write files whole or not at all; sweep up after writers that were killed."""

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # no room to write
ASIDE = re.compile(r"\..*\.(?P<place>[0-9a-f]{8})-(?P<pid>[0-9]+)-[0-9a-f]{8}(\.[^.]*)?")
STEM = 40  # characters of the name that the temporary name keeps: a name holds 255 bytes


@contextlib.contextmanager
def atomic_path(path: Path | str, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The temporary name is hidden, keeps the suffix, which writers read, and tells who writes. If
    the block raises, the temporary file is removed and an existing `path` stays as it was; after
    a SIGKILL it is left, for `clean_stale`.

    Parameters
    ----------
    durable
        Wait until the disk has the file and its name: it then outlives a loss of power, too.

    Raises
    ------
    OSError
        The folder does not exist or cannot be written; `path` is a folder; the disk is full.
    """
    path = Path(path)
    check_target(path)
    who = f"{_place()}-{os.getpid()}-{secrets.token_hex(4)}"
    aside = path.with_name(f".{path.stem[:STEM]}.{who}{path.suffix}")
    try:
        yield aside
        if durable:
            flush(aside)
        aside.replace(path)
        if durable:
            flush(path.parent)
    except OSError as error:
        unnamed = error.filename is None and error.errno in FULL
        if unnamed or error.filename == str(aside):  # the name that the caller knows
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        aside.unlink(missing_ok=True)


@contextlib.contextmanager
def optional_path(path: Path | None) -> Iterator[Path | None]:
    """Do as `atomic_path` for an output that nobody may have asked for: None yields None."""
    if path is None:
        yield None
        return
    with atomic_path(path) as aside:
        yield aside


def flush(path: Path) -> None:
    """Wait until the disk has a file, or a folder's list of names."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clean_stale(folder: Path) -> list[Path]:
    """Remove what killed writers left of `atomic_path` in a folder; return what was removed.

    A temporary file goes only if its writer ran here and runs no longer: those of other machines
    and containers on the same disk stay. Where a writer's number has been given to another
    process, the file stays until that one has ended.
    """
    if os.name != "posix" or not folder.is_dir():
        return []
    removed = []
    for entry in os.scandir(folder):
        name = ASIDE.fullmatch(entry.name)
        if name and name["place"] == _place() and not is_running(int(name["pid"])):
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
                removed.append(Path(entry.path))
    return removed


def is_running(pid: int) -> bool:
    """Tell whether a process with this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _place() -> str:
    """Name the machine, and the container on it: process numbers mean something only there."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def check_target(path: Path) -> None:
    """Refuse what can be known not to work before long work is done for it.

    Raises
    ------
    OSError
        As `atomic_path`.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the name of a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent} does not exist; create the folder first")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} is read-only")
