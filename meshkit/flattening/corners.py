"""Which four border vertices go to the corners of the square: by pose, even sides and ears.

An *ear* is a part of the mesh that an inner edge between two border vertices cuts off; often it is
one face with two border edges. With both ends of that edge on one side of the square the whole ear
lies on that side and has no area, whatever the weights. So each ear needs a corner strictly within.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import MeshError, TopologyError
from meshkit.laplacian import corner_products
from meshkit.topology import edge_table

SPREAD = 16.0  # weight of uneven sides against corners off the diagonals
DIAGONALS = np.pi * np.array([-0.75, -0.25, 0.25, 0.75])  # towards the corners, lower left first


class _Border(NamedTuple):
    """What corner choices are rated by."""

    arc: np.ndarray  # the length before each vertex of the loop, and the whole
    pose: np.ndarray | None  # the direction of each vertex, if there is one
    reach: np.ndarray  # the furthest that a side from each vertex can end
    share: np.ndarray  # of the loop that each side should have


def square_corners(
    V: Float[np.ndarray, "n 3"],
    loop: Int[np.ndarray, " b"],
    *,
    F: Int[np.ndarray, "m 3"] | None = None,
    aspect: float = 1.0,
) -> Int[np.ndarray, " 4"]:
    """Choose the four positions in a loop that go to the corners of the square.

    They lie towards the diagonals of the loop's bounding box as seen from the front, lower left
    first, while the sides keep lengths near a quarter of the loop. Where an inner edge joins two
    border vertices, what it cuts off (an *ear*, if it is one face) collapses unless a corner lies
    strictly within: given F, that comes first. For a rectangle of another width over height, the
    lower and upper side should be longer by as much.

    Raises
    ------
    TopologyError
        The loop has fewer than four vertices, or more ears than a square has corners.
    """
    b = len(loop)
    if b < 4:
        raise TopologyError(_too_short(loop), remedy="round-border")
    share = np.array([aspect, 1, aspect, 1]) / (2 * aspect + 2)
    border = _Border(arc_length(V, loop), pose_angle(V, loop), _reach(F, loop), share)
    starts = [
        _quarters(border.arc, start, share)
        for start in np.linspace(0, b, 32, endpoint=False, dtype=int).tolist()
    ]
    starts += _spread_over_ears(F, loop, border.reach)
    starts.sort(key=lambda corner: _cost(corner, border))
    best = [_descend(corner, border) for corner in (*starts[:3], *starts[-2:])]
    return np.asarray(min(best, key=lambda corner: _cost(corner, border)) % b)


def sharpest_corners(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], loop: Int[np.ndarray, " b"]
) -> Int[np.ndarray, " 4"]:
    """Return the four vertices of a loop where the border turns most, lower left first.

    A border turns by 180 degrees less the angles of the faces at the vertex. Where several turn as
    much, the first of the loop counts. Seen edge-on, the first of the loop comes first.

    Raises
    ------
    DegenerateFaceError
        A face has no area.
    TopologyError
        The loop has fewer than four vertices.
    """
    if len(loop) < 4:
        raise TopologyError(_too_short(loop), remedy="round-border")
    dot, double_area, _ = corner_products(V, F)
    angle = np.bincount(F.T.ravel(), np.arctan2(double_area, dot).ravel(), minlength=len(V))
    # Rounded, so that equal turns are equal.
    place = np.sort(np.argsort(angle[loop].round(9), kind="stable")[:4])
    pose = pose_angle(V, loop)
    if pose is None:
        return loop[place]
    turned = [np.roll(place, -k) for k in range(4)]
    return loop[max(turned, key=lambda four: float(np.cos(pose[four] - DIAGONALS).sum()))]


def chords(F: Int[np.ndarray, "m 3"], loop: Int[np.ndarray, " b"]) -> Int[np.ndarray, "k 2"]:
    """List the inner edges that join two vertices of a loop, as positions, smaller first."""
    table = edge_table(F)
    position = np.full(max(int(F.max()), int(loop.max())) + 1, -1)
    position[loop] = np.arange(len(loop))
    ends = np.sort(position[table.E[table.uses == 2]], axis=1)
    return np.asarray(ends[ends[:, 0] >= 0])


def _reach(F: np.ndarray | None, loop: np.ndarray) -> np.ndarray:
    """Return, for each position, the furthest that a side from there can end without a chord in it.

    Positions count on past the end of the loop. Three other corners must find room behind.
    """
    b = len(loop)
    reach = np.arange(b) + b - 3
    if F is None:
        return reach
    a, c = chords(F, loop).T
    # A chord cuts the loop into two arcs, each of which needs a corner strictly within.
    start, stop = np.concatenate([a, c, a + b, c + b]), np.concatenate([c, a + b, c + b, a + 2 * b])
    nearest = np.full(2 * b, 4 * b)
    np.minimum.at(nearest, start, stop)
    nearest = np.minimum.accumulate(nearest[::-1])[::-1]
    return np.asarray(np.minimum(reach, nearest[:b] - 1))


def _feasible(corner: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Answer for each side of squares (…, 4) whether it is free of chords."""
    b = len(reach)
    following = np.concatenate([corner[..., 1:], corner[..., :1] + b], axis=-1)
    return np.asarray(following <= reach[corner % b] + corner // b * b)


def _spread_over_ears(
    F: np.ndarray | None, loop: np.ndarray, reach: np.ndarray
) -> list[np.ndarray]:
    """Return up to eight corner choices without a chord on a side, made by going as far as one can.

    If there is a choice at all then the furthest steps from one of its corners are one.
    """
    b = len(loop)
    corner = np.arange(b)[:, None]
    for k in range(3):
        last = corner[:, -1]
        step = np.minimum(reach[last % b] + last // b * b, corner[:, 0] + b - 3 + k)
        corner = np.concatenate([corner, step[:, None]], axis=1)
    feasible = np.flatnonzero(_feasible(corner, reach).all(axis=1))
    if F is not None and feasible.size == 0:
        raise TopologyError(_too_many_ears(F, loop), remedy="split-ears-or-round")
    return list(corner[feasible[np.linspace(0, len(feasible) - 1, 8).astype(int)]])


def _too_short(loop: np.ndarray) -> str:
    return (
        f"a square has four corners, but the loop {loop.tolist()} has {len(loop)} vertices: "
        "boundary='circle' takes it"
    )


def _too_many_ears(F: np.ndarray, loop: np.ndarray) -> str:
    faces = cut_off_faces(F, loop, chords(F, loop))
    return (
        f"inner edges between border vertices cut off more parts of the border (at faces "
        f"{faces[:8]}{' …' if len(faces) > 8 else ''}) than a square has corners; a part without a "
        "corner collapses onto a side: boundary='circle' takes it, or ears='split' halves "
        "those edges"
    )


def cut_off_faces(F: np.ndarray, loop: np.ndarray, chord: np.ndarray) -> list[int]:
    """Return the face on the shorter side of each chord."""
    b = len(loop)
    a, c = chord.T
    shorter = np.where((c - a <= b - c + a)[:, None], np.stack([c, a], 1), np.stack([a, c], 1))
    # The border runs with the faces, so the chord's half-edge that closes the part runs back.
    n = int(F.max()) + 1
    wanted = loop[shorter] @ (n, 1)
    half_edges = F.astype(np.int64) * n + np.roll(F, -1, axis=1)
    faces: list[int] = np.flatnonzero(np.isin(half_edges, wanted).any(axis=1)).tolist()
    return faces


def arc_length(V: np.ndarray, loop: np.ndarray) -> np.ndarray:
    """Return the length along the loop before each vertex, and in the end the whole."""
    step = np.linalg.norm(V[np.roll(loop, -1)] - V[loop], axis=1)
    arc = np.concatenate([[0.0], np.cumsum(step)])
    # Against 16 roundings of the whole: nearer vertices could not be told apart in UV.
    close = np.flatnonzero(~(np.diff(arc) > 16 * np.finfo(float).eps * arc[-1]))
    if close.size:
        i, j = int(loop[close[0]]), int(np.roll(loop, -1)[close[0]])
        raise MeshError(
            f"border vertices {i} and {j} coincide, so arc length gives them one place "
            f"({close.size} such pairs): meshkit.repair.merge_coincident, or move them apart",
            remedy="merge-coincident",
        )
    return arc


def pose_angle(V: np.ndarray, loop: np.ndarray) -> np.ndarray | None:
    """Return the direction of each vertex from the centre of the loop's box, seen from the front.

    The box counts as square. None if the loop is seen edge-on and has no direction.
    """
    P = V[loop, :2]
    half = (P.max(axis=0) - P.min(axis=0)) / 2
    if not (half > 1e-9 * np.abs(V[loop] - V[loop[0]]).max()).all():
        return None
    x, y = ((P - P.min(axis=0)) / half - 1).T
    return np.asarray(np.arctan2(y, x))


def _quarters(arc: np.ndarray, start: int, share: np.ndarray) -> np.ndarray:
    """Return corners for sides nearest to the wanted shares, counting on past the end."""
    b = len(arc) - 1
    unrolled = np.concatenate([arc[:-1], arc[:-1] + arc[-1]])
    wanted = arc[start] + arc[-1] * np.concatenate([[0.0], np.cumsum(share[:3])])
    corner: np.ndarray = np.searchsorted(unrolled, wanted)
    corner[0] = start
    for k in range(1, 4):  # distinct, with room for those to come
        corner[k] = min(max(corner[k], corner[k - 1] + 1), start + b - 4 + k)
    return corner


def _cost(corner: np.ndarray, border: _Border) -> np.ndarray:
    """Rate corner choices (…, 4): chords on a side first, then uneven sides and the pose."""
    b, arc = len(border.reach), border.arc
    along = arc[corner % b] + corner // b * arc[-1]
    side = np.diff(along, axis=-1, append=along[..., :1] + arc[-1]) / arc[-1]
    cost = SPREAD * ((side - border.share) ** 2).sum(axis=-1)
    if border.pose is not None:
        cost = cost + (1 - np.cos(border.pose[corner % b] - DIAGONALS)).sum(axis=-1)
    return np.asarray(cost + 1000.0 * (~_feasible(corner, border.reach)).sum(axis=-1))


def _descend(corner: np.ndarray, border: _Border) -> np.ndarray:
    """Move one corner at a time to its best place between its neighbours until none moves."""
    b = len(border.reach)
    cost = float(_cost(corner, border))
    while True:
        before = cost
        for k in range(4):
            low = corner[k - 1] + 1 if k else corner[3] - b + 1
            high = corner[k + 1] if k < 3 else corner[0] + b
            choice = np.repeat(corner[None], high - low, axis=0)
            choice[:, k] = np.arange(low, high)
            costs = _cost(choice, border)
            if float(costs.min()) < cost:
                cost, corner = float(costs.min()), choice[costs.argmin()]
        if cost >= before:
            return corner
