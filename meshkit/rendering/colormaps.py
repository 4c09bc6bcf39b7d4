"""Colours for numbers: two maps that print, and that colour-blind readers can follow.

"viridis" (Smith, van der Walt, 2015, CC0) for magnitudes, "coolwarm" (Moreland, Diverging Color
Maps for Scientific Visualization, 2009) for deviations from a middle. Piecewise linear between 33
colours.
"""

import numpy as np
from jaxtyping import Float

_TABLES = {
    "viridis": (
        "440154 470d60 48186a 482374 472d7b 453781 424086 3e4989 3b528b 375b8d 33638d "
        "2f6b8e 2c728e 297a8e 26828e 23898e 21918c 1f988b 1fa088 22a785 28ae80 32b67a "
        "3fbc73 4ec36b 5ec962 70cf57 84d44b 98d83e addc30 c2df23 d8e219 ece51b fde725"
    ),
    "coolwarm": (
        "3b4cc0 445acc 4e68d8 5875e1 6282ea 6c8ff1 779af7 82a6fb 8db0fe 98b9ff a3c2fe "
        "aec9fc b9d0f9 c3d5f4 ccd9ed d5dbe5 dddcdc e5d8d1 ecd3c5 f1ccb8 f5c4ac f7ba9f "
        "f7b093 f6a586 f4987a f08b6e eb7d62 e46e56 dd5f4b d44e41 ca3b37 be242e b40426"
    ),
}
COLORMAPS = tuple(_TABLES)
DIVERGING = frozenset({"coolwarm"})


def apply_colormap(t: Float[np.ndarray, " k"], colormap: str) -> Float[np.ndarray, "k 3"]:
    """Return the sRGB colour, 0 to 1, for numbers from 0 to 1; what lies outside gets an end's.

    Raises
    ------
    ValueError
        There is no colour map of that name.
    """
    if colormap not in _TABLES:
        raise ValueError(f"colormap must be one of {', '.join(COLORMAPS)}, got {colormap!r}")
    words = _TABLES[colormap].split()
    table = np.array([list(bytes.fromhex(word)) for word in words]) / 255
    position = np.linspace(0, 1, len(table))
    return np.stack([np.interp(t, position, channel) for channel in table.T], axis=1)


def default_limits(field: Float[np.ndarray, " k"], colormap: str) -> tuple[float, float]:
    """Return the ends of the colour scale for a field: its own, or ±the largest for "coolwarm".

    A constant field gets a range about its value.
    """
    low, high = float(field.min()), float(field.max())
    if colormap in DIVERGING:
        high = max(abs(low), abs(high))
        low = -high
    if low < high:
        return low, high
    half = max(abs(low) / 10, 1e-12)
    return low - half, high + half
