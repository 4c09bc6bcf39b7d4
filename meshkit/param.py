"""Flatten a disk: the whole job, and the doctor's verdict on the result.

`parameterize` checks the mesh (`meshkit.flattening.disk`), places the border
(`meshkit.flattening.boundary`, `meshkit.flattening.convex_border`), solves
(`meshkit.flattening.harmonic`), looks for flipped and collapsed faces, changes the weights if there
are any, and fills inner holes (`meshkit.flattening.holes`, `meshkit.flattening.polygon`). On
request it takes ears away first (`meshkit.flattening.ears`), lets the border go
(`meshkit.flattening.free_boundary`), or enlarges what an image would miss
(`meshkit.flattening.balance`).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from meshkit.checks import takes_mesh
from meshkit.distortion import Distortion, distortion
from meshkit.edits import Repair, compose
from meshkit.errors import DegenerateFaceError, SolveError, TopologyError
from meshkit.flattening.balance import Balance, balance_uv
from meshkit.flattening.boundary import circle_boundary, square_boundary
from meshkit.flattening.convex_border import place_border
from meshkit.flattening.corners import chords
from meshkit.flattening.cut import cut_to_disk
from meshkit.flattening.disk import disk_loops, near_and_unit, outer_first
from meshkit.flattening.drawing import grid_drawing
from meshkit.flattening.ears import flip_ears, make_room, split_ears
from meshkit.flattening.free_boundary import METHODS, free_uv
from meshkit.flattening.harmonic import harmonic_uv, solve_dirichlet
from meshkit.flattening.holes import ClosedDisk, add_centres, close_holes, with_fans
from meshkit.flattening.polygon import fill_polygon
from meshkit.flattening.relax import relaxed
from meshkit.flattening.symmetric import (
    find_mirror,
    mirrored_border,
    symmetric_laplacian,
    symmetric_map,
)
from meshkit.laplacian import cotangent_laplacian, mean_value_laplacian, uniform_laplacian
from meshkit.mirror import symmetrized
from meshkit.operators.intrinsic import delaunay_laplacian
from meshkit.operators.robust import robust_laplacian
from meshkit.predicates import face_signs, flipped_faces, zero_area_faces
from meshkit.topology import boundary_loops

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

WEIGHTS: dict[str, Callable[..., sp.csr_array]] = {
    "cotan": cotangent_laplacian,
    "mean-value": mean_value_laplacian,
    "uniform": uniform_laplacian,
    "delaunay": delaunay_laplacian,
    "robust": robust_laplacian,
}
# In the order in which "auto" tries them: the least distortion first, the least demand last.
AUTO = ("cotan", "mean-value", "uniform")
NO_ROOM = (
    "round-border",
    "split-ears",
    "split-ears-or-round",
)  # remedies of what `make_room` mends
EARS: dict[str, Callable[..., Repair]] = {"split": split_ears, "flip": flip_ears}


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
        The weights used: one of WEIGHTS or "grid" (see `parameterize`); "none" for "lscm".
    flips, zero_area : 1
        Rows of F that are clockwise, or without area, in UV: exact for the floats returned.
    loops : 1
        The outer border, then the inner ones, longest first.
    distortion : 1
        Per face of the mesh (not of F: a face that fills a hole is no surface).
    repair
        The cut, and what was done to ears; None if nothing was asked or needed. All of the above is
        then about the mesh ``repair.V, repair.F``; ``repair.vertex_map`` leads back.
    balance
        What balancing did; None if it was not asked for.
    mirror : 1
        Of a symmetric map the vertex opposite each (`meshkit.mirror_permutation`); else None.
    """

    UV: Float[np.ndarray, "n 2"]
    F: Int[np.ndarray, "k 3"]
    fill_mask: Bool[np.ndarray, " k"]
    weights: str
    flips: Int[np.ndarray, " f"]
    zero_area: Int[np.ndarray, " z"]
    loops: list[np.ndarray]
    distortion: Distortion
    repair: Repair | None = None
    balance: Balance | None = None
    mirror: Int[np.ndarray, " n"] | None = None


