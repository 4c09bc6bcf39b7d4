"""The feature loss: faces that share a code must look alike to that factor's classifier."""

from typing import final

import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor

from gan.losses.factor import FACTOR_LOSSES, AbstractFactorLoss, GeneratedFaces, RealFaces

KINDS = ("cosine", "l2")


def feature_distance(
    a: Float[Tensor, "P f"], b: Float[Tensor, "P f"], *, kind: str
) -> Float[Tensor, ""]:
    """Return the mean over pairs of `1 − cos(a, b)` ("cosine") or of `‖a − b‖²` ("l2").

    "Aligned" in Fernández Abrevaya et al., ICCV 2019, Eq. 10 and 11, fits both; cosine is ours.
    """
    if kind == "cosine":
        return (1 - nnf.cosine_similarity(a, b)).mean()
    if kind == "l2":
        return (a - b).square().sum(dim=1).mean()
    raise ValueError(f"unknown feature distance {kind!r}; known: {', '.join(KINDS)}")


@final
@FACTOR_LOSSES.register("feature")
class FeatureLoss(AbstractFactorLoss):
    """L_feat of an unlabelled factor: the distance of its features in pairs that share its code.

    Fernández Abrevaya et al., ICCV 2019, Eq. 10 and 11.

    Parameters
    ----------
    distance : "cosine" or "l2"
    """

    def __init__(
        self,
        *,
        classes: int,
        code_size: int,
        feature_size: int,
        rng: torch.Generator,
        distance: str = "cosine",
    ) -> None:
        super().__init__()
        if distance not in KINDS:
            raise ValueError(f"unknown feature distance {distance!r}; known: {', '.join(KINDS)}")
        self.distance = distance

    def discriminator(self, real: RealFaces, generated: GeneratedFaces) -> None:
        """Add nothing: the branch learns its features by classification."""

    def generator(self, generated: GeneratedFaces) -> Float[Tensor, ""] | None:
        """Return the mean distance, unless the factor is labelled."""
        if generated.labels is not None:
            return None
        return feature_distance(*generated.paired_features(), kind=self.distance)
