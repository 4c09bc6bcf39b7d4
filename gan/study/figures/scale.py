"""The scale of distances in millimetres, one for all pictures of a figure."""

import numpy as np
from jaxtyping import Float, UInt8

from meshkit.rendering.color_bar import color_bar

_ENDS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # mm


def error_limits(distance: Float[np.ndarray, "..."]) -> tuple[float, float]:
    """Return 0 and the least round number that 95 % of the distances do not pass, in mm."""
    reach = float(np.quantile(distance, 0.95))
    return 0.0, next((end for end in _ENDS if end >= reach), reach)


def error_scale(
    distance: Float[np.ndarray, "..."], height: int
) -> tuple[tuple[float, float], UInt8[np.ndarray, "h w 3"]]:
    """Return the limits for distances in mm, and the colour bar that explains them."""
    limits = error_limits(distance)
    return limits, color_bar(height, limits, label="mm")