@takes_mesh
def parameterize(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    *,
    method: str = "harmonic",
    boundary: str | Float[np.ndarray, "k 2"] = "square",
    aspect: float = 1.0,
    weights: str = "auto",
    fill_holes: bool = False,
    loop: int | Int[np.ndarray, " b"] | None = None,
    corners: str | Int[np.ndarray, " c"] | None = "pose",
    ears: str = "keep",
    balance: int | tuple[int, int] | None = None,
    max_angle: float | None = None,
    symmetric: bool = False,
    cut: bool = False,
) -> Parameterization:
    """Flatten a disk, with or without inner holes, onto a convex border in the unit square.

    With weights "auto" the map has neither flipped nor collapsed faces: cotangent weights come
    first, then mean value, then uniform ones, then these two with the holes closed for the solve,
    and at the very last "grid", positive weights from a drawing of the mesh on a grid, for surfaces
    so long that any other map shrinks a part below rounding (expect large distortion). `weights` of
    the result says which held. Weights named by the caller are used as they are, and flips are
    reported.

    Parameters
    ----------
    V : length
    method : "harmonic", "lscm", "arap" or "slim"
        All but the first let the border go where it will (see `flattening.free_boundary`); then
        `boundary` has no meaning and flips are reported, whatever the weights. "arap" and "slim"
        start from the harmonic map to a circle; "slim" keeps it free of flips, exactly.
    boundary : "square", "rectangle", "circle", or points
        Points are the corners of a convex polygon in the unit square; see `polygon_boundary`.
    aspect : 1
        Width over height of the rectangle.
    weights : "auto", "cotan", "mean-value", "uniform", "delaunay" or "robust"
        The last two are not negative but join vertices that the mesh does not, so faces may flip.
    fill_holes : 1
        Cover the inner holes with faces (no new vertices), so that a raster has no empty pixel
        inside. Without it, inner borders are free, and with named weights an ear of a hole (cut off
        by an inner edge) collapses onto that edge.
    loop : 1
        The outer border: its place in `disk_loops(V, F)`, or its vertices. Default: the longest.
    corners : "pose", "angle", or vertices
        What goes to the corners: chosen by pose and even sides (None means the same), where the
        border turns most, or vertices of the outer border; see `square_boundary`.
    ears : "keep", "auto", "split" or "flip"
        Whether parts that an inner edge between two border vertices cuts off are taken away first;
        see `split_ears`, `flip_ears`. With "auto" only where the border would be refused, and then
        a border of three vertices gets a fourth: `repair` of the result says so.
    balance : pixels
        Height and width of an image that should show as many vertices as it can; see `balance_uv`.
    max_angle : 1
        Bound on the angle distortion of 95 % of the faces while balancing; None for no bound.
    symmetric : 1
        Make the map of a symmetric mesh its own mirror image, exactly but for the last digit: the
        vertex opposite one at (u, v) lies at (1 - u, v). It is the map of the mean of the surface
        and its mirror image. `mirror` of the result says which vertex is opposite which.
    cut : 1
        Open a closed surface or handles first (`meshkit.cut_to_disk`): `repair` of the result has
        the opened mesh, and `seam_uv` puts the map onto the uncut one.

    Raises
    ------
    ValueError
        An unknown option, or a loop or corners that the mesh does not have.
    TopologyError
        The mesh is no disk with holes, or has more ears than corners (see `square_corners`); or a
        symmetric map is wanted of a mesh that has no mirror image.
    DegenerateFaceError
        Weights or a method named by the caller need angles, and a face has no area.
    SolveError
        With "auto", every choice of weights left flipped or collapsed faces. Otherwise: no
        solution, holes to fill that flips have tied into knots, or flips that stop balancing.

    References
    ----------
    Floater, One-to-one piecewise linear mappings over triangulations, Mathematics of Computation
    2003 (positive weights, convex border: no flip, if no ear is cut off).
    """
    corners = "pose" if corners is None else corners
    _check_options(method, weights, ears)
    free = method != "harmonic"
    if free and (balance is not None or isinstance(boundary, np.ndarray) or boundary != "square"):
        raise ValueError(f"method {method!r} lets the border go: no boundary, no balance")
    if free and (aspect != 1 or not isinstance(corners, str) or corners != "pose"):
        raise ValueError(f"method {method!r} lets the border go: no aspect, no corners")
    if symmetric and (free or not isinstance(corners, str) or corners != "pose"):
        raise ValueError("a symmetric map is harmonic, and its corners are chosen by pose")
    if method == "lscm" and weights != "auto":
        raise ValueError("method 'lscm' starts from no map: no weights")
    opened = cut_to_disk(V, F) if cut else None
    if opened is not None and len(opened.seam):
        V, F = opened.V, opened.F
    loops = outer_first(disk_loops(V, F), loop)
    repair = EARS[ears](V, F) if ears in EARS else None
    if repair is not None:
        V, F = repair.V, repair.F
    given, V, mirror = V, near_and_unit(V), None
    if free:
        result = _free_border(V, F, loops, method, weights, fill_holes=fill_holes)
    else:
        while True:
            try:
                if symmetric:
                    mirror = find_mirror(V, F)
                    UV_loop = mirrored_border(V, F, loops[0], boundary, mirror, aspect)
                else:
                    UV_loop = place_border(V, F, loops[0], boundary, aspect=aspect, corners=corners)
                break
            except TopologyError as error:
                if ears != "auto" or error.remedy not in NO_ROOM:
                    raise
            made = make_room(given, F, loops[0])
            repair = made if repair is None else compose(repair, made)
            given, F = repair.V, repair.F
            V, known = near_and_unit(given), loops[0][0]
            loops = sorted(boundary_loops(F), key=lambda loop: known not in loop)
        surface = V if mirror is None else symmetrized(V, mirror)
        result = _fixed_border(
            surface, F, loops, UV_loop, weights, fill_holes=fill_holes, mirror=mirror
        )
        if mirror is not None:
            UV = symmetric_map(result.UV, F, mirror, min(1.0, aspect) / 2)
            result = _examine(V, F, UV, result.weights, loops, fill_holes=fill_holes)
            result = result._replace(mirror=mirror)
    if balance is not None:
        result = _balanced(V, F, result, balance, max_angle)
    if opened is not None and len(opened.seam):
        repair = opened.repair if repair is None else compose(opened.repair, repair)
    return result._replace(repair=repair)


