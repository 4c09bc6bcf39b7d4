"""A copy of a public repository: a folder, or a git directory without a work tree."""

import re
import subprocess
from functools import cached_property
from pathlib import Path, PurePosixPath

from gan.errors import DatasetError


class Checkout:
    """Files of a repository by name, whether they are checked out or not.

    Raises
    ------
    DatasetError
        The folder is neither the repository's nor a git directory with that file; git, which
        reads the latter, is missing.

    Attributes
    ----------
    path : the folder
    """

    def __init__(self, path: Path, *, must_have: str, repository: str) -> None:
        self.path = path
        if not self.has(must_have):
            raise DatasetError(f"{path}: no {must_have}: not a checkout of {repository}")

    def names(self, folder: str, suffix: str) -> list[str]:
        """Return the files of a folder with a suffix, without it, sorted."""
        if self._is_bare:
            places = [PurePosixPath(name) for name in self._tree]
            files = [p.name for p in places if str(p.parent) == folder]
        else:
            files = [p.name for p in (self.path / folder).glob(f"*{suffix}")]
        return sorted(name.removesuffix(suffix) for name in files if name.endswith(suffix))

    def has(self, name: str) -> bool:
        """Tell whether there is a file of this name."""
        return name in self._tree if self._is_bare else (self.path / name).is_file()

    def read(self, name: str) -> bytes:
        """Return a file; DatasetError if it is not there."""
        if not self.has(name):
            raise DatasetError(f"{self.path / name} is missing: incomplete checkout")
        return (
            self._git("cat-file", "blob", self._tree[name]) if self._is_bare else self._open(name)
        )

    @cached_property
    def commit(self) -> str | None:
        """The commit that is checked out, read from git's own files; None where there is none."""
        git = self.path if self._is_bare else self.path / ".git"
        if not (git / "HEAD").is_file():
            return None
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if head.startswith("ref: "):
            name = head.removeprefix("ref: ")
            packed = git / "packed-refs"
            inside = re.fullmatch(r"refs/[\w./-]+", name) and ".." not in name
            if inside and (git / name).is_file():
                head = (git / name).read_text(encoding="utf-8").strip()
            elif packed.is_file():
                for line in packed.read_text(encoding="utf-8").splitlines():
                    if line.endswith(f" {name}"):
                        head = line.split()[0]
        return head if re.fullmatch(r"[0-9a-f]{40,64}", head) else None

    def _open(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    @cached_property
    def _is_bare(self) -> bool:
        return (self.path / "HEAD").is_file() and (self.path / "objects").is_dir()

    @cached_property
    def _tree(self) -> dict[str, str]:
        """The hash of every file in the newest commit of a git directory."""
        lines = self._git("ls-tree", "-r", "-z", "HEAD").decode("utf-8", "replace").split("\0")
        entries = (line.split("\t", 1) for line in lines if line)
        return {name: facts.split()[2] for facts, name in entries}

    def _git(self, *words: str) -> bytes:
        try:
            done = subprocess.run(
                ["git", "--git-dir", str(self.path), *words], capture_output=True, check=True
            )
        except FileNotFoundError:
            raise DatasetError(
                f"{self.path} is a git directory, and git is not installed"
            ) from None
        except subprocess.CalledProcessError as error:
            said = error.stderr.decode("utf-8", "replace").strip().splitlines()
            raise DatasetError(f"{self.path}: git: {(said or ['it failed'])[-1]}") from None
        return done.stdout
