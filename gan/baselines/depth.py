"""Depth images, and the network that reads codes from them: the multilinear autoencoder's eye."""

import hashlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor, nn
from torch.nn.utils import skip_init

from gan.datasets.store import Dataset
from meshkit.render import Frame, frame_of, visible_surface
from meshkit.sealed import is_whole, sealed_path

_BLOCK = 32
_MIXED = 4  # faces in a mixture


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
    if not is_whole(path):
        with sealed_path(path) as aside:
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
    images = np.load(path, mmap_mode="r", allow_pickle=False)
    assert isinstance(images, np.ndarray)
    return images


class DepthEncoder(nn.Module):
    """Convolutions of kernel 4 and stride 2 with ReLU, a hidden layer, and one layer to all codes.

    Parameters
    ----------
    size
        Pixels of a side, a multiple of 2 to the number of `widths`.
    """

    def __init__(
        self, *, size: int, widths: Sequence[int], hidden: int, codes: int, rng: torch.Generator
    ) -> None:
        super().__init__()
        if size % 2 ** len(widths):
            raise ValueError(f"image {size} is not a multiple of {2 ** len(widths)}")
        self.convolutions = nn.ModuleList(
            skip_init(nn.Conv2d, a, b, 4, stride=2, padding=1) for a, b in pairwise([1, *widths])
        )
        flat = widths[-1] * (size >> len(widths)) ** 2
        self.hidden = skip_init(nn.Linear, flat, hidden)
        self.last = skip_init(nn.Linear, hidden, codes)
        for layer in (*self.convolutions, self.hidden):
            assert isinstance(layer, nn.Conv2d | nn.Linear)
            assert layer.bias is not None
            incoming = layer.weight[0].numel()
            with torch.no_grad():
                draws = torch.randn(layer.weight.shape, generator=rng)
                layer.weight.copy_(draws * (2 / incoming) ** 0.5)
                layer.bias.zero_()
        nn.init.zeros_(self.last.weight)  # the first guess for every face is the bias
        nn.init.zeros_(self.last.bias)

    def forward(self, images: Float[Tensor, "B h w"]) -> Float[Tensor, "B d"]:
        """Return raw codes of normalised depth images."""
        h = images[:, None]
        for convolution in self.convolutions:
            h = nn.functional.relu(convolution(h))
        codes: Tensor = self.last(nn.functional.relu(self.hidden(h.flatten(1))))
        return codes


def with_mixtures(
    images: Float[Tensor, "B h w"], Y: Float[Tensor, "B K"], *, seed: int
) -> tuple[Tensor, Tensor]:
    """Append as many mixtures of four faces to their depth images and coordinates.

    The weights have mean 1/4 and sum to 1, some are negative. Their deviation, 1/2, makes mixtures
    of independent faces vary as much as the faces.
    """
    rng = torch.Generator().manual_seed(seed % 2**63)
    k = min(_MIXED, len(Y))
    g = torch.randn(len(Y), k, generator=rng) / k**0.5
    weights = 1 / k + g - g.mean(dim=1, keepdim=True)
    chosen = torch.rand(len(Y), len(Y), generator=rng).argsort(dim=1)[:, :k]
    W = torch.zeros(len(Y), len(Y)).scatter_(1, chosen, weights).to(Y.device)
    mixed = torch.tensordot(W, images, dims=1)
    return torch.cat([images, mixed]), torch.cat([Y, W @ Y])
