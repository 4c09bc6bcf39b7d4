"""Where the viewer stands: windows, views, and the projection to the grid of samples.

View coordinates are x right, y up, z to the viewer, from the centre of the frame. On the grid x
grows to the right and y downwards; samples lie at the integers. A vertex is projected to
homogeneous coordinates (X, Y, w) with x = X / w and y = Y / w. Orthographic: w = 1. Perspective: w
is the distance from the eye along the axis, 1 at the centre of the frame.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

View = Literal["front", "three-quarter", "profile"]
YAW: dict[str, float] = {"front": 0.0, "three-quarter": -38.0, "profile": -90.0}
# Nothing nearer to the eye is drawn, as a share of the eye's distance from the centre.
NEAR = 1e-3
# `frame_of` keeps the eye this far from the nearest vertex, as a share of the mesh's depth.
_CLEARANCE = 0.1


class Frame(NamedTuple):
    """The window in the plane through `center`: meshes rendered in one frame share one scale.

    Perspective or not, what lies in that plane has the same size.
    """

    center: Float[np.ndarray, "3"]
    half_extent: float  # half the height of the window; its width follows from the picture's shape


class Camera(NamedTuple):
    """A frame seen in a view, on a grid of samples."""

    rotation: Float[np.ndarray, "3 3"]
    frame: Frame
    perspective: float | None  # vertical field of view in degrees; None is orthographic
    height: int
    width: int

    @property
    def distance(self) -> float:
        """From the eye to the centre of the frame; infinite for an orthographic camera."""
        if self.perspective is None:
            return float("inf")
        return float(self.frame.half_extent / np.tan(np.deg2rad(self.perspective / 2)))

    def to_view(self, V: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Return view coordinates, from the centre of the frame."""
        return np.asarray((V - self.frame.center) @ self.rotation.T)

    def project(
        self, V: Float[np.ndarray, "n 3"]
    ) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, " n"]]:
        """Return (X, Y, w), and z: how far before the frame's plane, in samples."""
        H, W = self.height, self.width
        scale = H / 2 / self.frame.half_extent
        P = (V - self.frame.center) @ (self.rotation.T * scale)
        # 1 - z / distance, which an infinite distance makes 1.
        w = 1 - P[:, 2] / (self.distance * scale)
        h = np.stack([P[:, 0] + (W / 2 - 0.5) * w, (H / 2 - 0.5) * w - P[:, 1], w], axis=1)
        return h, P[:, 2]


def turntable(yaw: float, pitch: float = 0.0) -> Float[np.ndarray, "3 3"]:
    """Build a view that turns the mesh about its vertical, then tips it towards the viewer.

    Parameters
    ----------
    yaw : degree
        Positive turns the face to the viewer's right.
    pitch : degree
        Positive shows more of the top of the head.
    """
    (a, b) = np.deg2rad([yaw, pitch])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    tip = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return np.asarray(tip @ turn)


def turntable_views(
    frames: int, yaw: float = 0.0, pitch: float = 0.0
) -> list[Float[np.ndarray, "3 3"]]:
    """Return the views of one full turn, in equal steps from a yaw and at one pitch.

    Raises
    ------
    ValueError
        There is no frame.
    """
    if frames < 1:
        raise ValueError(f"a turn needs at least one frame, got {frames}")
    return [turntable(yaw + 360 * k / frames, pitch) for k in range(frames)]


