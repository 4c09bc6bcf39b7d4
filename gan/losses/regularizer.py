"""Regularizers of the generated displacements."""

from typing import final

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from gan.losses.base import REGULARIZERS, AbstractRegularizer
from meshkit.nn import LaplacianEnergy


@final
@REGULARIZERS.register("cotangent")
class CotangentRegularizer(AbstractRegularizer):
    """`Σ_v ‖(L d)_v‖²`, L the template's cotangent Laplacian, d in units of the half-height.

    Fernández Abrevaya et al., ICCV 2019, Eq. 12, up to the scale, which is ours: summed over
    vertices in these units, real expressions and identities have an energy of the order of 0.1.
    """

    def __init__(self, *, V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> None:
        super().__init__()
        self.energy = LaplacianEnergy(V, F)

    def forward(self, d: Float[Tensor, "V 3 B"]) -> Float[Tensor, ""]:
        """Return the mean energy of the batch."""
        energy: Tensor = self.energy(d.reshape(len(d), -1))
        return energy / d.shape[2]
