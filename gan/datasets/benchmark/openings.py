"""Eyes and mouth as openings with two edges: how far apart the edges are, and how they meet.

An opening is a hole of the surface. In each of its columns, from corner to corner, the edges are
where the upper side hangs lowest and the lower side stands highest: the margins of the lids, the
line on which lips meet; the hole itself may lie further in. A correction of the edges fades over
the skin of its own side.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.csgraph import dijkstra

from meshkit.topology import boundary_loops, edges

COLUMNS = 24
CORNERS = 0.1  # of the width at either corner, where the edges touch anyway
RINGS = 6  # of vertices around a hole, one of which is its edge
BLEND = 4.0  # mm of surface over which upper gives way to lower beside the corners
CLOSED = 0.04  # of the rest: half of what smoothness leaves open of a closed eye, and more
PRESS = 0.25  # mm: over this way lips become soft contacts instead of crossing
BEHIND = 3.0  # mm: a lip so far behind the other one has no contact with it
FRONT = 0.4  # mm of height that a mm to the front is worth: what lies behind an edge is no edge
CLOSING = 1.0  # mm by which the mean lips approach until a person's meet as they do
PASSES = 3  # since columns are smoothed into each other


class Opening(NamedTuple):
    """The columns of one opening.

    Attributes
    ----------
    upper, lower : (C, V) the edges at each column, between neighbouring vertices of a ring.
    spread : vertices of the upper and of the lower side, with how each column's correction moves
        them, (k, C).
    """

    upper: sp.csr_array
    lower: sp.csr_array
    spread: tuple[tuple[np.ndarray, np.ndarray], ...]

    def gap(self, V: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "C 2"]:
        """Return where the upper edge is seen from the lower one: (up, forward), mm."""
        return np.asarray((self.upper - self.lower) @ V[:, 1:])

    def correct(
        self,
        V: np.ndarray,
        change: Float[np.ndarray, "C 2"],
        share: Float[np.ndarray, " C"],
    ) -> None:
        """Change the gap, in place; `share` of it by the upper side, the rest by the lower one."""
        for (skin, weight), part in zip(self.spread, (share, share - 1), strict=True):
            V[skin, 1:] += weight @ (part[:, None] * change)


class Openings(NamedTuple):
    """The openings of a face; None where the surface has no such hole."""

    mouth: Opening | None
    eyes: tuple[Opening, ...]  # "L", then "R"


def find_openings(V: Float[np.ndarray, "V 3"], F: Int[np.ndarray, "T 3"]) -> Openings:
    """Find mouth and eyes: the mouth crosses the midline, an eye lies above it on either side."""
    holes = sorted(boundary_loops(F), key=lambda loop: -np.ptp(V[loop], axis=0).max())[1:]
    centers = [V[loop].mean(axis=0) for loop in holes]
    width = np.ptp(V[:, 0])
    middle = [k for k, c in enumerate(centers) if abs(c[0]) < 0.05 * width]
    if not middle:
        return Openings(None, ())
    mouth = middle[0]
    above = [k for k, c in enumerate(centers) if c[1] > centers[mouth][1] + 0.1 * width]
    sides = [[k for k in above if sign * centers[k][0] > 0.1 * width] for sign in (1, -1)]
    eyes = tuple(_open(V, F, holes[side[0]], reach=12.0) for side in sides if side)
    return Openings(_open(V, F, holes[mouth], reach=14.0), eyes if len(eyes) == 2 else ())


def closing_lids(
    opening: Opening,
    V: np.ndarray,
    rest: Float[np.ndarray, "V 3"],
    mean: tuple[np.ndarray, np.ndarray],
    closed: Float[np.ndarray, " C"],
) -> None:
    """Give an eye, in place, the share of its own opening that the mean eye has left of its.

    So a closed eye is closed, whatever its size, and lids never cross.

    Parameters
    ----------
    rest : the person at rest.   mean : the mean face at rest and in this expression.
    closed : what `share_left` says of the mean eye when it is shut.
    """
    open_gap = opening.gap(rest)
    left = (share_left(opening, *mean) - closed) / (1 - closed)
    left = _soft_positive(left, CLOSED) - (_soft_positive(1.0, CLOSED) - 1.0)
    moved = np.linalg.norm(mean[1] - mean[0], axis=1)
    upper, lower = opening.upper @ moved + 0.2, opening.lower @ moved + 0.2
    for _ in range(PASSES):
        change = left[:, None] * open_gap - opening.gap(V)
        opening.correct(V, change, upper / (upper + lower))


def share_left(opening: Opening, rest: np.ndarray, V: np.ndarray) -> Float[np.ndarray, " C"]:
    """Return the share of the opening at rest that V has, by column; below 0 the edges cross."""
    before = opening.gap(rest)
    return np.asarray((opening.gap(V) * before).sum(axis=1) / (before**2).sum(axis=1))


def meeting_lips(
    opening: Opening,
    V: np.ndarray,
    rest: Float[np.ndarray, "V 3"],
    mean: tuple[np.ndarray, np.ndarray],
) -> None:
    """Let lips meet where the mean face closes its, and keep them from crossing, in place.

    Where the mean lips approach, a person's come to lie as they do, whatever their distance at
    rest; elsewhere lips that would run into each other are pushed apart. Lips that cross at rest,
    as scans of closed mouths do, or on the mean face, as rolled lips do, may go on doing so.

    Parameters
    ----------
    rest : the person at rest.   mean : the mean face at rest and in this expression.
    """
    before, usual = opening.gap(rest), opening.gap(mean[1])
    approach = _soft_positive(opening.gap(mean[0])[:, 0] - usual[:, 0], 0.0)
    meets = 1 - np.exp(-((approach / CLOSING) ** 2))
    contact = np.minimum(np.minimum(before[:, 0], usual[:, 0]), 0)
    half = np.full(len(before), 0.5)
    for _ in range(PASSES):
        now = opening.gap(V)
        change = meets[:, None] * (usual - now)
        now = now + change
        push = _soft_contact(now[:, 0] - contact) - _soft_contact(before[:, 0] - contact)
        push *= np.exp(-(((now - before)[:, 1] / BEHIND) ** 2) / 2)
        change[:, 0] += push.clip(0)
        opening.correct(V, change, half)


def _soft_positive(x: np.ndarray | float, width: float) -> np.ndarray:
    """Return a smooth max(x, 0)."""
    return np.asarray((x + np.sqrt(np.square(x) + width**2)) / 2)


def _soft_contact(height: np.ndarray) -> np.ndarray:
    """Return how far edges at this signed distance are pushed apart, mm; smooth."""
    return _soft_positive(-height, PRESS)


def _open(V: np.ndarray, F: np.ndarray, loop: np.ndarray, reach: float) -> Opening:
    """Find the edges of the opening around a hole, and how corrections fade over `reach` mm."""
    x = V[loop, 0]
    first, last = sorted((int(x.argmin()), int(x.argmax())))
    halves = loop[first : last + 1], np.concatenate([loop[last:], loop[: first + 1]])
    upper, lower = sorted(halves, key=lambda half: -V[half, 1].mean())
    along = _edge_graph(V, F)
    far = [dijkstra(along, indices=half, min_only=True) for half in (upper, lower)]
    ring = dijkstra(along, indices=loop, min_only=True, unweighted=True)
    width = float(np.ptp(x))
    places = x.min() + width * np.linspace(CORNERS, 1 - CORNERS, COLUMNS)
    edge, spread = [], []
    for own, other, sign in ((far[0], far[1], 1.0), (far[1], far[0], -1.0)):
        inside = (own <= other) & (V[:, 0] >= x.min()) & (V[:, 0] <= x.max())
        rings = [np.flatnonzero(inside & (ring == level)) for level in range(RINGS)]
        height = [np.mean(sign * V[each, 1] - FRONT * V[each, 2]) for each in rings]
        vertices = rings[int(np.argmin(height))]
        edge.append(_between(V[:, 0], vertices, places))
        distance = dijkstra(along, indices=vertices, min_only=True)
        fade = _fall(distance, 0.35 * reach, reach) * _fall(own - other, -BLEND, BLEND)
        kernel = np.exp(-(((V[:, [0]] - places) / (width / COLUMNS)) ** 2) / 2)
        kernel /= kernel.sum(axis=1, keepdims=True) + 1e-300
        skin = np.flatnonzero(fade > 0)
        spread.append((skin, fade[skin, None] * kernel[skin]))
    return Opening(edge[0], edge[1], tuple(spread))


def _between(x: np.ndarray, vertices: np.ndarray, places: np.ndarray) -> sp.csr_array:
    """Return weights (C, V) that interpolate between the vertices on either side of each place."""
    vertices = vertices[np.argsort(x[vertices])]
    right = np.searchsorted(x[vertices], places).clip(1, len(vertices) - 1)
    low, high = vertices[right - 1], vertices[right]
    t = ((places - x[low]) / (x[high] - x[low] + 1e-12)).clip(0, 1)
    column = np.arange(len(places))
    return sp.csr_array(
        (
            np.concatenate([1 - t, t]),
            (np.concatenate([column, column]), np.concatenate([low, high])),
        ),
        shape=(len(places), len(x)),
    )


def _fall(x: np.ndarray, start: float, end: float) -> np.ndarray:
    """Return 1 up to the start, 0 from the end on, smooth between."""
    t = ((x - start) / (end - start)).clip(0, 1)
    return np.asarray(1 - t * t * (3 - 2 * t))


def _edge_graph(V: np.ndarray, F: np.ndarray) -> sp.csr_array:
    """Return the lengths of the edges as a graph."""
    E = edges(F)
    length = np.linalg.norm(V[E[:, 0]] - V[E[:, 1]], axis=1)
    return sp.csr_array((length, (E[:, 0], E[:, 1])), shape=(len(V), len(V))) + sp.csr_array(
        (length, (E[:, 1], E[:, 0])), shape=(len(V), len(V))
    )
