"""Small pictures beside the face: its geometry image, the map, portraits of kept faces."""

import numpy as np
from jaxtyping import Float, UInt8

from gan.viewing.shading import Shading
from gan.viewing.shapes import IMAGE, FaceShapes
from meshkit.images.image_maps import encode_normals, image_normals
from meshkit.render import frame_of, render_mesh
from meshkit.rendering.uv_picture import draw_layout
from meshkit.topology import boundary_loops

OUTSIDE = 235  # grey of texels without a face
PORTRAIT = (160, 150)  # pixels
LAYOUT = 480  # pixels
SCALE = 2  # pixels for a texel


def geometry_pictures(
    shapes: FaceShapes, V: Float[np.ndarray, "V 3"]
) -> tuple[UInt8[np.ndarray, "h h 3"], UInt8[np.ndarray, "h h 3"]]:
    """Draw the geometry image of a face, v upwards: positions, and the normals of its texels.

    x, y, z are red, green, blue, from the lowest to the highest of the mean face, so that the
    picture changes with the face and not with its bounding box.
    """
    inside = shapes.raster.face_index >= 0
    image = (shapes.sampler @ V.astype(np.float64)).reshape(IMAGE, IMAGE, 3)
    low, high = shapes.mean.min(axis=0), shapes.mean.max(axis=0)
    at = ((image - low) / np.where(high > low, high - low, 1)).clip(0, 1)
    positions = np.rint(at * 255).astype(np.uint8)
    normals = encode_normals(image_normals(image, inside))
    return _shown(positions, inside), _shown(normals, inside)


def layout_picture(
    shapes: FaceShapes, shading: Shading, *, size: int = LAYOUT
) -> UInt8[np.ndarray, "h h 3"]:
    """Draw the map: edges, borders, flips; triangles in the colour of the mean face's areas."""
    F, UV = shapes.faces, shapes.UV
    a, b, c = (UV[F[:, k]] for k in range(3))
    across, up = b - a, c - a
    signed = across[:, 0] * up[:, 1] - across[:, 1] * up[:, 0]
    flips = np.flatnonzero(signed <= 0)
    area = shading.area_ratio(shapes.mean.astype(np.float64))
    return draw_layout(UV, F, area, boundary_loops(F), flips, size=size)


def portrait(shapes: FaceShapes, V: Float[np.ndarray, "V 3"]) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a face from the front, at the scale of the mean face."""
    frame = frame_of(shapes.mean[None].astype(np.float64), size=PORTRAIT)
    return render_mesh(V.astype(np.float64), shapes.faces, size=PORTRAIT, frame=frame)


def _shown(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    image[~inside] = OUTSIDE
    return image[::-1].repeat(SCALE, axis=0).repeat(SCALE, axis=1)
