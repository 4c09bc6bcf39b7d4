"""Texels that a map leaves empty, or that are not finite."""

import numpy as np
from jaxtyping import Bool, Float, Int

from meshkit.errors import MeshError
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


def check_texels(image: Float[np.ndarray, "H W c"], inside: Bool[np.ndarray, "h w"]) -> None:
    """Raise MeshError unless an image is finite inside."""
    bad = inside & ~np.isfinite(image).all(axis=2)
    if bad.any():
        row, column = np.argwhere(bad)[0].tolist()
        raise MeshError(
            f"texel (row {row}, column {column}) = {image[row, column].tolist()} is not finite "
            f"({int(bad.sum())} such inside): correct it, or mark it as outside"
        )
