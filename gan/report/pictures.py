"""Faces as pictures without a background, inlined into the page."""

import base64
import io

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from gan.evaluation.generated import decode_all
from gan.models.contract import FaceGenerator
from gan.report.html import Markup, element
from meshkit.render import Frame, View, frame_of, render_mesh

_KEY = (1, 254, 3)  # no light makes clay this colour: what has it is background


class Photographer:
    """Draws the faces of one model at one scale.

    Parameters
    ----------
    size
        Height and width of a picture.
    """

    def __init__(self, model: FaceGenerator, *, size: tuple[int, int]) -> None:
        self.model, self.size = model.to("cpu"), size
        self.faces = self.model.faces.numpy().astype(np.int64)
        rng = torch.Generator().manual_seed(0)
        typical = decode_all(self.model, self.model.sample_codes(16, rng=rng))
        self.frames: dict[View, Frame] = {
            view: frame_of(typical, view=view, size=size, margin=0.01)
            for view in ("front", "three-quarter")
        }

    def shoot(self, V: Float[np.ndarray, "V 3"], *, alt: str, view: View = "front") -> Markup:
        """Return the picture of a mesh as an `img` element."""
        pixels = cut_out(
            V.astype(np.float64), self.faces, self.size, view=view, frame=self.frames[view]
        )
        return inline(pixels, alt=alt)

    def shoot_codes(
        self, codes: dict[str, Tensor], alts: list[str], *, view: View = "front"
    ) -> list[Markup]:
        """Return the pictures of the meshes of a batch of codes."""
        X = decode_all(self.model, codes)
        return [self.shoot(V, alt=alt, view=view) for V, alt in zip(X, alts, strict=True)]


def cut_out(
    V: Float[np.ndarray, "V 3"],
    F: Int[np.ndarray, "T 3"],
    size: tuple[int, int],
    *,
    view: View,
    frame: Frame,
) -> UInt8[np.ndarray, "h w 4"]:
    """Draw a mesh on a transparent ground, two samples a pixel and axis."""
    H, W = size
    drawn = render_mesh(
        V, F, size=(2 * H, 2 * W), samples=1, view=view, frame=frame, background=_KEY
    )
    covered = (drawn != _KEY).any(axis=2).reshape(H, 2, W, 2)
    count = covered.sum(axis=(1, 3))[..., None]
    color = (drawn.reshape(H, 2, W, 2, 3) * covered[..., None]).sum(axis=(1, 3))
    color = color / np.maximum(count, 1)
    drawn = np.concatenate([color, 255 * count / 4], axis=2)
    return np.asarray(np.rint(drawn), dtype=np.uint8)


def inline(
    pixels: UInt8[np.ndarray, "h w c"],
    *,
    alt: str,
    exact: bool = False,
    style: str | None = None,
) -> Markup:
    """Return a picture as an `img` element that holds its own bytes.

    Parameters
    ----------
    exact
        Without loss, for pictures of data; else compressed as photographs are.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=exact, quality=88, method=4)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    H, W = pixels.shape[:2]
    return element(
        "img", src=f"data:image/webp;base64,{data}", alt=alt, width=W, height=H, class_=style
    )
