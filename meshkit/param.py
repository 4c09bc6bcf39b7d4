"""Flatten a disk: the whole job, and the doctor's verdict on the result.

`parameterize` checks the mesh (`meshkit.disk`), places the border (`meshkit.boundary`), solves
(`meshkit.harmonic`), looks for flipped and collapsed faces, changes the weights if there are any,
and fills inner holes (`meshkit.fill`, `meshkit.polygon`).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from meshkit.boundary import circle_boundary, square_boundary
from meshkit.checks import check_mesh
from meshkit.corners import chords
from meshkit.disk import disk_loops, outer_first
from meshkit.distortion import Distortion, distortion
from meshkit.drawing import grid_drawing
from meshkit.errors import DegenerateFaceError, SolveError
from meshkit.fill import ClosedDisk, add_centres, close_holes, with_fans
from meshkit.harmonic import harmonic_uv, solve_dirichlet
from meshkit.laplacian import cotangent_laplacian, mean_value_laplacian, uniform_laplacian
from meshkit.polygon import fill_polygon
from meshkit.predicates import orientation

__all__ = [
    "WEIGHTS",
    "Parameterization",
    "circle_boundary",
    "disk_loops",
    "flipped_faces",
    "harmonic_uv",
    "parameterize",
    "square_boundary",
    "zero_area_faces",
]

# In the order in which "auto" tries them: the least distortion first, the least demand last.
WEIGHTS: dict[str, Callable[..., sp.csr_array]] = {
    "cotan": cotangent_laplacian,
    "mean-value": mean_value_laplacian,
    "uniform": uniform_laplacian,
}


class Parameterization(NamedTuple):
    """A flat map and what it is worth.

    Attributes
    ----------
    UV : 1
        One row per vertex, in [0, 1]^2.
    F : 1
        The faces to rasterize: those of the mesh, then those that fill its holes.
    fill_mask : 1
        True for a face that fills a hole.
    weights : 1
        The weights used: "cotan", "mean-value", "uniform" or "grid" (see `parameterize`).
    flips, zero_area : 1
        Rows of F that are clockwise, or without area, in UV: exact for the floats returned.
    loops : 1
        The outer border, then the inner ones, longest first.
    distortion : 1
        Per face of the mesh (not of F: a face that fills a hole is no surface).
    """

    UV: Float[np.ndarray, "n 2"]
    F: Int[np.ndarray, "k 3"]
    fill_mask: Bool[np.ndarray, " k"]
    weights: str
    flips: Int[np.ndarray, " f"]
    zero_area: Int[np.ndarray, " z"]
    loops: list[np.ndarray]
    distortion: Distortion


def flipped_faces(UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, " k"]:
    """List the faces that are clockwise in the plane; exact, without a tolerance."""
    return np.flatnonzero(_signs(UV, F) < 0)


def zero_area_faces(
    UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"]
) -> Int[np.ndarray, " k"]:
    """List the faces whose corners lie on one line of the plane; exact, without a tolerance."""
    return np.flatnonzero(_signs(UV, F) == 0)


def _signs(UV: np.ndarray, F: np.ndarray) -> np.ndarray:
    check_mesh(UV, F)
    return orientation(UV[F[:, 0]], UV[F[:, 1]], UV[F[:, 2]])


def parameterize(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    *,
    boundary: str = "square",
    weights: str = "auto",
    fill_holes: bool = False,
    loop: int | Int[np.ndarray, " b"] | None = None,
    corners: Int[np.ndarray, " 4"] | None = None,
) -> Parameterization:
    """Flatten a disk, with or without inner holes, onto the unit square or a circle in it.

    With weights "auto" the map has neither flipped nor collapsed faces: cotangent weights come
    first, then mean value, then uniform ones, then these two with the holes closed for the solve,
    and at the very last "grid", positive weights from a drawing of the mesh on a grid, for surfaces
    so long that any other map shrinks a part below rounding (expect large distortion). `weights` of
    the result says which held. Weights named by the caller are used as they are, and flips are
    reported.

    Parameters
    ----------
    V : length
    boundary : "square" or "circle"
    weights : "auto", "cotan", "mean-value" or "uniform"
    fill_holes : 1
        Cover the inner holes with faces (no new vertices), so that a raster has no empty pixel
        inside. Without it, inner borders are free, and with named weights an ear of a hole (cut off
        by an inner edge) collapses onto that edge.
    loop : 1
        The outer border: its place in `disk_loops(V, F)`, or its vertices. Default: the longest.
    corners : 1
        Four vertices of the outer border for the corners of the square; see `square_boundary`.

    Raises
    ------
    ValueError
        An unknown option, or a loop or corners that the mesh does not have.
    TopologyError
        The mesh is no disk with holes, or has more ears than corners (see `square_corners`).
    DegenerateFaceError
        Weights named by the caller need angles, and a face has no area.
    SolveError
        With "auto", every choice of weights left flipped or collapsed faces. Otherwise: no
        solution, or holes to fill that flips have tied into knots.

    References
    ----------
    Floater, One-to-one piecewise linear mappings over triangulations, Mathematics of Computation
    2003 (positive weights, convex border: no flip, if no ear is cut off).
    """
    if boundary not in ("square", "circle"):
        raise ValueError(f"boundary must be 'square' or 'circle', got {boundary!r}")
    if weights not in ("auto", *WEIGHTS):
        raise ValueError(f"weights must be 'auto' or one of {[*WEIGHTS]}, got {weights!r}")
    if corners is not None and boundary == "circle":
        raise ValueError("a circle has no corners: leave `corners` out or take boundary='square'")
    loops = outer_first(disk_loops(V, F), loop)
    V = _to_unit_scale(V)
    if boundary == "square":
        UV_loop = square_boundary(V, loops[0], corners=corners, F=F)
    else:
        UV_loop = circle_boundary(V, loops[0])
    reasons = []
    for name, laplacian in _attempts(V, F, loops, weights, fill_holes=fill_holes):
        try:
            UV = solve_dirichlet(laplacian(), loops[0], UV_loop)[: len(V)]
            result = _examine(V, F, UV, name, loops, fill_holes=fill_holes)
        except (DegenerateFaceError, SolveError) as error:
            if weights != "auto":
                raise
            reasons.append(f"{name}: {error}")
            continue
        if weights != "auto" or not (result.flips.size or result.zero_area.size):
            return result
        reasons.append(f"{name}: {result.flips.size} flips, {result.zero_area.size} without area")
    raise SolveError("no weights gave a map without flips or collapse; " + "; ".join(reasons))


def _to_unit_scale(V: np.ndarray) -> np.ndarray:
    """Scale by a power of two, which rounds nothing, so that no product over- or underflows."""
    _, exponent = np.frexp(np.abs(V).max())
    return np.asarray(np.ldexp(V.astype(float), -exponent))


def _attempts(
    V: np.ndarray, F: np.ndarray, loops: list[np.ndarray], weights: str, *, fill_holes: bool
) -> Iterator[tuple[str, Callable[[], sp.csr_array]]]:
    """Yield weights by name, best first, and how to build their Laplacian."""
    outer, *holes = loops
    auto = weights == "auto"
    # An ear of a free hole hangs on two vertices: it collapses between them, or so it would but for
    # rounding, which must not decide.
    close = fill_holes or (auto and any(len(chords(F, hole)) for hole in holes))
    disk = close_holes(V, F, holes) if close else ClosedDisk(F, [])
    for name in WEIGHTS if auto else [weights]:
        yield name, partial(_build, name, V, disk)
    if not auto:
        return
    if holes and not close:
        # A free border may fold over; closed, the mesh is a disk, and positive weights hold.
        disk = close_holes(V, F, holes)
        for name in ("mean-value", "uniform"):
            yield name, partial(_build, name, V, disk)
    yield "grid", partial(_build_grid, with_fans(disk, len(V)), outer, len(V) + len(disk.centred))


def _build(name: str, V: np.ndarray, disk: ClosedDisk) -> sp.csr_array:
    L = WEIGHTS[name](V, disk.F)
    return add_centres(L, disk.centred) if disk.centred else L


def _build_grid(F: np.ndarray, loop: np.ndarray, n: int) -> sp.csr_array:
    return mean_value_laplacian(grid_drawing(F, loop, n), F)


def _examine(
    V: np.ndarray,
    F: np.ndarray,
    UV: np.ndarray,
    name: str,
    loops: list[np.ndarray],
    *,
    fill_holes: bool,
) -> Parameterization:
    """Fill the holes of a map if asked, and look for faces that are flipped or without area."""
    filled = [F.astype(np.int64)]
    if fill_holes:
        filled += [fill_polygon(UV, hole[::-1]) for hole in loops[1:]]  # holes run clockwise
    faces = np.concatenate(filled)
    sign = _signs(UV, faces)
    return Parameterization(
        UV=UV,
        F=faces,
        fill_mask=np.arange(len(faces)) >= len(F),
        weights=name,
        flips=np.flatnonzero(sign < 0),
        zero_area=np.flatnonzero(sign == 0),
        loops=loops,
        distortion=distortion(V, F, UV),
    )
