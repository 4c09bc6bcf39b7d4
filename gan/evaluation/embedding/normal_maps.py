"""What the judges see: orthographic normal maps, rendered once per data set."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from gan.datasets.store import Dataset
from gan.evaluation.metric import Progress
from meshkit.files import atomic_path
from meshkit.render import Frame, frame_of, render_normals

MARGIN = 0.2  # around the template, so that larger heads stay within
_BLOCK = 64  # meshes between two notes of what is done


def frame_of_template(template: Float[np.ndarray, "V 3"], size: int) -> Frame:
    """Return the window in which all faces of a template are seen, at one scale."""
    return frame_of(template.astype(np.float64), size=(size, size), margin=MARGIN)


def draw_normal_maps(
    X: Float[np.ndarray, "k V 3"],
    faces: Int[np.ndarray, "T 3"],
    template: Float[np.ndarray, "V 3"],
    size: int,
) -> UInt8[np.ndarray, "k n n 3"]:
    """Draw meshes from the front, RGB = (normal + 1) / 2, on black."""
    frame = frame_of_template(template, size)
    return render_normals(X.astype(np.float64), faces, size=(size, size), frame=frame)


def as_input(maps: UInt8[np.ndarray, "k n n 3"]) -> Float[Tensor, "k 3 n n"]:
    """Return pictures as a network takes them, in [-1, 1]."""
    images = torch.from_numpy(np.ascontiguousarray(maps)).float() / 127.5 - 1
    return images.permute(0, 3, 1, 2)


class NormalMaps:
    """The normal maps of a data set in a file: drawn when first asked for, then read.

    `FINGERPRINT-SIZE.npy` holds the pictures of all meshes (a sparse file: what is not drawn takes
    no room), `FINGERPRINT-SIZE.done` a byte for each that says whether it is drawn. It is set after
    the picture is on its way to the disk, so a killed command leaves nothing half drawn behind.
    """

    def __init__(self, dataset: Dataset, size: int, folder: Path) -> None:
        self._dataset, self.size = dataset, size
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{dataset.fingerprint[:24]}-{size}"
        shape = (dataset.n, size, size, 3)
        self._maps = _open(folder / f"{stem}.npy", shape)
        self._done = _open(folder / f"{stem}.done.npy", (dataset.n,))

    def draw(self, rows: Int[np.ndarray, " k"], progress: Progress) -> None:
        """Draw what is not drawn yet of these meshes."""
        missing = np.unique(rows)
        missing = missing[self._done[missing] == 0]
        for start in range(0, len(missing), _BLOCK):
            progress("drawing normal maps", start, len(missing))
            part, data = missing[start : start + _BLOCK], self._dataset
            X = data.vertices(part)
            self._maps[part] = draw_normal_maps(X, data.faces, data.template, self.size)
            self._maps.flush()
            self._done[part] = 1
            self._done.flush()

    def __getitem__(self, rows: Int[np.ndarray, " k"]) -> UInt8[np.ndarray, "k n n 3"]:
        """Return the pictures of meshes that were drawn."""
        return np.asarray(self._maps[rows])


def _open(path: Path, shape: tuple[int, ...]) -> np.memmap[Any, Any]:
    """Open a file of bytes, or make one of zeros; one of another shape is made anew."""
    try:
        found = np.lib.format.open_memmap(path, mode="r+")
        if found.shape == shape and found.dtype == np.uint8:
            return found
    except (FileNotFoundError, ValueError, EOFError):
        pass
    with atomic_path(path) as aside:
        np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=shape).flush()
    return np.lib.format.open_memmap(path, mode="r+")
