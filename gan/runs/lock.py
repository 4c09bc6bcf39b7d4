"""The lock of a run's directory, and the sweeping up that only its holder may do."""

import contextlib
import errno
import fcntl
import os
import platform
import shutil
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan.errors import CheckpointError
from meshkit.files import ASIDE

UNFINISHED = ".step-"  # how the name of a checkpoint begins that is being written or removed


@contextmanager
def one_writer(run: Path, *, wait: bool = False) -> Iterator[None]:
    """Make the run's directory and hold its lock, so that two processes never write into it.

    The kernel releases the lock with the process, however that ends. What a killed writer left
    unfinished is removed first.

    Parameters
    ----------
    wait : until another process lets go of the lock, instead of refusing

    Raises
    ------
    CheckpointError
        Another process holds the lock; the message names it.
    """
    run.mkdir(parents=True, exist_ok=True)
    handle = _hold(run, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    try:
        remove_unfinished(run)
        yield
    finally:
        (run / ".lock").unlink(missing_ok=True)
        os.close(handle)


def remove_unfinished(run: Path) -> None:
    """Remove temporary files and half checkpoints; only for the holder of the lock."""
    folders = [run, run / "pictures", run / "checkpoints"]
    for folder in filter(Path.is_dir, folders):
        for entry in list(os.scandir(folder)):
            if entry.is_dir(follow_symlinks=False) and entry.name.startswith(UNFINISHED):
                shutil.rmtree(entry.path)
            elif ASIDE.fullmatch(entry.name):
                os.unlink(entry.path)


def _hold(run: Path, how: int) -> int:
    path = run / ".lock"
    while True:
        # Never through a link: what is written here would end in a file of someone.
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise CheckpointError(f"{path} is a symbolic link: remove it") from error
            raise
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            os.close(handle)
            raise CheckpointError(f"{path} has another name or is no file: remove it")
        try:
            fcntl.flock(handle, how)
        except BlockingIOError:
            who = os.read(handle, 200).decode(errors="replace").strip() or "another process"
            os.close(handle)
            raise CheckpointError(f"{run} is being trained by {who}") from None
        except OSError as error:
            warnings.warn(
                f"{path}: this file system has no locks ({error.strerror}): make sure that no "
                "other process trains into the run",
                stacklevel=4,
            )
        # Its last holder may have removed the file between our opening and locking it.
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(handle).st_ino:
                break
        os.close(handle)
    os.ftruncate(handle, 0)
    os.write(handle, f"process {os.getpid()} on {platform.node()}\n".encode())
    return handle
