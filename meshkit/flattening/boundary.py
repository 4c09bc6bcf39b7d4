"""Where the border of a disk goes: onto the unit square or onto a circle in it.

Poses are seen from the front: x to the right, y up, the viewer at +z. The maps are upright: u grows
to the viewer's right, v upwards, so v = 0 is the chin of a face and row 0 of an image (which is
v = 0) its lowest row. This is the only way round in which faces that are counter-clockwise from
outside are counter-clockwise in UV. A writer of pictures with the origin at the top flips.

::

    (0, 1)  3 ------ 2  (1, 1)      corners in the order of the loop, which has the surface
            |        |              on its left
    (0, 0)  0 ------ 1  (1, 0)
"""

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import TopologyError
from meshkit.flattening.corners import arc_length, chords, cut_off_faces, pose_angle, square_corners

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
_SIDES = np.arange(5.0)  # where its corners lie along it


def circle_boundary(
    V: Float[np.ndarray, "n 3"], loop: Int[np.ndarray, " b"]
) -> Float[np.ndarray, "b 2"]:
    """Place a loop on the circle inscribed in the unit square, spaced by arc length.

    A circle is strictly convex: unlike on a square, no face can collapse onto the border. It is
    turned so that directions from the centre agree with the pose as well as they can.

    Parameters
    ----------
    V : length

    Returns
    -------
    UV_loop : 1
        Centre (0.5, 0.5), radius 0.5; row k belongs to ``loop[k]``.

    Raises
    ------
    MeshError
        Two neighbours on the loop coincide.
    """
    arc = arc_length(V, loop)
    angle = 2 * np.pi * arc[:-1] / arc[-1]
    pose = pose_angle(V, loop)
    turn = 0.0 if pose is None else float(np.angle(np.exp(1j * (pose - angle)).sum()))
    return 0.5 + 0.5 * np.stack([np.cos(angle + turn), np.sin(angle + turn)], axis=1)


def square_boundary(
    V: Float[np.ndarray, "n 3"],
    loop: Int[np.ndarray, " b"],
    *,
    corners: Int[np.ndarray, " 4"] | None = None,
    F: Int[np.ndarray, "m 3"] | None = None,
    aspect: float = 1.0,
) -> Float[np.ndarray, "b 2"]:
    """Place a loop on the border of the unit square, by arc length within each side.

    Parameters
    ----------
    V : length
    corners : 1
        Four vertices of the loop in its order, to go to (0, 0), (1, 0), (1, 1), (0, 1) exactly. By
        default chosen by `square_corners`.
    F : 1
        Given the faces, corners are chosen so, or checked, that no face collapses.
    aspect : 1
        Width over height of the rectangle that the square stands for: corners chosen here give its
        sides their share of the loop.

    Returns
    -------
    UV_loop : 1
        Row k belongs to ``loop[k]``.

    Raises
    ------
    MeshError
        Two neighbours on the loop coincide.
    TopologyError
        The loop has fewer than four vertices; with F, a face would collapse onto a side.
    ValueError
        `corners` are not four vertices of the loop in its order.
    """
    arc = arc_length(V, loop)
    if corners is None:
        corner = square_corners(V, loop, F=F, aspect=aspect)
    else:
        corner = loop_positions(loop, corners)
    s = positions_along(arc, _SIDES, corner, np.arange(4))
    if corners is not None and F is not None:
        between = "put a corner between them, leave corners out (they are then chosen so), or take"
        check_ears(F, loop, s, _SIDES, "square", f"{between} boundary='circle'")
    return points_at(s, _SIDES, SQUARE)


def loop_positions(
    loop: Int[np.ndarray, " b"], corners: Int[np.ndarray, " k"]
) -> Int[np.ndarray, " k"]:
    """Return where the given vertices stand in the loop.

    Raises
    ------
    ValueError
        One is not on the loop, or they are not in its order.
    """
    place = {int(vertex): k for k, vertex in enumerate(loop)}
    missing = [int(i) for i in corners if int(i) not in place]
    if missing:
        raise ValueError(f"corners {missing} are not on the loop")
    corner = np.array([place[int(i)] for i in corners])
    ahead = (corner - corner[0]) % len(loop)
    if not (np.diff(ahead) > 0).all():
        count = "four" if len(corner) == 4 else len(corner)
        raise ValueError(
            f"corners {[int(i) for i in corners]} are not {count} vertices in the loop's order, "
            "which is counter-clockwise seen from outside"
        )
    return corner


def positions_along(
    arc: np.ndarray, along: np.ndarray, place: np.ndarray, hit: np.ndarray
) -> np.ndarray:
    """Return for each loop vertex how far along the polygon it lies, by arc between corners."""
    b, k = len(arc) - 1, len(hit)
    s = np.empty(b)
    for j in range(k):
        start, stop = int(place[j]), int(place[(j + 1) % k])
        count = (stop - start) % b or b
        here = (start + np.arange(count)) % b
        length = (arc[stop] - arc[start]) % arc[-1] or arc[-1]
        side = (along[hit[(j + 1) % k]] - along[hit[j]]) % along[-1] or along[-1]
        s[here] = along[hit[j]] + (arc[here] - arc[start]) % arc[-1] / length * side
    return np.asarray(s % along[-1])


def check_ears(
    F: np.ndarray, loop: np.ndarray, s: np.ndarray, along: np.ndarray, border: str, instead: str
) -> None:
    """Refuse a chord with nothing but one side of the border between its ends."""
    ends = chords(F, loop)
    if not ends.size:
        return
    first = np.searchsorted(along, s, side="right") - 1  # the side that begins at or before
    last = np.searchsorted(along, np.where(s == 0, along[-1], s)) - 1  # that ends at or after
    i, j = ends.T
    flat = (first[i] == last[j]) | (first[j] == last[i])
    if flat.any():
        at = loop[ends[flat.argmax()]].tolist()
        raise TopologyError(
            f"edge ({at[0]}, {at[1]}) joins two vertices of one side of the {border}, so what it "
            f"cuts off collapses (faces {cut_off_faces(F, loop, ends[flat])[:8]}): {instead}",
            remedy="split-ears",
        )


def points_at(s: np.ndarray, along: np.ndarray, polygon: np.ndarray) -> Float[np.ndarray, "b 2"]:
    """Return the points of a polygon whose corners lie at `along`, the first one's end as well."""
    return np.stack([np.interp(s, along, np.append(x, x[0])) for x in polygon.T], axis=1)
