"""Counting the texels that a map leaves empty."""

import numpy as np
from jaxtyping import Float, Int

from meshkit.raster import UVRaster, rasterize_uv


def count_empty(UV: Float[np.ndarray, "n 2"], loop: Int[np.ndarray, " b"], raster: UVRaster) -> int:
    """Count the texels inside a convex border that no face covers."""
    # A fan covers a convex polygon; corners on one side of the square make faces without area,
    # which the raster skips.
    inside = rasterize_uv(UV[loop], fan(len(loop)), raster.face_index.shape).face_index >= 0
    return int((inside & (raster.face_index < 0)).sum())


def fan(b: int) -> Int[np.ndarray, "m 3"]:
    """Return the triangles of a polygon from its first corner."""
    k = np.arange(1, b - 1)
    return np.stack([np.zeros_like(k), k, k + 1], axis=1)
