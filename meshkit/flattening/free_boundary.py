"""Maps that place their border themselves: LSCM, ARAP and SLIM, through libigl.

libigl ends the process on a mesh that it does not expect: everything here takes a disk that
`meshkit.flattening.disk.disk_loops` has seen, and refuses faces without area first. ARAP and SLIM
start from a map without flips. SLIM's energy grows beyond bounds as a face collapses, so it flips
none but by rounding, and then fewer steps are taken, in the end none; the others may flip. None
keeps distant parts of the map from overlapping.
"""

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import SolveError
from meshkit.flattening.corners import TIE, pose_angle
from meshkit.laplacian import corner_products
from meshkit.predicates import face_signs

METHODS = ("lscm", "arap", "slim")
ITERATIONS = 20  # of ARAP and SLIM: the energies have settled to 1 % on the shared faces


def free_uv(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    loop: Int[np.ndarray, " b"],
    start: Float[np.ndarray, "n 2"] | None,
    *,
    method: str,
    iterations: int = ITERATIONS,
) -> Float[np.ndarray, "n 2"]:
    """Flatten a disk, border and all, turned like the pose, into the unit square.

    Parameters
    ----------
    V : length
    loop : 1
        The outer border.
    start : 1
        A map without flips for "arap" and "slim"; "lscm" needs none.
    method : "lscm", "arap" or "slim"

    Returns
    -------
    UV : 1
        Centred; the larger side of its box is 1, and the shape is kept.

    Raises
    ------
    ValueError
        An unknown method, or no start where one is needed.
    DegenerateFaceError
        A face has no area.
    SolveError
        libigl fails, or returns values that are not finite.

    References
    ----------
    Lévy, Petitjean, Ray, Maillot, Least squares conformal maps, SIGGRAPH 2002.
    Liu, Zhang, Xu, Gotsman, Gortler, A local/global approach to mesh parameterization, SGP 2008.
    Rabinovich, Poranne, Panozzo, Sorkine-Hornung, Scalable locally injective mappings, TOG 2017.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {list(METHODS)}, got {method!r}")
    area = corner_products(V, F)[1].sum()
    if start is None and method != "lscm":
        raise ValueError(f"method {method!r} starts from a map: give one")
    scaled = np.zeros((0, 2))
    if start is not None:
        scaled = start * np.sqrt(area / corner_products(start, F)[1].sum())
    try:
        if method == "lscm":
            UV = _lscm(V, F, loop)
        elif method == "arap":
            UV = _arap(V, F, loop, scaled, iterations)
        else:
            return _slim_without_flips(V, F, loop, scaled, iterations)
    except RuntimeError as error:
        raise SolveError(f"method {method!r}: libigl says {str(error)!r}") from error
    if not np.isfinite(UV).all():
        raise SolveError(f"method {method!r} ended in values that are not finite")
    return _into_square(_upright(V, loop, UV))


def slim(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    UV: Float[np.ndarray, "n 2"],
    held: Int[np.ndarray, " b"],
    iterations: int,
) -> Float[np.ndarray, "n 2"]:
    """Lessen the symmetric Dirichlet energy of a map without flips; springs hold some vertices.

    The surface and the map should have about the same area. What comes back may not be finite.
    """
    import igl

    data = igl.slim_precompute(
        np.asfortranarray(V, dtype=float),
        np.asfortranarray(F, dtype=np.int32),
        np.asfortranarray(UV, dtype=float),
        igl.MappingEnergyType.SYMMETRIC_DIRICHLET,
        held.astype(np.int32),
        np.asfortranarray(UV[held]),
        1e5 if held.size else 0.0,
    )
    return np.ascontiguousarray(igl.slim_solve(data, iterations)[:, :2])


def _slim_without_flips(
    V: np.ndarray, F: np.ndarray, loop: np.ndarray, start: np.ndarray, iterations: int
) -> np.ndarray:
    """Halve the number of steps until no face is flipped or without area; none leaves the start."""
    free = np.zeros(0, dtype=np.int64)
    while iterations:
        drawing = slim(V, F, start, free, iterations)
        if np.isfinite(drawing).all():
            UV = _into_square(_upright(V, loop, drawing))
            if (face_signs(UV, F) > 0).all():
                return UV
        iterations //= 2
    return _into_square(_upright(V, loop, start))


def _lscm(V: np.ndarray, F: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """Pin the two ends of the border: far apart, they bias the map the least."""
    import igl

    first = _furthest(V, loop, V[loop].mean(axis=0))
    ends = np.array([first, _furthest(V, loop, V[first])])
    pinned = np.array([[0.0, 0.0], [1.0, 0.0]])
    V, F = np.array(V, dtype=float, order="C"), np.array(F, dtype=np.int64, order="C")
    return np.ascontiguousarray(igl.lscm(V, F, ends, pinned)[0])


def _furthest(V: np.ndarray, loop: np.ndarray, place: np.ndarray) -> int:
    """Return the vertex furthest from a place; of those that rounding makes, the first by index."""
    distance = np.linalg.norm(V[loop] - place, axis=1)
    return int(loop[distance >= (1 - TIE) * distance.max()].min())


def _arap(
    V: np.ndarray, F: np.ndarray, loop: np.ndarray, start: np.ndarray, iterations: int
) -> np.ndarray:
    """Fix one vertex, which holds the map in its place and bends nothing."""
    import igl

    V, F = np.array(V, dtype=float, order="C"), np.array(F, dtype=np.int64, order="C")
    data = igl.ARAPData()
    data.max_iter = iterations
    igl.arap_precomputation(V, F, 2, loop[:1].astype(np.int32), data)
    start = np.ascontiguousarray(start)
    return np.ascontiguousarray(igl.arap_solve(start[loop[:1]], data, start))


def _upright(V: np.ndarray, loop: np.ndarray, UV: np.ndarray) -> np.ndarray:
    """Turn the map so that border vertices lie in the directions that they are seen in."""
    if pose_angle(V, loop) is None:
        return UV
    seen, flat = ((P[loop] - P[loop].mean(axis=0)) @ [1, 1j] for P in (V[:, :2], UV))
    turn = np.vdot(flat, seen)
    if not abs(turn) > 0:
        return UV
    turned = (UV @ [1, 1j]) * turn / abs(turn)
    return np.stack([turned.real, turned.imag], axis=1)


def _into_square(UV: np.ndarray) -> np.ndarray:
    low, high = UV.min(axis=0), UV.max(axis=0)
    extent = float((high - low).max())
    if not extent > 0:
        raise SolveError("the map has no extent")
    # Rounding must not leave the square.
    return np.asarray(((UV - (low + high) / 2) / extent + 0.5).clip(0, 1))
