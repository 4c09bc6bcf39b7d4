"""Save pictures of the documentation small: a palette where it does not show, else full colour."""

from pathlib import Path

import numpy as np
from PIL import Image

from meshkit.files import atomic_path

_BLOCK = 16  # pixels
_SHOWS = 6.0  # mean error over a block, of 255, from which a palette shows


def save_small(path: Path, picture: np.ndarray) -> None:
    """Write a PNG; with a palette of 256 colours it takes a third of the space."""
    image = Image.fromarray(picture)
    palette = image.quantize(256, dither=Image.Dither.NONE)
    error = np.abs(np.asarray(palette.convert("RGB")).astype(float) - picture).mean(axis=2)
    H, W = (side // _BLOCK * _BLOCK for side in error.shape)
    blocks = error[:H, :W].reshape(H // _BLOCK, _BLOCK, W // _BLOCK, _BLOCK).mean(axis=(1, 3))
    with atomic_path(path) as aside:
        (palette if blocks.max() < _SHOWS else image).save(aside, optimize=True)