def _check_options(method: str, weights: str, ears: str) -> None:
    if method not in ("harmonic", *METHODS):
        raise ValueError(f"method must be one of {['harmonic', *METHODS]}, got {method!r}")
    if weights not in ("auto", *WEIGHTS):
        raise ValueError(f"weights must be 'auto' or one of {[*WEIGHTS]}, got {weights!r}")
    if ears not in ("keep", "auto", *EARS):
        raise ValueError(f"ears must be one of {['keep', 'auto', *EARS]}, got {ears!r}")


def _free_border(
    V: np.ndarray,
    F: np.ndarray,
    loops: list[np.ndarray],
    method: str,
    weights: str,
    *,
    fill_holes: bool,
) -> Parameterization:
    """Flatten without a border; holes to fill are sewn up first, so that none folds over."""
    surface, inner = close_holes(V, F, loops[1:]) if fill_holes else ClosedDisk(F, loops[1:])
    start, used = None, "none"
    if method != "lscm":
        UV_loop = circle_boundary(V, loops[0])
        flat = _fixed_border(V, surface, [loops[0], *inner], UV_loop, weights, fill_holes=False)
        start, used = flat.UV, flat.weights
    UV = free_uv(V, surface, loops[0], start, method=method)
    return _examine(V, F, UV, used, loops, fill_holes=fill_holes)


def _balanced(
    V: np.ndarray,
    F: np.ndarray,
    flat: Parameterization,
    size: int | tuple[int, int],
    max_angle: float | None,
) -> Parameterization:
    holes = flat.loops[1:]
    fill = flat.F[len(F) :]
    holes_open = bool(holes) and not len(fill)
    if holes_open:
        fill = np.concatenate([fill_polygon(flat.UV, hole[::-1]) for hole in holes])
    made = balance_uv(
        V,
        F,
        flat.UV,
        flat.loops[0],
        size,
        fill=fill,
        holes_open=holes_open,
        max_angle=max_angle,
        mirror=flat.mirror,
    )
    filled = bool(flat.fill_mask.any())
    result = _examine(V, F, made.UV, flat.weights, flat.loops, fill_holes=filled)
    return result._replace(balance=made, mirror=flat.mirror)


def _fixed_border(
    V: np.ndarray,
    F: np.ndarray,
    loops: list[np.ndarray],
    UV_loop: np.ndarray,
    weights: str,
    *,
    fill_holes: bool,
    mirror: np.ndarray | None = None,
) -> Parameterization:
    """Solve with the border in its place; with "auto", until no face is flipped or collapsed."""
    reasons = []
    for name, laplacian in _attempts(V, F, loops, weights, fill_holes=fill_holes):
        try:
            L = laplacian() if mirror is None else symmetric_laplacian(laplacian(), mirror)
            UV = solve_dirichlet(L, loops[0], UV_loop)[: len(V)]
            result = _examine(V, F, UV, name, loops, fill_holes=fill_holes)
        except (DegenerateFaceError, SolveError) as error:
            if weights != "auto":
                raise
            reasons.append(f"{name}: {error}")
            continue
        if weights != "auto" or not (result.flips.size or result.zero_area.size):
            if name == "grid":
                UV = relaxed(V, F, UV, loops)
                relief = _examine(V, F, UV, name, loops, fill_holes=fill_holes)
                return result if relief.flips.size or relief.zero_area.size else relief
            return result
        reasons.append(f"{name}: {result.flips.size} flips, {result.zero_area.size} without area")
    raise SolveError("no weights gave a map without flips or collapse; " + "; ".join(reasons))


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
    for name in AUTO if auto else [weights]:
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
    sign = face_signs(UV, faces)
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