def rotation_of(view: View | Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """Return the rotation of a named view, or the given one after a check."""
    if isinstance(view, str):
        if view not in YAW:
            raise ValueError(f"view must be a rotation or one of {sorted(YAW)}, got {view!r}")
        return turntable(YAW[view])
    R = np.asarray(view, dtype=np.float64)
    # Written so that nan fails too.
    proper = R.shape == (3, 3) and abs(R @ R.T - np.eye(3)).max() <= 1e-6 and np.linalg.det(R) > 0
    if not proper:
        raise ValueError("view is no rotation: its rows must be orthonormal and right-handed")
    return R


def check_perspective(perspective: float | None) -> None:
    """Raise ValueError unless the field of view is None or between 0 and 180 degrees."""
    if perspective is not None and not 0.1 <= perspective <= 170:
        raise ValueError(f"perspective must be from 0.1 to 170 degrees, got {perspective}")


def frame_of(
    V: Float[np.ndarray, "*batch n 3"],
    *,
    view: View | Float[np.ndarray, "3 3"] = "front",
    size: tuple[int, int] = (256, 256),
    margin: float = 0.06,
    perspective: float | None = None,
) -> Frame:
    """Fit the smallest frame that shows every vertex of one mesh, or of a batch of meshes.

    Meshes with different numbers of vertices share a frame by the frame of their concatenation. In
    perspective the eye is as near as it can be, but a tenth of the mesh's depth away from it.

    Parameters
    ----------
    margin : 1
        Free border on each side, as a share of the half extent.
    perspective : degree
        Vertical field of view of the pictures that the frame is for; None is orthographic.

    Raises
    ------
    ValueError
        A vertex is not finite; there is none; view or perspective are out of range.
    """
    check_perspective(perspective)
    R = rotation_of(view)
    P = _points(V, "frame_of") @ R.T
    low, high = P.min(axis=0), P.max(axis=0)
    if perspective is not None:
        return _perspective_frame(P, R, size, margin, perspective)
    half_x, half_y = (high - low)[:2] / 2
    H, W = size
    half = max(half_y, half_x * H / W)
    # A single point has no extent: any window shows it.
    return Frame((low + high) / 2 @ R, float(half * (1 + margin)) if half > 0 else 1.0)


def frame_around(
    V: Float[np.ndarray, "*batch n 3"],
    views: Sequence[View | Float[np.ndarray, "3 3"]],
    *,
    size: tuple[int, int] = (256, 256),
    margin: float = 0.06,
    perspective: float | None = None,
) -> Frame:
    """Fit a frame about the middle of the bounding box that shows every vertex in all views.

    The mesh turns about that point, so an animation over the views does not wobble.

    Raises
    ------
    ValueError
        As `frame_of`; there is no view.
    """
    check_perspective(perspective)
    if not views:
        raise ValueError("frame_around: there is no view")
    X = _points(V, "frame_around")
    center = (X.min(axis=0) + X.max(axis=0)) / 2
    H, W = size
    half = 0.0
    for view in views:
        P = (X - center) @ rotation_of(view).T
        reach = np.maximum(np.abs(P[:, 0]) * H / W, np.abs(P[:, 1])) * (1 + margin)
        if perspective is not None:
            slope = np.tan(np.deg2rad(perspective / 2))
            clearance = P[:, 2].max() + _CLEARANCE * np.ptp(P[:, 2])
            reach = np.append(reach + P[:, 2] * slope, clearance * slope)
        half = max(half, float(reach.max()))
    return Frame(center, half if half > 0 else 1.0)


def _perspective_frame(
    P: np.ndarray, R: np.ndarray, size: tuple[int, int], margin: float, perspective: float
) -> Frame:
    """Move the eye sideways and closer until the four sides of its pyramid touch the points.

    A point at (x, z) is within slope ±s of an eye at (c, e) if e - z >= |x - c| / s: two lower
    bounds on e, one falling and one growing with c; the best c makes them equal.
    """
    slope_y = np.tan(np.deg2rad(perspective / 2)) / (1 + margin)
    slope = np.array([slope_y * size[1] / size[0], slope_y])
    z = P[:, 2]
    right = (P[:, :2] / slope + z[:, None]).max(axis=0)
    left = (-P[:, :2] / slope + z[:, None]).max(axis=0)
    center = np.append(slope * (right - left) / 2, (z.min() + z.max()) / 2)
    eye = max(float((right + left).max() / 2), float(z.max() + _CLEARANCE * np.ptp(z)))
    half = (eye - center[2]) * slope_y * (1 + margin)
    return Frame(center @ R, float(half) if half > 0 else 1.0)


def _points(V: np.ndarray, name: str) -> np.ndarray:
    X = np.asarray(V, dtype=np.float64).reshape(-1, 3)
    if not len(X):
        raise ValueError(f"{name}: there is no vertex")
    if not np.isfinite(X).all():
        raise ValueError(f"{name}: a vertex is not finite")
    return X
