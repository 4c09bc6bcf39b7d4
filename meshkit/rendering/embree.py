"""The back end of open3d: rays through the samples, traced on the CPU by Embree."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from meshkit.rendering.camera import NEAR, Camera


def load_open3d() -> Any:
    """Import open3d.

    Raises
    ------
    ValueError
        It is not installed, or a library of the system that it needs is missing.
    """
    try:
        import open3d
    except (ImportError, OSError) as error:  # OSError: a shared library is missing
        raise ValueError(
            f'backend "open3d" cannot be imported ({error}): pip install open3d (extra [scan]); '
            "on Debian it also needs the system library libusb-1.0 (apt install libusb-1.0-0)"
        ) from error
    return open3d


def cast_rays(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], camera: Camera
) -> Int[np.ndarray, " p"]:
    """Find the nearest face under every sample, row by row; -1 where there is none.

    Embree computes in single precision: along edges and silhouettes it may differ from the plain
    back end, and on a shared edge it may name either face.
    """
    open3d = load_open3d()
    # In units of the window and from its middle, where single precision serves best.
    P = camera.to_view(V) / camera.frame.half_extent
    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        open3d.core.Tensor(P.astype(np.float32)), open3d.core.Tensor(F.astype(np.uint32))
    )
    hits = scene.cast_rays(open3d.core.Tensor(_rays(camera, float(P[:, 2].max()))))
    face = hits["primitive_ids"].numpy().ravel()
    return np.where(face == scene.INVALID_ID, -1, face.astype(np.int64))


def _rays(camera: Camera, top: float) -> np.ndarray:
    """Return (H, W, 6): origin and direction for each sample."""
    H, W = camera.height, camera.width
    rays = np.zeros((H, W, 6), dtype=np.float32)
    x = (np.arange(W) + 0.5 - W / 2) / (H / 2)
    y = ((H / 2 - 0.5) - np.arange(H)[:, None]) / (H / 2)
    rays[..., 5] = -1
    if camera.perspective is None:
        rays[..., 0], rays[..., 1], rays[..., 2] = x, y, top + 1
        return rays
    eye = camera.distance / camera.frame.half_extent
    # Rays start at the near plane; at the frame's plane they pass through (x, y).
    rays[..., 0], rays[..., 1], rays[..., 2] = x * NEAR, y * NEAR, eye * (1 - NEAR)
    rays[..., 3], rays[..., 4] = x / eye, y / eye
    return rays
