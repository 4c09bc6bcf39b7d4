"""Pull a flat map until an image of it shows as many vertices as it can: balancing.

An image gives a vertex a gradient only if a pixel lies in one of its faces. A harmonic map shrinks
what sticks out (nose, lips), and of a whole head nearly everything, so that many vertices share a
pixel and most are seen by none. Here all faces are given the same area in the map, each in the
shape that it has on the surface: where vertices are dense, the map grows. Faces around vertices
that the image still misses are then given more, round by round. No face can flip
(`meshkit.flattening.descent`), and the border stays in place.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from meshkit.checks import takes_mesh
from meshkit.distortion import angle_percentile
from meshkit.errors import SolveError
from meshkit.flattening.descent import Descent, wanted_triangles
from meshkit.flattening.symmetric import faces_seen_in_mirror, mirrored
from meshkit.laplacian import edge_vectors, twice_areas
from meshkit.predicates import face_signs
from meshkit.raster import check_resolution, rasterize_uv, touched_vertices

# The values are ours. None decides whether a map is valid, which is checked exactly.
EVEN_STEPS = 10  # to faces of one size: the energies of the shared faces have settled to 1 %
ROUNDS, STEPS = 12, 2  # then of more room for unseen vertices, and steps in each
GOAL = 0.96  # share of seen vertices from which no more is given: the shapes of faces pay for it
GROWTH = 1.4  # of the area around an unseen vertex, in each round
FILL_AREA = 0.25  # of a face over a hole, which is no surface, against one of the mesh
BISECTIONS = 6  # of the step that crosses the bound on angles


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
        Steps that led to UV; 0: nothing better was found within the bound.
    """

    UV: Float[np.ndarray, "n 2"]
    size: tuple[int, int]
    seen_before: float
    seen_after: float
    angle_before: float
    angle_after: float
    steps: int


class _Map(NamedTuple):
    """A map on the way, and what it is worth."""

    UV: Float[np.ndarray, "n 2"]
    seen: Bool[np.ndarray, " n"]
    angle: float

    @property
    def share(self) -> float:
        return float(self.seen.mean())


@takes_mesh
def balance_uv(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    UV: Float[np.ndarray, "n 2"],
    loop: Int[np.ndarray, " b"],
    size: int | tuple[int, int],
    *,
    fill: Int[np.ndarray, "k 3"] | None = None,
    holes_open: bool = False,
    max_angle: float | None = None,
    mirror: Int[np.ndarray, " n"] | None = None,
) -> Balance:
    """Enlarge the faces of a flat map that are too small for an image, and keep its border.

    Takes the map that shows the most vertices while 95 % of the faces have an angle distortion of
    at most `max_angle`. Each map is checked: exactly no flip, no collapse. Once 96 % of the
    vertices are seen, no face is distorted further.

    Parameters
    ----------
    V : length
    UV : 1
        A map without flips.
    loop : 1
        The border.
    size : pixels
        Height and width of the image over the unit square, or one number for both.
    fill : 1
        Faces over the inner holes, which keep them open and small.
    holes_open : 1
        Vertices that an image sees only across `fill` do not count.
    max_angle : 1
        From 1, as `Distortion.angle`; None for no bound. Where the map exceeds it from the start,
        nothing is done.
    mirror : 1
        The vertex opposite each, as `meshkit.mirror_permutation` returns it: the map, which must be
        its own mirror image, stays so.

    Raises
    ------
    ValueError
        `max_angle` is below 1 or not finite, or the size is not two positive numbers.
    SolveError
        The map has flipped faces or faces without area.

    References
    ----------
    Rabinovich, Poranne, Panozzo, Sorkine-Hornung, Scalable locally injective mappings, TOG 2017
    (the steps; there for the shapes and sizes of one surface).
    """
    if max_angle is not None and not (np.isfinite(max_angle) and max_angle >= 1):
        raise ValueError(f"max_angle must be 1 or more, got {max_angle}")
    size = check_resolution(size)
    faces = F if fill is None else np.concatenate([F, fill])
    if (face_signs(UV, faces) <= 0).any():
        raise SolveError(
            "balancing starts from a map without flipped faces or faces without area: "
            "weights='auto' makes one"
        )
    counted = F if holes_open else faces

    def judged(UV: np.ndarray) -> _Map:
        seen = touched_vertices(counted, rasterize_uv(UV, counted, size), len(UV))
        return _Map(UV, seen, angle_percentile(V, F, UV))

    bound = np.inf if max_angle is None else max_angle
    first = best = last = judged(UV)
    steps = 0
    if first.share == 1 or first.angle > bound:
        return Balance(UV, size, first.share, first.share, first.angle, first.angle, 0)
    path = _path(V, F, faces, first, loop, judged, mirror)
    for count, here in enumerate(path, start=1):
        crossed = here.angle > bound
        if crossed:
            here = _within(last, here, bound, faces, judged)
        if here.share > best.share:
            best, steps = here, count
        last = here
        if crossed or best.share == 1:
            break
    return Balance(best.UV, size, first.share, best.share, first.angle, best.angle, steps)


def _path(
    V: np.ndarray,
    F: np.ndarray,
    faces: np.ndarray,
    start: _Map,
    loop: np.ndarray,
    judged: Callable[[np.ndarray], _Map],
    mirror: np.ndarray | None,
) -> Iterator[_Map]:
    """Yield better and better maps: faces of one size, then more room for what is not seen."""
    if mirror is not None:
        also = faces_seen_in_mirror(faces, mirror)
        faces = (
            np.concatenate([faces, also[face_signs(start.UV, also) > 0]]) if len(also) else faces
        )
    share = np.where(np.arange(len(faces)) < len(F), 1.0, FILL_AREA)
    total = _areas(start.UV, faces).sum()
    room = np.ones(len(V))
    middle = float(start.UV[loop, 0].min() + start.UV[loop, 0].max()) / 2
    here, descent = start, Descent(faces, loop, len(V))
    for part in range(1 + ROUNDS):
        if part:
            missed = ~here.seen if mirror is None else ~(here.seen & here.seen[mirror])
            room[missed] *= GROWTH
        area = share * room[faces].mean(axis=1)
        wanted = wanted_triangles(V, faces, area * (total / area.sum()))
        for _ in range(STEPS if part else EVEN_STEPS):
            UV = descent.step(here.UV, wanted)
            if UV is not None and mirror is not None:
                UV = mirrored(UV, mirror, middle)
            if UV is None or (face_signs(UV, faces) <= 0).any():
                break
            here = judged(UV)
            yield here
        if here.share >= GOAL:
            return


def _within(
    inside: _Map,
    outside: _Map,
    bound: float,
    faces: np.ndarray,
    judged: Callable[[np.ndarray], _Map],
) -> _Map:
    """Return a map between two that keeps the bound, as near to the one that does not as may be."""
    low, high = 0.0, 1.0
    best = inside
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        UV = (1 - middle) * inside.UV + middle * outside.UV
        here = judged(UV) if (face_signs(UV, faces) > 0).all() else None
        if here is not None and here.angle <= bound:
            low, best = middle, here
        else:
            high = middle
    return best


def _areas(UV: np.ndarray, F: np.ndarray) -> np.ndarray:
    return np.asarray(twice_areas(edge_vectors(UV, F)) / 2)
