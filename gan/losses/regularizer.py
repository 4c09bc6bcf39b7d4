"""Regularizers of the generated displacements."""

from typing import final

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.losses.base import REGULARIZERS, AbstractRegularizer
from meshkit.errors import DegenerateFaceError
from meshkit.laplacian import cotangent_laplacian
from meshkit.nn import LaplacianEnergy, SparseOperator
from meshkit.operators.mass import voronoi_mass
from meshkit.topology import edges


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


@final
@REGULARIZERS.register("biharmonic")
class BiharmonicRegularizer(AbstractRegularizer):
    """`‖M^(−1/2) L d‖²`: the integral of `|Δd|²`, how much displacements bend; M the Voronoi areas.

    The same for a coarse and a fine mesh of one surface, where the cotangent energy falls with the
    mesh's fineness. Without unit: lengths are half-heights, in d as in the area. Lips and lids bend
    sharply: real faces have energies of 10 to 10,000, so weights are small
    (`docs/howto/plugins.md`).

    References
    ----------
    Botsch, Sorkine, On linear variational surface deformation methods, IEEE TVCG 2008, Eq. 13.
    """

    def __init__(self, *, V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> None:
        super().__init__()
        mass = voronoi_mass(V, F)
        if not (mass > 0).all():
            v = int((mass <= 0).argmax())
            raise DegenerateFaceError(f"vertex {v} has no area around it: the energy is not finite")
        self.bend = SparseOperator(sp.diags_array(mass**-0.5) @ cotangent_laplacian(V, F))

    def forward(self, d: Float[Tensor, "V 3 B"]) -> Float[Tensor, ""]:
        """Return the mean energy of the batch."""
        bent: Tensor = self.bend(d.reshape(len(d), -1))
        return bent.square().sum() / d.shape[2]


@final
@REGULARIZERS.register("edge-length")
class EdgeLengthRegularizer(AbstractRegularizer):
    """Mean over edges of `(‖e + δ‖ / ‖e‖ − 1)²`: e an edge of the template, δ what d adds to it.

    0.01 means that edges are a tenth longer or shorter, in the root mean square. It does not know
    whether a face stretches because it is another person's: keep its weight small.
    """

    edge: Tensor
    length: Tensor

    def __init__(self, *, V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> None:
        super().__init__()
        E = edges(F)
        e = V[E[:, 1]] - V[E[:, 0]]
        length = np.linalg.norm(e, axis=1)
        if not (length > 0).all():
            i, j = E[int((length <= 0).argmax())].tolist()
            raise DegenerateFaceError(f"edge ({i}, {j}) has no length: merge its two vertices")
        ones, row = np.ones(len(E)), np.arange(len(E))
        entries = np.concatenate([-ones, ones]), (np.tile(row, 2), E.T.ravel())
        self.difference = SparseOperator(sp.coo_array(entries, shape=(len(E), len(V))))
        self.register_buffer("edge", torch.from_numpy(e).float(), persistent=False)
        self.register_buffer("length", torch.from_numpy(length).float(), persistent=False)

    def forward(self, d: Float[Tensor, "V 3 B"]) -> Float[Tensor, ""]:
        """Return the mean over edges and batch."""
        added: Tensor = self.difference(d.reshape(len(d), -1))
        e = self.edge[:, :, None] + added.view(len(added), 3, -1)
        # At length 0 the gradient of the norm is taken as 0, not as nan.
        length: Tensor = torch.linalg.vector_norm(e, dim=1)
        relative = length / self.length[:, None] - 1
        return relative.square().mean()
