"""How pictures vary from batch to batch: mirrored, shifted, blurred. By chance, but repeatable."""

import numpy as np
import torch
import torch.nn.functional as nnf
from jaxtyping import Float, UInt8
from torch import Tensor

from gan.evaluation.embedding.normal_maps import as_input

_SHARE = 0.5  # of the pictures are mirrored, and of them all are blurred


def vary(
    maps: UInt8[np.ndarray, "k n n 3"], *, mirror: bool, shift: int, rng: np.random.Generator
) -> Float[Tensor, "k 3 n n"]:
    """Return normal maps as a network takes them, each changed a little as chance has it.

    Half of them are mirrored (where `mirror` is set), all are moved by up to `shift` pixels along
    either axis, half are blurred: scans are rough, generated faces smooth, both must look alike.
    """
    flipped = rng.random(len(maps)) < _SHARE
    if mirror:
        maps = np.where(flipped[:, None, None, None], mirror_normals(maps), maps)
    maps = shift_pictures(maps, rng.integers(-shift, shift + 1, (len(maps), 2)))
    images = as_input(maps)
    smooth = nnf.avg_pool2d(nnf.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    blurred = torch.from_numpy(rng.random(len(images)) < _SHARE)
    return torch.where(blurred[:, None, None, None], smooth, images)


def mirror_normals(maps: UInt8[np.ndarray, "k n n 3"]) -> UInt8[np.ndarray, "k n n 3"]:
    """Return the pictures of the meshes mirrored left to right: x of every normal changes its sign.

    To the level, but for what rounding and the ties of the rasterizer do. Black stays: it is no
    normal but the background.
    """
    mirrored = maps[:, :, ::-1].copy()
    seen = mirrored.any(axis=-1)
    mirrored[..., 0] = np.where(seen, 255 - mirrored[..., 0], 0)
    return mirrored


def shift_pictures(
    maps: UInt8[np.ndarray, "k n n 3"], by: np.ndarray
) -> UInt8[np.ndarray, "k n n 3"]:
    """Move each picture by its (rows, columns); what comes in is background, what leaves is lost.

    Parameters
    ----------
    by : pixel
        Whole numbers, one pair for each picture.
    """
    size, moved = maps.shape[1], np.zeros_like(maps)
    for picture, target, (down, right) in zip(maps, moved, by.tolist(), strict=True):
        to_rows, from_rows = _overlap(size, down)
        to_columns, from_columns = _overlap(size, right)
        target[to_rows, to_columns] = picture[from_rows, from_columns]
    return moved


def _overlap(size: int, by: int) -> tuple[slice, slice]:
    """Return where a row of pixels lands that is moved, and where it comes from."""
    return slice(max(0, by), size + min(0, by)), slice(max(0, -by), size - max(0, by))
