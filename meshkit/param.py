"""Flatten a disk: harmonic maps with a fixed border, and the doctor's verdict on the result.

`parameterize` is the whole job: it checks the mesh, places the border, solves, looks for flipped
and collapsed faces, changes the weights if there are any, and fills inner holes. `harmonic_uv` is
the bare solve. Where the border goes is in `meshkit.boundary`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.linalg import splu

from meshkit.boundary import circle_boundary, square_boundary
from meshkit.checks import check_mesh
from meshkit.distortion import Distortion, distortion
from meshkit.errors import DegenerateFaceError, MeshError, SolveError, TopologyError
from meshkit.fill import add_centres, sew_hole
from meshkit.laplacian import cotangent_laplacian, mean_value_laplacian, uniform_laplacian
from meshkit.polygon import fill_polygon
from meshkit.predicates import orientation
from meshkit.topology import (
    boundary_loops,
    components,
    count_parts,
    euler_characteristic,
    nonmanifold_vertices,
    unreferenced_vertices,
)

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
        The weights used: "cotan", "mean-value" or "uniform".
    flips, zero_area : 1
        Rows of F that are clockwise, or without area, in UV: exact for the floats returned.
    loops : 1
        The outer border, then the inner ones, longest first.
    distortion : 1
        Per face of the mesh (not of F: a face that fills a hole is no surface).
    """

    UV: Float[np.ndarray, "n 2"]
    F: Int[np.ndarray, "k 3"]
    fill_mask: np.ndarray
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


