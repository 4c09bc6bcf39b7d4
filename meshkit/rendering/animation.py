"""Moving pictures: GIF, the format that every viewer and page shows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from meshkit.files import atomic_path

_COLORS = 256
# The palette is chosen from this many frames: all of them share it, so colours do not flicker.
_FOR_PALETTE = 8
SHORTEST = 2  # hundredths of a second; viewers slow down what is faster


def save_gif(
    path: Path | str, frames: Sequence[UInt8[np.ndarray, "h w 3"]], *, seconds: float
) -> float:
    """Write frames as a GIF that loops forever, whole or not at all.

    Equal frames in a row are stored as one that stays longer.

    Parameters
    ----------
    seconds : s
        Of one loop. The format counts hundredths: frames differ by one where it does not divide.

    Returns
    -------
    seconds : s
        What was written.

    Raises
    ------
    ValueError
        There is no frame, frames differ in size, or a frame would stay less than 0.02 s.
    """
    from PIL import Image

    if not frames or len({frame.shape for frame in frames}) > 1:
        sizes = sorted({frame.shape for frame in frames})
        raise ValueError(f"an animation needs frames of one size, got {len(frames)}: {sizes}")
    if not seconds * 100 >= SHORTEST * len(frames):
        raise ValueError(
            f"{len(frames)} frames in {seconds:g} s: at least {SHORTEST * len(frames) / 100:g} s, "
            "since viewers show a frame for 0.02 s or longer"
        )
    ends = np.rint(np.linspace(0, seconds * 100, len(frames) + 1)).astype(int)
    chosen = np.unique(np.linspace(0, len(frames) - 1, _FOR_PALETTE).astype(int))
    montage = Image.fromarray(np.concatenate([frames[k] for k in chosen]))
    palette = montage.quantize(_COLORS, method=Image.Quantize.MEDIANCUT)
    pictures = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        for frame in frames
    ]
    with atomic_path(path) as aside:
        pictures[0].save(
            aside,
            format="GIF",
            save_all=True,
            append_images=pictures[1:],
            duration=(np.diff(ends) * 10).tolist(),  # in milliseconds
            loop=0,
            optimize=False,
        )
    return float(ends[-1] / 100)
