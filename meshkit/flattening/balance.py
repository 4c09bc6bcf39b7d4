"""Pull a flat map until an image of it shows as many vertices as it can: area-balancing.

An image gives a vertex a gradient only if a pixel lies in one of its faces. A harmonic map shrinks
what sticks out (nose, lips), so that there many vertices share a pixel and most are seen by none.
Here each vertex pulls its neighbours less the smaller its faces are, so that they let go of it and
its faces grow; faces that pixels can tell apart already are left alone. Weights stay positive and
the border stays convex and in place, so that no face flips.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.distortion import angle_percentile
from meshkit.errors import SolveError
from meshkit.flattening.harmonic import solve_dirichlet
from meshkit.laplacian import laplacian_of_weights, mean_value_laplacian
from meshkit.predicates import face_signs
from meshkit.raster import check_resolution, rasterize_uv, vertices_seen

STEPS = 24
EXPONENT = 0.25  # of the area in a weight, per step: a quarter step in Yoshizawa's terms
PIXELS_PER_VERTEX = 2.0  # pixels around a vertex from which it need not grow


class Balance(NamedTuple):
    """What balancing did.

    Attributes
    ----------
    UV : 1
    size
        Height and width of the image that it was done for.
    seen_before, seen_after : 1
        Shares of the vertices that a pixel of such an image touches.
    angle_before, angle_after : 1
        The 95th percentile of the angle distortion.
    steps : 1
        Solves that led to UV; 0: nothing better was found within the bound.
    """

    UV: Float[np.ndarray, "n 2"]
    size: tuple[int, int]
    seen_before: float
    seen_after: float
    angle_before: float
    angle_after: float
    steps: int


def balance_uv(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    UV: Float[np.ndarray, "n 2"],
    loop: Int[np.ndarray, " b"],
    size: tuple[int, int],
    *,
    fill: Int[np.ndarray, "k 3"] | None = None,
    max_angle: float = 5.0,
) -> Balance:
    """Enlarge the faces of a flat map that are too small for an image, and keep its border.

    Of up to 24 steps, takes the map that shows the most vertices while 95 % of the faces have an
    angle distortion of at most `max_angle`. Each map is checked: exactly no flip, no collapse.

    Parameters
    ----------
    V : length
    UV : 1
        A map without flips, its border convex.
    loop : 1
        The border.
    size : pixels
        Height and width of the image over the unit square.
    fill : 1
        Faces over the inner holes, which are pulled along: without them holes stay as they are only
        in so far as their borders balance.
    max_angle : 1
        From 1, as `Distortion.angle`. Where the map exceeds it from the start, nothing is done.

    Raises
    ------
    ValueError
        `max_angle` is below 1 or not finite, or the size is not two positive numbers.
    SolveError
        The map has flipped faces or faces without area.

    References
    ----------
    Yoshizawa, Belyaev, Seidel, A fast and simple stretch-minimizing mesh parameterization, Shape
    Modeling International 2004, Section 3. There weights are divided by the stretch of the far
    end; here by the root of the wanted area over the area around it, which counts pixels.
    """
    if not (np.isfinite(max_angle) and max_angle >= 1):
        raise ValueError(f"max_angle must be 1 or more, got {max_angle}")
    check_resolution(size)
    faces = F if fill is None else np.concatenate([F, fill])
    if (face_signs(UV, faces) <= 0).any():
        raise SolveError(
            "balancing starts from a map without flipped faces or faces without area: "
            "weights='auto' makes one"
        )
    before = seen, angle = _seen(UV, faces, size), angle_percentile(V, F, UV)
    best, steps = UV, 0
    # The mean value weights of the flat map reproduce it: balancing starts where it is.
    L = mean_value_laplacian(UV, faces)
    here, pixel = UV, 1 / (size[0] * size[1])
    for step in range(1, STEPS + 1):
        if seen == 1:
            break
        L = _let_go(L, _around(here, faces).clip(max=PIXELS_PER_VERTEX * pixel))
        try:
            here = solve_dirichlet(L, loop, UV[loop])
        except SolveError:
            break
        now = angle_percentile(V, F, here)
        if not now <= max_angle or (face_signs(here, faces) <= 0).any():
            break
        if (share := _seen(here, faces, size)) > seen:
            best, seen, angle, steps = here, share, now, step
    return Balance(best, size, before[0], seen, before[1], angle, steps)


def _let_go(L: sp.csr_array, area: np.ndarray) -> sp.csr_array:
    """Scale the weight towards each vertex by a power of its area; rows sum to one anew."""
    W = -(L - sp.diags_array(L.diagonal())) @ sp.diags_array(area**EXPONENT)
    total = W.sum(axis=1)
    return laplacian_of_weights(sp.csr_array(sp.diags_array(1 / total) @ W))


def _around(UV: np.ndarray, F: np.ndarray) -> np.ndarray:
    """Return the area of the faces around each vertex."""
    a, b = UV[F[:, 1]] - UV[F[:, 0]], UV[F[:, 2]] - UV[F[:, 0]]
    area = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    # From below: what rounding leaves of a tiny face must not make a weight zero.
    return np.bincount(F.ravel(), np.repeat(area, 3), minlength=len(UV)).clip(1e-30)


def _seen(UV: np.ndarray, F: np.ndarray, size: tuple[int, int]) -> float:
    return vertices_seen(F, rasterize_uv(UV, F, size), len(UV))
