"""Which face is seen under each sample, and where on it: one answer, several back ends.

A back end only names the faces. Barycentric coordinates follow from the projected corners, in
double precision and for all back ends alike: seen from a sample at the origin, corner i of a face
weighs as much as the triangle of the origin and the two other corners in (X, Y); dividing by the
sum corrects for perspective.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from meshkit.rendering.camera import NEAR, Camera
from meshkit.rendering.near_plane import cut_near
from meshkit.rendering.zbuffer import nearest_face

Backend = Literal["auto", "plain", "open3d", "pytorch3d"]


class Samples(NamedTuple):
    """What is seen where: one entry for each covered sample, in the order of the samples."""

    pixel: Int[np.ndarray, " s"]  # row * width + column
    face: Int[np.ndarray, " s"]
    bary: Float[np.ndarray, "s 3"]
    behind: Bool[np.ndarray, " s"]  # the face is seen from its back
    h: Float[np.ndarray, "s 3 3"]  # the corners (X, Y, w) around the sample at the origin


def find_visible(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    camera: Camera,
    backend: str = "auto",
) -> Samples:
    """Find the nearest face under every sample, with its barycentric coordinates."""
    if backend not in _BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(_BACKENDS)}, got {backend!r}")
    h, z = camera.project(V)
    face_index = _BACKENDS[backend](V, F, camera, h, z)
    pixel = np.flatnonzero(face_index >= 0)
    face = face_index[pixel]
    h = h[F[face]]  # (s, 3, 3)
    h[:, :, 0] -= h[:, :, 2] * (pixel % camera.width)[:, None]
    h[:, :, 1] -= h[:, :, 2] * (pixel // camera.width)[:, None]
    (x0, x1, x2), (y0, y1, y2) = h[:, :, 0].T, h[:, :, 1].T
    weight = np.stack([x1 * y2 - y1 * x2, x2 * y0 - y2 * x0, x0 * y1 - y0 * x1], axis=1)
    total = weight.sum(axis=1)
    if not total.all():  # a ray may graze a face on its edge, which covers nothing
        flat = total != 0
        pixel, face, weight, total, h = (q[flat] for q in (pixel, face, weight, total, h))
    # Seen from outside corners are counter-clockwise, here clockwise: y points down.
    return Samples(pixel, face, weight / total[:, None], total > 0, h)


def screen_triangles(
    F: Int[np.ndarray, "m 3"],
    h: Float[np.ndarray, "n 3"],
    z: Float[np.ndarray, " n"],
    *,
    perspective: bool,
) -> tuple[Float[np.ndarray, "k 3"], Int[np.ndarray, "t 3"], Int[np.ndarray, " t"] | None]:
    """Divide projected vertices by w; the depth is affine on every face seen on the screen.

    Parameters
    ----------
    h, z : sample
        As `Camera.project` returns them.

    Returns
    -------
    P : sample
        x, y, and what grows towards the viewer: z or, in perspective, 1 / w.
    F : 1
        The faces, cut where they reach behind the eye.
    origin : 1
        The face that each is a part of; None: they are the faces.
    """
    if not perspective:
        return np.stack([h[:, 0], h[:, 1], z], axis=1), F, None
    origin = None
    if (h[:, 2] < NEAR).any():
        h, F, origin = cut_near(h, F, NEAR)
        # What lies before the cut is in no face any more; cut points may round to just below.
        h = np.where(h[:, 2:] < NEAR * (1 - 1e-6), 1.0, h)
    inverse = 1 / h[:, 2:]
    return np.concatenate([h[:, :2] * inverse, inverse], axis=1), F, origin


def _plain(
    V: np.ndarray, F: np.ndarray, camera: Camera, h: np.ndarray, z: np.ndarray
) -> np.ndarray:
    perspective = camera.perspective is not None
    P, faces, origin = screen_triangles(F, h, z, perspective=perspective)
    seen = nearest_face(P, faces, camera.height, camera.width)
    return seen if origin is None else original_face(seen, origin)


def _embree(
    V: np.ndarray, F: np.ndarray, camera: Camera, h: np.ndarray, z: np.ndarray
) -> np.ndarray:
    from meshkit.rendering.embree import cast_rays

    return cast_rays(V, F, camera)


def _gpu(V: np.ndarray, F: np.ndarray, camera: Camera, h: np.ndarray, z: np.ndarray) -> np.ndarray:
    from meshkit.rendering.gpu import rasterize_on_device

    perspective = camera.perspective is not None
    P, faces, origin = screen_triangles(F, h, z, perspective=perspective)
    seen = rasterize_on_device(P, faces, camera.height, camera.width)
    return seen if origin is None else original_face(seen, origin)


def original_face(
    seen: Int[np.ndarray, " p"], origin: Int[np.ndarray, " t"]
) -> Int[np.ndarray, " p"]:
    """Replace parts of cut faces by the faces; -1 stays."""
    if not len(origin):
        return seen
    return np.where(seen >= 0, origin[seen], -1)


_BACKENDS: dict[str, Callable[..., np.ndarray]] = {
    "auto": _plain,
    "plain": _plain,
    "open3d": _embree,
    "pytorch3d": _gpu,
}
BACKENDS = tuple(_BACKENDS)
