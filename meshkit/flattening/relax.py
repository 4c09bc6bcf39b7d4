"""Lessen the distortion of a map from a drawing on a grid, as far as no face flips."""

import numpy as np
from jaxtyping import Float, Int

from meshkit.distortion import angle_percentile
from meshkit.errors import DegenerateFaceError
from meshkit.flattening.free_boundary import slim
from meshkit.flattening.harmonic import solve_dirichlet
from meshkit.flattening.holes import close_holes
from meshkit.laplacian import corner_products, mean_value_laplacian
from meshkit.predicates import face_signs

ITERATIONS = 8  # of SLIM: most of what it gains comes in the first few


def relaxed(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    UV: Float[np.ndarray, "n 2"],
    loops: list[np.ndarray],
) -> Float[np.ndarray, "n 2"]:
    """Improve a map without flips by SLIM and put its border back; return UV if that fails.

    SLIM holds the border by springs. Where it lets go, mean value weights of what SLIM found, which
    are positive, and one solve put the border back exactly. The angle distortion of 95 % of the
    faces must have come down, and no face be flipped or without area, exactly.

    Parameters
    ----------
    V : length
    loops : 1
        The outer border, then the holes.
    """
    outer, *holes = loops
    disk = close_holes(V, F, holes)
    faces = disk.F
    if disk.centred:
        # The centre of a hole that could not be sewn has no place on the surface.
        return UV
    try:
        area, flat = (corner_products(P, faces)[1].sum() for P in (V, UV))
        scale = np.sqrt(area / flat)
        drawing = slim(V, faces, UV * scale, outer, ITERATIONS) / scale
        if not np.isfinite(drawing).all():
            return UV
        better = solve_dirichlet(mean_value_laplacian(drawing, faces), outer, UV[outer])
    except (DegenerateFaceError, RuntimeError):  # SolveError, and what libigl raises
        return UV
    if (face_signs(better, faces) <= 0).any():
        return UV
    return better if angle_percentile(V, F, better) < angle_percentile(V, F, UV) else UV
