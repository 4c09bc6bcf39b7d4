"""Borders of other shapes than `flattening.boundary` has: rectangles, and any convex polygon."""

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import TopologyError
from meshkit.flattening.boundary import (
    check_ears,
    circle_boundary,
    loop_positions,
    points_at,
    positions_along,
    square_boundary,
)
from meshkit.flattening.corners import (
    arc_length,
    pose_angle,
    sharpest_corners,
)

SHARP = np.radians(15)  # a corner that turns by less lets the border pass between two vertices
ROUNDING = 1e-12
BOUNDARIES = ("square", "rectangle", "circle")


def rectangle_boundary(
    V: Float[np.ndarray, "n 3"],
    loop: Int[np.ndarray, " b"],
    aspect: float,
    *,
    corners: Int[np.ndarray, " 4"] | None = None,
    F: Int[np.ndarray, "m 3"] | None = None,
) -> Float[np.ndarray, "b 2"]:
    """Place a loop on a rectangle of a given width over height, by arc length within each side.

    The longer side is 1; the lower left corner is (0, 0). Corners that are chosen here give the
    sides their share of the loop.

    Parameters
    ----------
    V : length
    aspect : 1
    corners, F : 1
        As in `square_boundary`.

    Raises
    ------
    ValueError
        The aspect is not a positive number, or as `square_boundary`.
    MeshError, TopologyError
        As `square_boundary`.
    """
    if not (np.isfinite(aspect) and aspect > 0):
        raise ValueError(f"aspect must be a positive number, got {aspect}")
    size = np.minimum(1.0, [aspect, 1 / aspect])
    return square_boundary(V, loop, corners=corners, F=F, aspect=aspect) * size


def polygon_boundary(
    V: Float[np.ndarray, "n 3"],
    loop: Int[np.ndarray, " b"],
    polygon: Float[np.ndarray, "k 2"],
    *,
    corners: Int[np.ndarray, " c"] | None = None,
    F: Int[np.ndarray, "m 3"] | None = None,
) -> Float[np.ndarray, "b 2"]:
    """Place a loop on a convex polygon in the unit square, by arc length between its corners.

    A corner of 15 degrees or more takes the vertex nearest to it; a polyline with slighter corners
    (a drawn ellipse) is passed along. It is turned as the pose asks.

    Parameters
    ----------
    V : length
    polygon : 1
        Counter-clockwise, the first point not repeated.
    corners : 1
        For each point of the polygon a vertex of the loop, in its order. With as many points as the
        loop has vertices, the polygon is the border, point by point.
    F : 1
        Given the faces, checked that none collapses.

    Raises
    ------
    ValueError
        The polygon is not convex, not counter-clockwise, or leaves the unit square; corners are not
        as many as its points, or not in the loop's order.
    MeshError
        Two neighbours on the loop coincide.
    TopologyError
        The polygon has more sharp corners than the loop vertices; a face would collapse.
    """
    _check_polygon(polygon)
    arc = arc_length(V, loop)
    side = np.linalg.norm(np.roll(polygon, -1, axis=0) - polygon, axis=1)
    along = np.concatenate([[0.0], np.cumsum(side)])
    if corners is not None:
        if len(corners) != len(polygon):
            raise ValueError(f"{len(corners)} corners were given for {len(polygon)} polygon points")
        place = loop_positions(loop, corners)
        s = positions_along(arc, along, place, np.arange(len(polygon)))
    else:
        start = _turn_to_pose(V, loop, arc, polygon, along)
        hit = np.flatnonzero(_turns(polygon) >= SHARP)
        if hit.size:
            place = _nearest(arc, (along[hit] / along[-1] + start) * arc[-1])
            s = positions_along(arc, along, place, hit)
        else:
            s = (arc[:-1] / arc[-1] - start) % 1 * along[-1]
    if F is not None:
        instead = "ears='split', ears='flip', or another turn of the polygon"
        check_ears(F, loop, s, along, "polygon", instead)
    return points_at(s, along, polygon.astype(float)).clip(0, 1)


