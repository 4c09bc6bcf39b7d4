"""Pictures that a page holds itself, and meshes without a background, for light and dark pages."""

import base64
import io
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from meshkit.render import render_mesh

_KEY = (1, 254, 3)  # no light and no colour map makes this colour: what has it is background


class Picture(NamedTuple):
    """A picture as the templates show it.

    Attributes
    ----------
    address : holds the picture's bytes
    alt : what it shows, for those who cannot see it
    width, height : pixels
    """

    address: str
    alt: str
    width: int
    height: int


def inline(pixels: UInt8[np.ndarray, "h w c"], alt: str, *, exact: bool = False) -> Picture:
    """Return a picture that holds its own bytes.

    Parameters
    ----------
    exact
        Without loss, for pictures of data; else compressed as photographs are.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=exact, quality=88, method=4)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    height, width = pixels.shape[:2]
    return Picture(f"data:image/webp;base64,{data}", alt, width, height)


def cut_out(
    V: Float[np.ndarray, "V 3"],
    F: Int[np.ndarray, "T 3"],
    size: tuple[int, int],
    **options: Any,
) -> UInt8[np.ndarray, "h w 4"]:
    """Draw a mesh on a transparent ground, two samples a pixel and axis.

    Parameters
    ----------
    options
        Of `meshkit.render.render_mesh`.
    """
    H, W = size
    drawn = render_mesh(V, F, size=(2 * H, 2 * W), samples=1, background=_KEY, **options)
    covered = (drawn != _KEY).any(axis=2).reshape(H, 2, W, 2)
    count = covered.sum(axis=(1, 3))[..., None]
    color = (drawn.reshape(H, 2, W, 2, 3) * covered[..., None]).sum(axis=(1, 3))
    color = color / np.maximum(count, 1)
    return np.asarray(np.rint(np.concatenate([color, 255 * count / 4], axis=2)), dtype=np.uint8)
