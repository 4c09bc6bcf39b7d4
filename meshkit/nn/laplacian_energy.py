"""The smoothness energy that keeps generated displacements free of noise."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshkit.laplacian import cotangent_laplacian
from meshkit.nn.operator import SparseOperator


class LaplacianEnergy(SparseOperator):
    """Sum of squares of `L d`, the template's Laplacian applied to displacements.

    L is the cotangent Laplacian in weak form (dimensionless), so the energy of a displacement in
    mm is in mm²; it is 0 for a translation.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Eq. 12; Sorkine et al., Laplacian surface editing,
    SGP 2004.
    """

    def __init__(
        self,
        V: Float[np.ndarray, "n 3"],
        F: Int[np.ndarray, "m 3"],
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(cotangent_laplacian(V, F), dtype=dtype)

    def forward(self, X: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return the energy of every member of a batch (B, n, c), or of signals (n, k) in one."""
        squares = super().forward(X).square()
        return squares.sum(dim=(1, 2)) if X.ndim == 3 else squares.sum()