def place_border(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    loop: Int[np.ndarray, " b"],
    boundary: str | Float[np.ndarray, "k 2"],
    *,
    aspect: float = 1.0,
    corners: str | Int[np.ndarray, " c"] = "pose",
) -> Float[np.ndarray, "b 2"]:
    """Place a loop on the border that `meshkit.param.parameterize` is asked for.

    Raises
    ------
    ValueError
        An unknown option, or one that the border does not have; else as the border.
    MeshError, TopologyError
        As the border.
    """
    name = boundary if isinstance(boundary, str) else None
    if name is not None and name not in BOUNDARIES:
        raise ValueError(f"boundary must be one of {list(BOUNDARIES)} or points, got {boundary!r}")
    by_angle = isinstance(corners, str) and corners == "angle"
    if isinstance(corners, str) and corners not in ("pose", "angle"):
        raise ValueError(f"corners must be 'pose', 'angle' or vertices, got {corners!r}")
    if aspect != 1 and name != "rectangle":
        raise ValueError("aspect belongs to boundary='rectangle'")
    given = None if isinstance(corners, str) else corners
    if name == "circle":
        if given is not None or by_angle:
            raise ValueError(
                "a circle has no corners: leave `corners` out or take boundary='square'"
            )
        return circle_boundary(V, loop)
    if not isinstance(boundary, str):
        if by_angle:
            raise ValueError("corners='angle' are those of a square or rectangle")
        return polygon_boundary(V, loop, boundary, corners=given, F=F)
    given = sharpest_corners(V, F, loop) if by_angle else given
    return rectangle_boundary(V, loop, aspect, corners=given, F=F)


def _turns(polygon: np.ndarray) -> np.ndarray:
    z = polygon @ [1, 1j]
    step = np.roll(z, -1) - z
    return np.asarray(np.angle(step / np.roll(step, 1)))


def _check_polygon(polygon: np.ndarray) -> None:
    if len(polygon) < 3:
        raise ValueError(f"a polygon has at least 3 points, got {len(polygon)}")
    outside = ~((polygon >= 0) & (polygon <= 1)).all(axis=1)
    if outside.any():
        k = int(outside.argmax())
        raise ValueError(f"polygon point {k} = {polygon[k].tolist()} lies outside the unit square")
    same = (polygon == np.roll(polygon, -1, axis=0)).all(axis=1)
    if same.any():
        k = int(same.argmax())
        raise ValueError(f"polygon points {k} and {(k + 1) % len(polygon)} are the same")
    turn = _turns(polygon)
    if turn.sum() < 0:
        raise ValueError("the polygon runs clockwise: reverse its points")
    reflex = turn < -ROUNDING
    if reflex.any() or abs(turn.sum() - 2 * np.pi) > 1:
        k = int(turn.argmin()) if reflex.any() else int(turn.argmax())
        raise ValueError(
            f"the polygon is not convex at point {k} = {polygon[k].tolist()}: it turns by "
            f"{np.degrees(turn[k]):.3g} degrees there, {np.degrees(turn.sum()):.0f} in all"
        )


def _turn_to_pose(
    V: np.ndarray, loop: np.ndarray, arc: np.ndarray, polygon: np.ndarray, along: np.ndarray
) -> float:
    """Return the share of the loop that lies before the polygon's first point."""
    pose = pose_angle(V, loop)
    if pose is None:
        return 0.0
    starts = np.linspace(0, 1, 128, endpoint=False)
    s = (arc[:-1] / arc[-1] - starts[:, None]) % 1 * along[-1]
    x, y = (np.interp(s, along, np.append(w, w[0])) - (w.max() + w.min()) / 2 for w in polygon.T)
    return float(starts[np.cos(np.arctan2(y, x) - pose).sum(axis=1).argmax()])


def _nearest(arc: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Choose for each length along the loop a position of its own, as near as may be."""
    b, k = len(arc) - 1, len(wanted)
    if k > b:
        raise TopologyError(f"the polygon has {k} corners, but the loop {b} vertices")
    laps = np.concatenate([arc[:-1] + lap * arc[-1] for lap in range(4)])
    wanted = wanted + arc[-1]
    after = np.searchsorted(laps, wanted)
    place = np.where(wanted - laps[after - 1] < laps[after] - wanted, after - 1, after)
    for j in range(1, k):  # distinct, with room for those to come
        place[j] = min(max(place[j], place[j - 1] + 1), place[0] + b - k + j)
    return np.asarray(place % b)
