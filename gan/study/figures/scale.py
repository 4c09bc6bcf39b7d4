"""The scale of distances in millimetres, one for all pictures of a figure."""

import numpy as np
from jaxtyping import Float, UInt8

from meshkit.rendering.color_bar import color_bar

_ENDS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # mm


def error_limits(distance: Float[np.ndarray, "..."], *, share: float = 0.95) -> tuple[float, float]:
    """Return 0 and the least round number that a share of the distances does not pass, in mm."""
    reach = float(np.quantile(distance, share))
    return 0.0, next((end for end in _ENDS if end >= reach), reach)


def error_scale(
    distance: Float[np.ndarray, "..."], height: int, *, share: float = 0.95
) -> tuple[tuple[float, float], UInt8[np.ndarray, "h w 3"]]:
    """Return the limits for distances in mm, and the colour bar that explains them."""
    limits = error_limits(distance, share=share)
    return limits, color_bar(height, limits, label="mm")
