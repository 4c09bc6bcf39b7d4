"""Which four border vertices go to the corners of the square: by pose, even sides and ears.

An *ear* is a part of the mesh that an inner edge between two border vertices cuts off; often it is
one face with two border edges. With both ends of that edge on one side of the square the whole ear
lies on that side and has no area, whatever the weights. So each ear needs a corner strictly within.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import DegenerateFaceError, MeshError, TopologyError
from meshkit.laplacian import corner_products
from meshkit.topology import edge_table

SPREAD = 16.0  # weight of uneven sides against corners off the diagonals
DIAGONALS = np.pi * np.array([-0.75, -0.25, 0.25, 0.75])  # towards the corners, lower left first
TIE = 1e-7  # costs that differ by less are equal: coordinates far from the origin are rounded so
SHARP, SMOOTH = np.radians(60), np.radians(30)  # turns of a border at its corners and elsewhere
BLOCK = 1 << 22  # entries of a table that is held at once


class _Border(NamedTuple):
    """What corner choices are rated by. Positions count on past the end, for a second lap."""

    along: np.ndarray  # where each position of two laps lies; a lap is 1
    off: np.ndarray  # (4, 2 b): how far each position is off the diagonal of each corner
    reach: np.ndarray  # (2 b): the furthest that a side from each position can end
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
    first, while the sides keep lengths near a quarter of the loop: of all choices the one of least
    ``16 Σ (side - share)² + Σ (1 - cos(direction - diagonal))``. Where an inner edge joins two
    border vertices, what it cuts off (an *ear*, if it is one face) collapses unless a corner lies
    strictly within: given F, that comes first. For a rectangle of another width over height, the
    lower and upper side should be longer by as much.

    Given F, a border that turns by 60 degrees or more at exactly four vertices, and by 30 at most
    elsewhere, has its corners there. Of choices whose costs differ by less than 1e-7, the one with
    the lowest, then the leftmost lower left corner is taken, then that with the smallest vertex
    there, then with the earliest further corners.

    Raises
    ------
    TopologyError
        The loop has fewer than four vertices, or more ears than a square has corners.
    """
    b = len(loop)
    border, reach = _rated(V, loop, F, aspect)
    spread = _spread_over_ears(F, loop, reach)
    four = _sharp_turns(V, F, loop)
    if four is None or not _feasible(four, border).all():
        quarters = [_quarters(border, start) for start in range(0, b, 1 + b // 32)]
        choices = _best_of_each_start(
            border, float(_cost(np.stack(spread + quarters), border).min())
        )
    else:
        choices = np.stack([np.append(four[k:], four[:k] + b) for k in range(4)])
    cost = _cost(choices, border)
    equal = choices[cost <= cost.min() + TIE] % b
    return np.asarray(equal[_lower_left(V, loop[equal[:, 0]])])


def mirrored_corners(
    V: Float[np.ndarray, "n 3"],
    loop: Int[np.ndarray, " b"],
    mirror: Int[np.ndarray, " n"],
    *,
    F: Int[np.ndarray, "m 3"] | None = None,
    aspect: float = 1.0,
) -> Int[np.ndarray, " 4"]:
    """Choose the positions of `square_corners` so that left and right ones mirror each other.

    Raises
    ------
    TopologyError
        As `square_corners`; or no such corners are free of ears, or the loop is not its own image.
    """
    b = len(loop)
    border, _ = _rated(V, loop, F, aspect)
    place = np.full(len(mirror), -1)
    place[loop] = np.arange(b)
    opposite = place[mirror[loop]]
    if (opposite < 0).any():
        raise TopologyError("the border is not its own mirror image")
    best, least = None, np.inf
    for lower in range(b):
        both = np.full(b, lower), np.full(b, opposite[lower])  # and all that the upper can be
        corner = lower + (np.stack([*both, opposite, np.arange(b)], axis=1) - lower) % b
        corner = corner[(np.diff(corner, axis=1) > 0).all(axis=1)]
        cost = _cost(corner, border)
        if cost.min(initial=np.inf) < least - TIE:
            best, least = corner[int((cost <= cost.min() + TIE).argmax())] % b, float(cost.min())
    if best is None:
        raise TopologyError(
            "no four corners that mirror each other leave every ear one: leave the map asymmetric",
            remedy="split-ears-or-round",
        )
    return np.asarray(best)


def _rated(
    V: np.ndarray, loop: np.ndarray, F: np.ndarray | None, aspect: float
) -> tuple[_Border, np.ndarray]:
    """Return what choices of corners are rated by, and how far a side can go from each position."""
    if len(loop) < 4:
        raise TopologyError(_too_short(loop), remedy="round-border")
    b = len(loop)
    arc, pose, reach = arc_length(V, loop), pose_angle(V, loop), _reach(F, loop)
    off = np.zeros((4, b)) if pose is None else 1 - np.cos(pose - DIAGONALS[:, None])
    border = _Border(
        np.concatenate([arc[:-1], arc[:-1] + arc[-1]]) / arc[-1],
        np.tile(off, 2),
        np.concatenate([reach, reach + b]),
        np.array([aspect, 1, aspect, 1]) / (2 * aspect + 2),
    )
    return border, reach


def _lower_left(V: np.ndarray, candidates: np.ndarray) -> int:
    """Return which vertex is the lowest, of those the leftmost, and then the first by index."""
    left = np.arange(len(candidates))
    for axis in (1, 0):
        x = V[candidates[left], axis]
        left = left[x <= x.min() + TIE * np.ptp(V[:, axis])]
    return int(left[candidates[left].argmin()])


def _sharp_turns(V: np.ndarray, F: np.ndarray | None, loop: np.ndarray) -> np.ndarray | None:
    """Return the positions of the four corners of a border that has such, and else is smooth."""
    if F is None:
        return None
    on_loop = np.zeros(len(V), dtype=bool)
    on_loop[loop] = True
    try:
        turn = np.pi - _angles(V, F[on_loop[F].any(axis=1)])[loop]
    except DegenerateFaceError:
        return None
    sharp = turn >= SHARP - TIE
    four = sharp.sum() == 4 and (np.abs(turn[~sharp]) <= SMOOTH + TIE).all()
    return np.flatnonzero(sharp) if four else None


def _angles(V: np.ndarray, F: np.ndarray) -> np.ndarray:
    """Return the sum of the faces' angles at each vertex."""
    dot, double_area, _ = corner_products(V, F)
    return np.bincount(F.T.ravel(), np.arctan2(double_area, dot).ravel(), minlength=len(V))


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
    angle = _angles(V, F)
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


def _feasible(corner: np.ndarray, border: _Border) -> np.ndarray:
    """Answer for each side of squares (…, 4) whether it is free of chords."""
    b = len(border.reach) // 2
    following = np.concatenate([corner[..., 1:], corner[..., :1] + b], axis=-1)
    return np.asarray(following <= border.reach[corner])


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
    # The last side is as long as it has to be.
    last = corner[:, 3]
    feasible = np.flatnonzero(corner[:, 0] + b <= reach[last % b] + last // b * b)
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
    if not (half > TIE * np.abs(V[loop] - V[loop[0]]).max()).all():
        return None
    x, y = ((P - P.min(axis=0)) / half - 1).T
    return np.asarray(np.arctan2(y, x))


def _quarters(border: _Border, start: int) -> np.ndarray:
    """Return corners for sides nearest to the wanted shares."""
    b = len(border.reach) // 2
    wanted = border.along[start] + np.cumsum(border.share[:3])
    corner = np.append(start, np.searchsorted(border.along, wanted))
    for k in range(1, 4):  # distinct, with room for those to come
        corner[k] = min(max(corner[k], corner[k - 1] + 1), start + b - 4 + k)
    return np.asarray(corner)


def _cost(corner: np.ndarray, border: _Border) -> np.ndarray:
    """Rate corner choices (…, 4); one with a chord on a side is infinitely bad."""
    along = border.along[corner]
    side = np.diff(along, axis=-1, append=along[..., :1] + 1)
    cost = SPREAD * ((side - border.share) ** 2).sum(axis=-1)
    cost = cost + border.off[np.arange(4), corner].sum(axis=-1)
    return np.asarray(np.where(_feasible(corner, border).all(axis=-1), cost, np.inf))


def _best_of_each_start(border: _Border, bound: float) -> Int[np.ndarray, "k 4"]:
    """Return the best choice for each first corner with which one can cost no more than `bound`.

    The cost of a side is a convex function of its length, so the best corners for a later first
    corner lie no earlier: those for the middle one bound all others, which makes the search
    quadratic in the length of the loop.

    References
    ----------
    Maes, On a cyclic string-to-string correction problem, Information Processing Letters 1990.
    """
    starts = np.flatnonzero(border.off[0, : len(border.reach) // 2] <= bound + TIE)
    choices = []
    first, last = np.zeros(3, dtype=np.int64), np.full(3, len(border.reach) - 1)
    stack = [(0, len(starts), first, last)]
    while stack:
        i, j, low, high = stack.pop()
        if i == j:
            continue
        middle = (i + j) // 2
        corner = _best_from(int(starts[middle]), low, high, border, bound + TIE)
        left = right = None
        if corner is not None:
            choices.append(corner)
            bound = min(bound, float(_cost(corner, border)))
            left = right = corner[1:]
        stack.append((i, middle, low, high if left is None else left))
        stack.append((middle + 1, j, low if right is None else right, high))
    return np.stack(choices)


def _best_from(
    start: int, low: np.ndarray, high: np.ndarray, border: _Border, bound: float
) -> np.ndarray | None:
    """Return the best corners after a first one, each within its window, by dynamic programming."""
    along, off, reach, share = border
    b = len(reach) // 2
    slack = np.sqrt(bound / SPREAD) + TIE  # a side further off its share costs more than the bound
    before, cost = np.array([start]), off[0, [start]]
    layers = []
    for k in (1, 2, 3):
        span = along[before[[0, -1]]] + share[k - 1] + [-slack, slack]
        to_go = along[start] + 1 - share[k:].sum() + (4 - k) * slack * np.array([-1, 1])
        first = np.searchsorted(along, max(span[0], to_go[0]))
        last = np.searchsorted(along, min(span[1], to_go[1]), side="right") - 1
        first = max(int(first), int(low[k - 1]), int(before[0]) + 1)
        last = min(int(last), int(high[k - 1]), int(reach[before[-1]]), start + b - 4 + k)
        if last < first:
            return None
        here = np.arange(first, last + 1)
        origin, total = _step(before, cost, here, border, share[k - 1])
        layers.append((before, origin))
        before, cost = here, total + off[k, here]
    cost = cost + SPREAD * (along[start] + 1 - along[before] - share[3]) ** 2
    cost[reach[before] < start + b] = np.inf
    if not cost.min() <= bound:
        return None
    place = int((cost <= cost.min() + TIE).argmax())
    corner = [int(before[place])]
    for nodes, origin in reversed(layers):
        place = int(origin[place])
        corner.append(int(nodes[place]))
    return np.array(corner[::-1])


def _step(
    before: np.ndarray, cost: np.ndarray, here: np.ndarray, border: _Border, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each next corner the earliest of the best corners before it, and the cost."""
    origin, total = np.zeros(len(here), dtype=np.int64), np.empty(len(here))
    rows = max(1, BLOCK // len(before))
    for i in range(0, len(here), rows):
        there = here[i : i + rows, None]
        table = cost + SPREAD * (border.along[there] - border.along[before] - share) ** 2
        table[(before >= there) | (border.reach[before] < there)] = np.inf
        least = table.min(axis=1)
        total[i : i + rows] = least
        origin[i : i + rows] = (table <= least[:, None] + TIE).argmax(axis=1)
    return origin, total
