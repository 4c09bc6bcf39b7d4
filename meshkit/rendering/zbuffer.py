"""Find what is seen from +z: a depth buffer over all faces at once, without a loop over them."""

import numpy as np
from jaxtyping import Float, Int

_DEPTHS = 2**31  # levels of the depth buffer: a level and a face index share an int64
_ROUNDING = 1e-9  # closes the cracks where an edge shared by two faces runs through a sample


def nearest_face(
    P: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], height: int, width: int
) -> Int[np.ndarray, " p"]:
    """Find the nearest face (largest z) under every sample, row by row; -1 where there is none.

    The lower index where two are level. Faces seen on edge cover nothing.

    Parameters
    ----------
    P : sample
        Vertices: x right, y down, samples at the integers; z grows towards the viewer.
    """
    x, y, z = np.ascontiguousarray(P.T)
    a, b, c = np.ascontiguousarray(F.T)
    left, across = _span(x[a], x[b], x[c], width)
    top, down = _span(y[a], y[b], y[c], height)
    # Half the faces of a dense mesh hold no sample: everything after this is for the others.
    some = np.flatnonzero((across > 0) & (down > 0))
    a, b, c, left, top, across, down = (q[some] for q in (a, b, c, left, top, across, down))
    # The weights of corners 1 and 2 and the depth are affine in x and y on each face; x and y are
    # counted from corner 0, for precision.
    x1, y1, x2, y2 = x[b] - x[a], y[b] - y[a], x[c] - x[a], y[c] - y[a]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        area = x1 * y2 - y1 * x2
        u1, v1, u2, v2 = y2 / area, -x2 / area, -y1 / area, x1 / area
    count = np.where((area != 0) & np.isfinite(area), across * down, 0)
    k = np.repeat(np.arange(len(some)), count)
    rank = np.arange(len(k)) - np.repeat(np.cumsum(count) - count, count)
    row = rank // across[k]
    column = rank - row * across[k] + left[k]
    row += top[k]
    dx, dy = column - x[a][k], row - y[a][k]
    b1 = u1[k] * dx + v1[k] * dy
    b2 = u2[k] * dx + v2[k] * dy
    smallest = np.minimum(np.minimum(b1, b2), 1 - b1 - b2)
    inside = np.flatnonzero(smallest >= -_ROUNDING)
    k = k[inside]
    depth = z[a][k] + b1[inside] * (z[b] - z[a])[k] + b2[inside] * (z[c] - z[a])[k]
    seen = np.full(height * width, -1, dtype=np.int64)
    if len(k):
        far, thickness = depth.min(), np.ptp(depth)
        level = (depth - far) * ((_DEPTHS - 2) / thickness if thickness > 0 else 1)
        key = level.astype(np.int64) * _DEPTHS + (_DEPTHS - 1 - some[k])
        np.maximum.at(seen, row[inside] * width + column[inside], key)
    return np.where(seen >= 0, _DEPTHS - 1 - seen % _DEPTHS, -1)


def _span(p: np.ndarray, q: np.ndarray, r: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first integer in [0, size) within each range of three numbers, and how many."""
    low = np.ceil(np.minimum(np.minimum(p, q), r)).clip(0, size).astype(np.int64)
    high = np.floor(np.maximum(np.maximum(p, q), r)).clip(-1, size - 1).astype(np.int64)
    return low, high - low + 1
