"""Every branch reads its own factor's code from the face: a code can then not be ignored."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from gan.losses.factor import (
    FACTOR_LOSSES,
    AbstractFactorLoss,
    GeneratedFaces,
    RealFaces,
    linear_head,
)


@final
@FACTOR_LOSSES.register("code-regression")
class CodeRegression(AbstractFactorLoss):
    """`E ‖Q_k(f_k(S X)) − z_k‖² / d_k`, labelled or not; Q_k is linear on the branch's features.

    Codes are N(0, 1), so reading nothing costs 1. The discriminator learns to read generated faces;
    the generator writes codes so that they can be read, and so that the other codes do not
    disturb: what another code changes in these features is an error here.

    References
    ----------
    Chen et al., InfoGAN, NeurIPS 2016, Eq. 5 with a Gaussian of fixed variance.
    """

    def __init__(
        self, *, classes: int, code_size: int, feature_size: int, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.read = linear_head(feature_size, code_size, rng)

    def discriminator(self, real: RealFaces, generated: GeneratedFaces) -> Float[Tensor, ""]:
        """Return the mean squared error of the codes that are read."""
        return self.generator(generated)

    def generator(self, generated: GeneratedFaces) -> Float[Tensor, ""]:
        """Return the mean squared error of the codes that are read."""
        error: Tensor = self.read(generated.features) - generated.codes
        return error.square().mean()
