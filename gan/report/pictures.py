"""Faces of one model as pictures at one scale."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gan.evaluation.generated import decode_all
from gan.models.contract import FaceGenerator
from meshkit.render import Frame, View, frame_of
from meshkit.report.pictures import Picture, cut_out, inline


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

    def shoot(self, V: Float[np.ndarray, "V 3"], alt: str, *, view: View = "front") -> Picture:
        """Return the picture of a mesh."""
        V = V.astype(np.float64)
        return inline(cut_out(V, self.faces, self.size, view=view, frame=self.frames[view]), alt)

    def shoot_codes(
        self, codes: dict[str, Tensor], alts: list[str], *, view: View = "front"
    ) -> list[Picture]:
        """Return the pictures of the meshes of a batch of codes."""
        X = decode_all(self.model, codes)
        return [self.shoot(V, alt, view=view) for V, alt in zip(X, alts, strict=True)]
