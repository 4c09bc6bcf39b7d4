"""Signs of areas, exact for the floats given: no tolerance decides what is flipped."""

from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int

EPS = float(np.finfo(float).eps) / 2  # the relative error of one rounding


def orientation(
    a: Float[np.ndarray, "k 2"], b: Float[np.ndarray, "k 2"], c: Float[np.ndarray, "k 2"]
) -> Int[np.ndarray, " k"]:
    """Return the sign of the area of triangles abc: 1 counter-clockwise, -1 clockwise, 0 collinear.

    The float determinant decides where it exceeds its error bound; the others are summed exactly.

    References
    ----------
    Shewchuk, Adaptive precision floating-point arithmetic and fast robust geometric predicates,
    Discrete & Computational Geometry 1997, Section 4.1.
    """
    left = (a[:, 0] - c[:, 0]) * (b[:, 1] - c[:, 1])
    right = (a[:, 1] - c[:, 1]) * (b[:, 0] - c[:, 0])
    det = left - right
    # The second term covers products that underflow.
    bound = (3 + 16 * EPS) * EPS * (np.abs(left) + np.abs(right)) + 1e-300
    sign: np.ndarray = np.sign(det).astype(np.int64)
    for k in np.flatnonzero(np.abs(det) <= bound):
        sign[k] = exact_orientation(a[k].tolist(), b[k].tolist(), c[k].tolist())
    return sign


def exact_orientation(a: list[float], b: list[float], c: list[float]) -> int:
    """Return the sign of the area of one triangle, exact for all finite floats."""
    x, y = Fraction(a[0]) - Fraction(c[0]), Fraction(a[1]) - Fraction(c[1])
    z, w = Fraction(b[0]) - Fraction(c[0]), Fraction(b[1]) - Fraction(c[1])
    det = x * w - y * z
    return (det > 0) - (det < 0)
