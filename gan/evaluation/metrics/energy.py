"""How rough surfaces are, in the terms in which the trainer's regularizer sees it."""

from collections.abc import Iterable
from typing import final

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int

from gan.evaluation.estimate import estimate
from gan.evaluation.metric import METRICS, AbstractMetric, Column, Context, Measured
from meshkit.laplacian import cotangent_laplacian


class RoughnessEnergy:
    """`Σ_v ‖(L d)_v‖²`: L the template's cotangent Laplacian, d in units of its half-height.

    Weak form, so dimensionless; summed over vertices, not averaged. 0 for the template moved as a
    whole. It grows with vertex noise much faster than with any change of shape, so generated
    faces far above real ones are noisy, far below them too smooth.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Eq. 12, up to the scale, which is ours.
    """

    def __init__(self, template: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "T 3"]) -> None:
        V = template.astype(np.float64)
        self._template = V
        half_height = np.ptp(V[:, 1]) / 2
        if not half_height > 0:
            raise ValueError("the template has no height: its y coordinates are all equal")
        self._L = sp.csr_array(cotangent_laplacian(V, faces) / half_height)

    def __call__(self, X: Float[np.ndarray, "k V 3"]) -> Float[np.ndarray, " k"]:
        """Return the energy of each mesh."""
        D = np.moveaxis(X - self._template, 0, 1)  # vertex-major: one product for all meshes
        squares = np.square(self._L @ D.reshape(len(D), -1)).reshape(len(D), -1, 3)
        return np.asarray(squares.sum(axis=(0, 2)))

    def of(self, blocks: Iterable[Float[np.ndarray, "_ V 3"]]) -> Float[np.ndarray, " n"]:
        """Return the energy of each of the meshes that come in blocks."""
        return np.concatenate([self(X) for X in blocks])


@final
@METRICS.register("energy")
class Energy(AbstractMetric):
    """Laplacian energy of generated faces, as the trainer's regularizer sees it.

    It should be that of the training faces.
    """

    meaning = "Laplacian energy: higher is noisier, lower is smoother than the training faces"
    better = "reference"
    columns = (Column("energy", "energy", group="smoothness", headline=True),)
    by_default = "always"
    place = 50

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return the mean energies of generated and of training faces."""
        energy = RoughnessEnergy(context.model.template.numpy(), context.model.faces.numpy())
        real = energy.of(X for _, X in context.training())
        subject = context.subject[context.chosen]
        return Measured(
            {
                "model": estimate(energy.of(context.generated())),
                "training": estimate(real, unit="subjects", group=subject),
            }
        )
