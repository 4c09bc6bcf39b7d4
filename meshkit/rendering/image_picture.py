"""Pictures to judge a geometry image by; v grows upwards in all of them."""

import numpy as np
from jaxtyping import Bool, Float, UInt8

from meshkit.images.stitch import grid_faces
from meshkit.normals import vertex_normals
from meshkit.rendering.mesh_picture import render_mesh
from meshkit.rendering.uv_picture import side_by_side

_OUTSIDE = (150, 150, 155)


def draw_image_preview(
    image: Float[np.ndarray, "H W 3"],
    inside: Bool[np.ndarray, "H W"],
    title: str,
    *,
    size: int = 480,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the positions as colours, the normals of the texel grid, and that grid as a surface."""
    F = grid_faces(inside)
    P = image.reshape(-1, 3)
    tiles = [_enlarge(_positions(image, inside), size)]
    titles = ["position (x, y, z as red, green, blue)"]
    if len(F):
        normals = vertex_normals(P, F).reshape(image.shape)
        colors = np.where(inside[..., None], (normals + 1) * 127.5, _OUTSIDE)
        tiles.append(_enlarge(np.rint(colors).astype(np.uint8), size))
        used = np.unique(F)
        tiles.append(render_mesh(P[used], np.searchsorted(used, F), size=(size, size)))
        titles += ["normal", "surface through the texels"]
    return side_by_side(tiles, titles, title, scale=False)


def _positions(
    image: Float[np.ndarray, "H W 3"], inside: Bool[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "H W 3"]:
    colors = np.full(image.shape, _OUTSIDE, dtype=np.float64)
    if inside.any():
        low, high = image[inside].min(axis=0), image[inside].max(axis=0)
        extent = np.where(high > low, high - low, 1.0)
        colors[inside] = (image[inside] - low) / extent * 255
    return np.rint(colors).astype(np.uint8)


def _enlarge(pixels: UInt8[np.ndarray, "H W 3"], size: int) -> UInt8[np.ndarray, "h w 3"]:
    """Scale to `size` rows: texels stay squares when they grow, are averaged when they shrink."""
    from PIL import Image

    H, W = pixels.shape[:2]
    width = min(max(1, round(W * size / H)), 3 * size)
    grow = size >= H
    method = Image.Resampling.NEAREST if grow else Image.Resampling.BOX
    return np.asarray(Image.fromarray(pixels[::-1]).resize((width, size), method))
