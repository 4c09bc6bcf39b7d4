"""The face without features: rows of half ovals from the hairline to under the chin.

A point of the skin has the coordinates (along, row): `along` is the way round the face from the
midline and `row` the height of its row at the midline, unrolled under the chin; both in mm. Rows
rise towards the ears below the mouth, so that they follow the jaw.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from gan.datasets.tables import read_table

# row; y, z at the midline; half width; y, z at the ear; pointedness; lateness: see the table.
_ROWS = np.array(read_table("head")["skull"])
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
