"""What the judges see: orthographic normal maps, rendered once per data set."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from gan.datasets.store import Dataset
from gan.evaluation.embedding.kept_pictures import KeptPictures
from gan.evaluation.metric import Progress
from meshkit.render import Frame, frame_of, render_normals

MARGIN = 0.2  # around the template, so that larger heads stay within


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


class NormalMaps(KeptPictures):
    """The normal maps of a data set, one for each mesh, in `FINGERPRINT-SIZE.npy`."""

    def __init__(self, dataset: Dataset, size: int, folder: Path) -> None:
        super().__init__(folder / f"{dataset.fingerprint[:24]}-{size}.npy", dataset.n, size)
        self._dataset = dataset

    def draw(self, rows: Int[np.ndarray, " k"], progress: Progress) -> None:
        """Draw what is not drawn yet of these meshes."""
        self.draw_missing(rows, self._make, "normal maps", progress)

    def _make(self, rows: Int[np.ndarray, " b"]) -> UInt8[np.ndarray, "b n n 3"]:
        data = self._dataset
        return draw_normal_maps(data.vertices(rows), data.faces, data.template, self.size)
