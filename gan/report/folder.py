"""A folder that is written whole or not at all, and never over somebody else's files."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_folder(folder: Path, ours: Callable[[Path], bool], what: str) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; put it in its place when the block ends well.

    Parameters
    ----------
    folder
        New, empty, or full of nothing but files that are `ours`, which are replaced.
    what
        What those files are called in messages: "samples".

    Raises
    ------
    FileExistsError
        `folder` is a file, or holds files that are not `ours`.
    """
    _check_replaceable(folder, ours, what)
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    aside.mkdir(parents=True)
    try:
        yield aside
        _replace(folder, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check_replaceable(folder: Path, ours: Callable[[Path], bool], what: str) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise FileExistsError(f"{folder} is a file; give the name of a folder")
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if not ours(path):
            raise FileExistsError(
                f"{folder} holds other files than {what} ({path.name}): give a new or an empty "
                "folder"
            )


def _replace(folder: Path, aside: Path) -> None:
    """Put the finished folder in its place; an older one goes only when the new one is there."""
    if not folder.exists():
        aside.rename(folder)
        return
    old = folder.with_name(f"{aside.name}.old")
    folder.rename(old)
    try:
        aside.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
