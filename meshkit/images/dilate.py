"""Fill empty texels near the charts, so that texture filters find no background there.

A bilinear or mip-mapped look-up near the border of a chart mixes in texels outside it. Repeating
the nearest texel inside for a few rings around the chart keeps the background out ("padding",
"edge bleeding"). Nothing inside changes.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from meshkit.raster import UVRaster


def dilation_source(inside: Bool[np.ndarray, "H W"], rings: int) -> Int[np.ndarray, "H W"]:
    """Say for each texel which texel inside it should repeat: ``row * W + column``, -1 for none.

    A texel inside names itself. One outside, no further than `rings` steps of a king from a texel
    inside, names the nearest by straight distance (any of them on a tie). The others name none.

    Parameters
    ----------
    rings : texels
        At least 0.

    Raises
    ------
    ValueError
        `rings` is negative.
    """
    if rings < 0:
        raise ValueError(f"rings must be at least 0, got {rings}")
    H, W = inside.shape
    source = np.where(inside, np.arange(H * W).reshape(H, W), -1)
    if rings == 0 or inside.all() or not inside.any():
        return source
    steps = ndimage.distance_transform_cdt(~inside, metric="chessboard")
    row, column = ndimage.distance_transform_edt(
        ~inside, return_distances=False, return_indices=True
    )
    return np.where(steps <= rings, row.astype(np.int64) * W + column, -1)


def dilate_image(
    image: Float[np.ndarray, "H W c"], inside: Bool[np.ndarray, "H W"], rings: int
) -> tuple[Float[np.ndarray, "H W c"], Bool[np.ndarray, "H W"]]:
    """Fill empty texels near the charts with the nearest texel inside.

    Returns
    -------
    image : the input's unit
        0 where no texel inside is within `rings`.
    filled : 1
        Texels inside or filled.
    """
    source = dilation_source(inside, rings)
    H, W, channels = image.shape
    filled = source >= 0
    values = image.reshape(H * W, channels)[source.clip(0)]
    return np.where(filled[..., None], values, 0.0), filled


def dilate_raster(raster: UVRaster, rings: int) -> UVRaster:
    """Give empty texels near the charts the face and the weights of the nearest texel inside.

    The result is a raster like any other: `geometry_image`, `raster_matrix` and the layers of
    `meshkit.nn` take it, and the mapping stays linear. Its filled texels no longer lie under the
    point they show.
    """
    H, W = raster.face_index.shape
    source = dilation_source(raster.face_index >= 0, rings)
    at = source.clip(0)
    filled = source >= 0
    face_index = np.where(filled, raster.face_index.ravel()[at], -1)
    bary = np.where(filled[..., None], raster.bary.reshape(H * W, 3)[at], 0.0)
    return UVRaster(face_index, bary)
