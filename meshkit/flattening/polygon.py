"""Cut a polygon of the plane into triangles by its own corners, with exact predicates."""

import heapq
import math

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import SolveError
from meshkit.predicates import orientation, turn

Triangle = tuple[int, int, int]


def fill_polygon(
    UV: Float[np.ndarray, "n 2"], polygon: Int[np.ndarray, " k"]
) -> Int[np.ndarray, "k-2 3"]:
    """Cut a simple polygon into triangles by its own corners, none flat or flipped.

    Ears are clipped with exact predicates, the best-shaped first; then diagonals are swapped while
    that widens the smallest angle, which ends in the constrained Delaunay triangulation.

    Parameters
    ----------
    UV : 1
    polygon : 1
        Vertices in order, counter-clockwise.

    Returns
    -------
    F : 1
        Rows of vertex indices, counter-clockwise in UV.

    Raises
    ------
    SolveError
        The polygon crosses or touches itself, or all of it lies on one line.

    References
    ----------
    Meisters, Polygons have ears, American Mathematical Monthly 1975.
    """
    P = UV[polygon].astype(float)
    triangles = _clip_ears(P)
    if triangles is None:
        raise SolveError(
            f"the hole of {len(polygon)} vertices at vertex {int(polygon[0])} is not a simple "
            "polygon in the map, so it cannot be filled: take weights='auto'"
        )
    return np.asarray(polygon[np.array(_swap_diagonals(P.tolist(), triangles))])


def _clip_ears(P: np.ndarray) -> list[Triangle] | None:
    """Triangulate greedily, best ear first; None where no ear is left."""
    points, k = P.tolist(), len(P)
    before, after = [(i - 1) % k for i in range(k)], [(i + 1) % k for i in range(k)]
    convex = orientation(np.roll(P, 1, axis=0), P, np.roll(P, -1, axis=0)) > 0
    queue = [_ear(points, before[i], i, after[i]) for i in range(k)]
    heapq.heapify(queue)
    waiting: list[tuple[float, Triangle]] = []
    triangles: list[Triangle] = []
    while len(triangles) < k - 2:
        if not queue:
            return None
        entry = heapq.heappop(queue)
        a, i, b = entry[1]
        if before[i] != a or after[i] != b or not convex[i]:
            continue  # out of date, or no ear
        if not _is_empty(P, np.flatnonzero(~convex), (a, i, b)):  # what was clipped is convex
            waiting.append(entry)
            continue
        triangles.append((a, i, b))
        after[a], before[b] = b, a
        for j in (a, b):
            ear = _ear(points, before[j], j, after[j])
            convex[j] = turn(*(points[x] for x in ear[1])) > 0
            heapq.heappush(queue, ear)
        for blocked in waiting:  # a neighbour may have ceased to block
            heapq.heappush(queue, blocked)
        waiting.clear()
    return triangles


def _ear(points: list[list[float]], a: int, i: int, b: int) -> tuple[float, Triangle]:
    """Return an entry of the queue: the best shape comes first."""
    return -_shape(points[a], points[i], points[b]), (a, i, b)


def _is_empty(P: np.ndarray, others: np.ndarray, corners: Triangle) -> bool:
    """Answer whether none of the other points lies in the closed triangle.

    Only corners that are not convex need be asked: if any point is inside then one of those is.
    """
    a, b, c = P[list(corners)]
    low, high = P[list(corners)].min(axis=0), P[list(corners)].max(axis=0)
    near = ((P[others] >= low) & (P[others] <= high)).all(axis=1) & ~np.isin(others, corners)
    points = P[others[near]]
    inside = np.ones(len(points), dtype=bool)
    for start, stop in ((a, b), (b, c), (c, a)):
        start, stop = np.broadcast_to(start, points.shape), np.broadcast_to(stop, points.shape)
        inside &= orientation(start, stop, points) >= 0
    return not inside.any()


def _shape(a: list[float], b: list[float], c: list[float]) -> float:
    """Return the sine of the smallest angle, negative for a clockwise triangle."""
    x, y, z, w = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
    lengths = sorted((math.hypot(x, y), math.hypot(z, w), math.hypot(x - z, y - w)))
    longer = lengths[1] * lengths[2]
    return (x * w - y * z) / longer if longer > 0 else 0.0


def _swap_diagonals(points: list[list[float]], triangles: list[Triangle]) -> list[Triangle]:
    """Swap the diagonal of two triangles while that raises the worse of their shapes (Lawson)."""
    triangles = [_canonical(*t) for t in triangles]
    owner = {(t[k], t[(k + 1) % 3]): f for f, t in enumerate(triangles) for k in range(3)}
    stack = [edge for edge in owner if edge[::-1] in owner]
    while stack:
        i, j = stack.pop()
        if (i, j) not in owner or (j, i) not in owner:
            continue
        f, g = owner[i, j], owner[j, i]
        p, q = (sum(triangles[t]) - i - j for t in (f, g))
        new = _canonical(p, i, q), _canonical(q, j, p)
        if any(turn(*(points[x] for x in t)) <= 0 for t in new):
            continue
        worst = min(_shape(*(points[x] for x in triangles[t])) for t in (f, g))
        if min(_shape(*(points[x] for x in t)) for t in new) <= worst:
            continue
        del owner[i, j], owner[j, i]
        for t, corners in zip((f, g), new, strict=True):
            triangles[t] = corners
            for k in range(3):
                edge = corners[k], corners[(k + 1) % 3]
                owner[edge] = t
                if edge[::-1] in owner:
                    stack.append(edge)
    return triangles


def _canonical(a: int, b: int, c: int) -> Triangle:
    """Rotate the smallest index to the front: one triangle, one rounding of its shape."""
    return min((a, b, c), (b, c, a), (c, a, b))
