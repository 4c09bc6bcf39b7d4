"""Write files whole or not at all; sweep up after writers that were killed."""

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # no room to write
ASIDE = re.compile(r"\..*\.(?P<place>[0-9a-f]{8})-(?P<pid>[0-9]+)-[0-9a-f]{8}(\.[^.]*)?")
# What a shell has opened for this process: replacing the file behind it would cut the shell off.
DESCRIPTOR = re.compile(r"/dev/(stdout|stderr|fd/\d+)|/proc/[^/]+/fd/\d+")
STEM = 40  # characters of the name that the temporary name keeps: a name holds 255 bytes


@contextlib.contextmanager
def atomic_path(path: Path | str, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds.

    The temporary name is hidden, keeps the suffix, which writers read, and tells who writes. If
    the block raises, the temporary file is removed and an existing `path` stays as it was; after
    a SIGKILL it is left, for `clean_stale`. A symbolic link stays, and what it points to is
    replaced. The file keeps the permissions that it had; a new one gets those of the umask. What
    is no file (a device, a pipe) gets the bytes when they are complete.

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
    if DESCRIPTOR.fullmatch(str(path)) or (path.exists() and not path.is_file()):
        with _written_through(path) as aside:
            yield aside
        return
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    who = f"{_place()}-{os.getpid()}-{secrets.token_hex(4)}"
    aside = target.with_name(f".{target.stem[:STEM]}.{who}{path.suffix}")
    try:
        mode = _mode_of(target, aside)
        yield aside
        if stat.S_IMODE(aside.stat().st_mode) != mode:  # as of libraries that write aside, too
            aside.chmod(mode)
        if durable:
            flush(aside)
        aside.replace(target)
        if durable:
            flush(target.parent)
    except OSError as error:
        unnamed = error.filename is None and error.errno in FULL
        if unnamed or error.filename == str(aside):  # the name that the caller knows
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        aside.unlink(missing_ok=True)


@contextlib.contextmanager
def _written_through(path: Path) -> Iterator[Path]:
    """Yield a temporary path elsewhere; copy it into what is no regular file."""
    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder, path.name)
        yield aside
        try:
            with aside.open("rb") as source, path.open("wb", buffering=0) as target:
                shutil.copyfileobj(source, target)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, str(path)) from error


def _mode_of(target: Path, aside: Path) -> int:
    """Return the permissions of a file; those of a new one beside it if there is none."""
    if target.exists():
        return stat.S_IMODE(target.stat().st_mode)
    handle = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return stat.S_IMODE(os.fstat(handle).st_mode)
    finally:
        os.close(handle)
        aside.unlink()


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
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    if target.is_symlink():  # still
        raise OSError(f"{path} is a symbolic link that leads back to itself")
    if not path.exists() and not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent} does not exist; create the folder first")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} is read-only")