def disk_loops(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> list[np.ndarray]:
    """Return the border loops of a disk with or without holes, longest first.

    Raises
    ------
    MeshError
        A vertex belongs to no face.
    TopologyError
        The mesh is not manifold or not oriented, closed, in several parts, or has handles.
    """
    check_mesh(V, F)
    n = len(V)
    unused = unreferenced_vertices(F, n)
    if unused.size:
        raise MeshError(
            f"vertex {int(unused[0])} belongs to no face ({unused.size} such vertices; "
            "unreferenced_vertices(F, n) lists them): delete them, or take --component largest"
        )
    loops = boundary_loops(F)
    if (parts := count_parts(F, n)) > 1:
        sizes = np.sort(np.bincount(components(F, n)))[::-1]
        raise TopologyError(
            f"the mesh has {parts} parts of {sizes[:6].tolist()} vertices: take one, --component "
            "largest, or by components(F, n)"
        )
    if (odd := nonmanifold_vertices(F)).size:
        raise TopologyError(
            f"the faces at vertex {int(odd[0])} form more than one fan ({odd.size} such vertices; "
            "nonmanifold_vertices(F) lists them): give each fan its own copy of the vertex"
        )
    if not loops:
        raise TopologyError(
            "the mesh is closed: it has no border to put on the square; delete the faces where it "
            "may be open, or cut it along a seam"
        )
    handles = 2 - len(loops) - euler_characteristic(F)
    if handles:
        raise TopologyError(
            f"the mesh has {len(loops)} loops and {handles // 2} handles, so it is no disk with "
            "holes: cut the handles open"
        )
    return loops


def harmonic_uv(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    loop: Int[np.ndarray, " b"],
    UV_loop: Float[np.ndarray, "b 2"],
    *,
    laplacian: Callable[..., sp.csr_array] = cotangent_laplacian,
    rtol: float = 1e-8,
) -> Float[np.ndarray, "n 2"]:
    """Flatten a surface by the discrete harmonic map with a fixed border.

    Solves ``L UV = 0`` off the loop. Other boundary loops (mouth, eyes) stay free. Cotangent
    weights can be negative, and then faces can flip: ask `flipped_faces`, or let `parameterize`.

    Parameters
    ----------
    V : length
    UV_loop : 1
        Where row k of `loop` goes.
    rtol : 1
        Largest accepted residual, relative to the right-hand side.

    Returns
    -------
    UV : 1

    Raises
    ------
    TopologyError
        The mesh has several parts.
    SolveError
        The system is singular or its residual exceeds `rtol`.

    References
    ----------
    Eck, DeRose, Duchamp, Hoppe, Lounsbery, Stuetzle, Multiresolution analysis of arbitrary meshes,
    SIGGRAPH 1995, Section 4.
    """
    if (parts := count_parts(F, len(V))) > 1:
        raise TopologyError(
            f"the mesh has {parts} parts (a vertex in no face is one): take one of components(F, n)"
        )
    return _solve_dirichlet(laplacian(V, F), loop, UV_loop, rtol)


def _solve_dirichlet(
    L: sp.csr_array, fixed: np.ndarray, values: np.ndarray, rtol: float
) -> np.ndarray:
    """Solve L X = 0 with some rows of X given."""
    X = np.zeros((L.shape[0], 2))
    X[fixed] = values
    free = np.ones(len(X), dtype=bool)
    free[fixed] = False
    inner = np.flatnonzero(free)
    if inner.size == 0:
        return X
    A, rhs = L[inner][:, inner].tocsc(), -(L[inner][:, fixed] @ values)
    try:
        # The pattern is symmetric and the diagonal holds: without pivoting, half the fill-in.
        factors = splu(
            A,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            relax=1,
            panel_size=8,
            options={"SymmetricMode": True},
        )
    except RuntimeError as error:
        raise SolveError(f"the harmonic system of {inner.size} unknowns is singular") from error
    X[inner] = factors.solve(rhs)
    residual = np.linalg.norm(A @ X[inner] - rhs) / np.linalg.norm(rhs)
    if not residual <= rtol:  # written so that nan fails too
        raise SolveError(f"harmonic map: relative residual {residual:.1e} > rtol {rtol:.1e}")
    return X


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
    first, then mean value, then uniform ones; `weights` of the result says which held. Weights
    named by the caller are used as they are, and flips are reported.

    Parameters
    ----------
    V : length
    boundary : "square" or "circle"
    weights : "auto", "cotan", "mean-value" or "uniform"
    fill_holes : 1
        Cover the inner holes with faces (no new vertices), so that a raster has no empty pixel
        inside. Without it, inner borders are free.
    loop : 1
        The outer border: its place in `disk_loops(V, F)`, or its vertices. Default: the longest.
    corners : 1
        Four vertices of the outer border for the corners of the square; see `square_boundary`.

    Raises
    ------
    ValueError
        An unknown option, or a loop or corners that the mesh does not have.
    TopologyError
        The mesh is no disk with holes, or more ears than corners (see `square_corners`).
    SolveError
        With "auto", every choice of weights left flipped or collapsed faces; or no solution.

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
    loops = _outer_first(disk_loops(V, F), loop)
    if boundary == "circle":
        UV_loop = circle_boundary(V, loops[0])
    else:
        UV_loop = square_boundary(V, loops[0], corners=corners, F=F)
    disk = _close(V, F, loops[1:]) if fill_holes else _Disk(F, [])
    reasons = []
    for name in WEIGHTS if weights == "auto" else [weights]:
        try:
            result = _map_with(name, V, F, loops, UV_loop, disk, fill_holes=fill_holes)
        except (DegenerateFaceError, SolveError) as error:
            if weights != "auto":
                raise
            reasons.append(f"{name}: {error}")
            continue
        if weights != "auto" or not (result.flips.size or result.zero_area.size):
            return result
        reasons.append(f"{name}: {result.flips.size} flips, {result.zero_area.size} without area")
    raise SolveError("no weights gave a map without flips or collapse: " + "; ".join(reasons))


def _outer_first(
    loops: list[np.ndarray], loop: int | Int[np.ndarray, " b"] | None
) -> list[np.ndarray]:
    """Put the chosen loop first."""
    if loop is None:
        return loops
    if isinstance(loop, int | np.integer):
        if not 0 <= loop < len(loops):
            raise ValueError(f"loop {loop} does not exist: the mesh has {len(loops)}, from 0")
        place = int(loop)
    else:
        same = [k for k, known in enumerate(loops) if set(known.tolist()) == set(loop.tolist())]
        if not same:
            lengths = [len(known) for known in loops]
            raise ValueError(f"the {len(loop)} vertices given are no border loop of {lengths}")
        place = same[0]
    return [loops[place], *loops[:place], *loops[place + 1 :]]


class _Disk(NamedTuple):
    """What the weights see: faces, some of which may close holes, and holes closed by a centre."""

    F: np.ndarray
    centred: list[np.ndarray]


def _close(V: np.ndarray, F: np.ndarray, holes: list[np.ndarray]) -> _Disk:
    """Sew up the holes; those that cannot be sewn get a centre."""
    sewn = [sew_hole(V, F, hole) for hole in holes]
    fill = [faces for faces in sewn if faces is not None]
    centred = [hole for hole, faces in zip(holes, sewn, strict=True) if faces is None]
    return _Disk(np.concatenate([F, *fill]), centred)


def _map_with(
    name: str,
    V: np.ndarray,
    F: np.ndarray,
    loops: list[np.ndarray],
    UV_loop: np.ndarray,
    disk: _Disk,
    *,
    fill_holes: bool,
) -> Parameterization:
    """Flatten with one kind of weights and look at the result."""
    outer, *holes = loops
    L = WEIGHTS[name](V, disk.F)
    if disk.centred:
        L = add_centres(L, disk.centred)
    UV = _solve_dirichlet(L, outer, UV_loop, rtol=1e-8)[: len(V)]
    filled = [F.astype(np.int64)]
    if fill_holes:
        filled += [fill_polygon(UV, hole[::-1]) for hole in holes]  # holes run clockwise
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
