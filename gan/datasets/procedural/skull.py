"""The face without features: rows of half ovals from the hairline to under the chin.

A point of the skin has the coordinates (along, row): `along` is the way round the face from the
midline and `row` the height of its row at the midline, unrolled under the chin; both in mm. Rows
rise towards the ears below the mouth, so that they follow the jaw.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

# row; y, z at the midline; half width; y, z at the ear; pointedness (0: ellipse, 1: parabola);
# how late the row leaves its middle height on the way to the ear.
_ROWS = np.array(
    [
        [95, 88.5, 64.0, 61.0, 67, 10, 0.05, 2.2],
        [75, 75.0, 77.5, 66.5, 57, 6, -0.05, 2.2],
        [50, 50.0, 87.0, 70.0, 40, 3, -0.18, 2.2],
        [24, 24.0, 89.0, 71.5, 19, 1, -0.25, 2.2],
        [5, 5.0, 85.5, 72.0, 3, 1, -0.26, 2.2],
        [-18, -18.0, 83.0, 71.0, -13, 1, -0.20, 2.2],
        [-45, -45.0, 83.0, 68.5, -30, 2, -0.10, 2.3],
        [-70, -70.0, 82.5, 65.0, -45, 3, 0.06, 2.5],
        [-90, -90.0, 79.5, 62.0, -56, 5, 0.20, 2.7],
        [-105, -104.5, 77.5, 59.0, -64, 7, 0.33, 2.8],
        [-118, -114.0, 67.0, 56.0, -69, 7, 0.42, 2.9],
        [-140, -113.5, 47.0, 51.5, -72, 3, 0.40, 3.0],
    ]
)
TOP, BOTTOM = float(_ROWS[0, 0]), float(_ROWS[-1, 0])


@lru_cache(maxsize=1)
def _spline() -> CubicSpline:
    rows = _ROWS[::-1]
    return CubicSpline(rows[:, 0], rows[:, 1:], bc_type="natural")


def half_width(row: Float[np.ndarray, "*k"]) -> Float[np.ndarray, "*k"]:
    """Return the half width of the face (mm) at rows."""
    return np.asarray(_spline()(row)[..., 2])


def skin(along: Float[np.ndarray, "*k"], row: Float[np.ndarray, "*k"]) -> Float[np.ndarray, "*k 3"]:
    """Place points of the bare skin, in mm."""
    y, z, width, y_ear, z_ear, pointed, late = np.moveaxis(_spline()(row), -1, 0)
    share = np.sin(along / width)
    square = share**2
    oval = (1 - pointed) * np.sqrt(1 - square.clip(0, 1)) + pointed * (1 - square)
    rise = (y_ear - y) * np.abs(share) ** late
    return np.stack([width * share, y + rise, z_ear + (z - z_ear) * oval], axis=-1)


def coordinates_of(
    x: Float[np.ndarray, "*k"], y: Float[np.ndarray, "*k"]
) -> tuple[Float[np.ndarray, "*k"], Float[np.ndarray, "*k"]]:
    """Find (along, row) of the points of the skin in front of (x, y), by fixed-point iteration."""
    row = np.array(y, dtype=np.float64)
    for _ in range(30):
        width = half_width(row)
        along = width * np.arcsin((x / width).clip(-1, 1))
        row = row + 0.8 * (y - skin(along, row)[..., 1])
    return along, row
