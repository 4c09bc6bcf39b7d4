"""Signs of areas, exact for the floats given: no tolerance decides what is flipped."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int

from meshkit.checks import check_mesh, takes_mesh

EPS = float(np.finfo(float).eps) / 2  # the relative error of one rounding
ERROR = (3 + 16 * EPS) * EPS
TINY = 1e-300  # covers products that underflow


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
    with np.errstate(over="ignore", invalid="ignore"):
        (x, y), (z, w) = (a - c).T, (b - c).T
        left, right = x * w, y * z
        det = left - right
        certain = np.abs(det) > ERROR * (np.abs(left) + np.abs(right)) + TINY  # not inf > inf
    # A difference is zero only if the numbers are equal, so these zeros are exact.
    nothing = ((x == 0) | (w == 0)) & ((y == 0) | (z == 0))
    sign = np.where(nothing, 0, np.where(det > 0, 1, -1))
    for k in np.flatnonzero(~certain & ~nothing):
        sign[k] = _exact_turn(a[k].tolist(), b[k].tolist(), c[k].tolist())
    return sign


def turn(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> int:
    """Return `orientation` for one triangle of plain numbers."""
    left, right = (a[0] - c[0]) * (b[1] - c[1]), (a[1] - c[1]) * (b[0] - c[0])
    det = left - right
    if abs(det) > ERROR * (abs(left) + abs(right)) + TINY:
        return 1 if det > 0 else -1
    return _exact_turn(a, b, c)


def _exact_turn(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> int:
    x, y = Fraction(a[0]) - Fraction(c[0]), Fraction(a[1]) - Fraction(c[1])
    z, w = Fraction(b[0]) - Fraction(c[0]), Fraction(b[1]) - Fraction(c[1])
    det = x * w - y * z
    return (det > 0) - (det < 0)


@takes_mesh
def flipped_faces(UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, " k"]:
    """List the faces that are clockwise in the plane; exact, without a tolerance."""
    return np.flatnonzero(face_signs(UV, F) < 0)


@takes_mesh
def zero_area_faces(
    UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"]
) -> Int[np.ndarray, " k"]:
    """List the faces whose corners lie on one line of the plane; exact, without a tolerance."""
    return np.flatnonzero(face_signs(UV, F) == 0)


def face_signs(UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, " m"]:
    """Return `orientation` for each face of a map."""
    check_mesh(UV, F)
    return orientation(UV[F[:, 0]], UV[F[:, 1]], UV[F[:, 2]])
