"""What makes an import resumable: a folder of finished meshes."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from gan.errors import DatasetError
from meshkit.sealed import sealed_path

MARK = "meshkit-gan import"  # a file of this name says that the folder may be deleted


class WorkFolder:
    """Vertices of the meshes read so far, beside the file that is to be written.

    A mesh is found again by its path, size and time of change and by what was asked of it, so that
    after an interruption, or a change of the manifest, only what is new or changed is read.
    """

    def __init__(self, out: Path, settings: str) -> None:
        self.path = out.with_name(f".{out.name}.import")
        self._settings = settings
        if self.path.exists() and not (self.path / MARK).is_file():
            raise DatasetError(f"{self.path} is in the way: it is no folder of an import")
        self.path.mkdir(exist_ok=True)
        (self.path / MARK).touch()

    def place(self, file: Path) -> Path:
        """Return where the vertices of a mesh file are kept.

        Raises
        ------
        OSError
            The file does not exist.
        """
        facts = file.stat()
        key = f"{file.resolve()}\n{facts.st_size} {facts.st_mtime_ns}\n{self._settings}"
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        return self.path / name[:2] / f"{name}.npy"

    def remove(self) -> None:
        """Delete the folder: the data set is written."""
        shutil.rmtree(self.path)


def store(place: Path, V: Float32[np.ndarray, "n 3"]) -> None:
    """Keep the vertices of one mesh."""
    place.parent.mkdir(exist_ok=True)
    # Not durable, which takes longer than reading the mesh again: a loss of power shows.
    with sealed_path(place, durable=False) as aside:
        np.save(aside, V, allow_pickle=False)


def recall(place: Path) -> Float32[np.ndarray, "n 3"]:
    """Return the vertices of one mesh."""
    V = np.load(place, allow_pickle=False)
    assert isinstance(V, np.ndarray)
    return V
