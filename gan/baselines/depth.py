"""Depth images: what the encoder of the multilinear autoencoder sees of a face."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from gan.datasets.store import Dataset
from meshkit.files import atomic_path
from meshkit.render import Frame, frame_of, visible_surface

_BLOCK = 32


class DepthCamera(NamedTuple):
    """An orthographic view from the front, the same for all faces.

    Attributes
    ----------
    center : mm
    half_extent : mm
        Half the side of the square that is seen.
    floor : mm
        The height, towards the viewer from `center`, of pixels in which nothing is seen.
    size : 1
        Pixels of a side.
    """

    center: Float[np.ndarray, "3"]
    half_extent: float
    floor: float
    size: int

    def see(
        self, V: Float[np.ndarray, "B n 3"], F: Int[np.ndarray, "m 3"]
    ) -> Float32[np.ndarray, "B h w"]:
        """Return the height under the centre of every pixel, in mm; row 0 is the top."""
        images = np.empty((len(V), self.size, self.size), dtype=np.float32)
        frame = Frame(self.center, self.half_extent)
        for X, image in zip(V, images, strict=True):
            seen = visible_surface(X.astype(np.float64), F, size=image.shape, frame=frame)
            image[:] = np.where(seen.face_index >= 0, -seen.depth, self.floor)
        return images


def depth_camera(template: Float[np.ndarray, "n 3"], size: int) -> DepthCamera:
    """Return the camera that shows the template with a tenth of free border."""
    frame = frame_of(template.astype(np.float64), size=(size, size), margin=0.1)
    floor = float(template[:, 2].min() - frame.center[2])
    return DepthCamera(frame.center, frame.half_extent, floor, size)


def cached_depth(
    dataset: Dataset,
    rows: Int[np.ndarray, " N"],
    camera: DepthCamera,
    folder: Path,
    advance: Callable[[int], None],
) -> Float32[np.ndarray, "N h w"]:
    """Return the depth images of meshes as a memory map, made once for a data set and a camera."""
    key = hashlib.sha256(repr((camera.half_extent, camera.floor, camera.size)).encode())
    for part in (rows.astype(np.int64), camera.center.astype(np.float64)):
        key.update(np.ascontiguousarray(part).tobytes())
    path = folder / f"depth-{camera.size}-{key.hexdigest()[:16]}.npy"
    if not path.exists():
        with atomic_path(path) as aside:
            shape = (len(rows), camera.size, camera.size)
            images = np.lib.format.open_memmap(aside, mode="w+", dtype=np.float32, shape=shape)
            for start in range(0, len(rows), _BLOCK):
                block = rows[start : start + _BLOCK]
                images[start : start + len(block)] = camera.see(
                    dataset.vertices(block), dataset.faces
                )
                advance(len(block))
            images.flush()
            del images
    found = np.load(path, mmap_mode="r", allow_pickle=False)
    assert isinstance(found, np.ndarray)
    return found
