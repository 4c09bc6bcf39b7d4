"""Convolution on a mesh: a polynomial of its Laplacian, with weights for each pair of channels."""

import math

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from meshkit.nn import SparseOperator
from meshkit.topology import edges


def scaled_laplacian(F: Int[np.ndarray, "m 3"], n: int) -> sp.csr_array:
    """Build `2 L / λ_max − 1` of the normalised graph Laplacian, with its bound λ_max = 2.

    That is `−D^(−1/2) A D^(−1/2)`, A the adjacency of vertices: its eigenvalues lie in [−1, 1].
    """
    E = edges(F)
    both = np.concatenate([E, E[:, ::-1]])
    A = sp.csr_array((np.ones(len(both)), both.T), shape=(n, n))
    degree = A.sum(axis=1)
    root = np.divide(1.0, np.sqrt(degree), out=np.zeros(n), where=degree > 0)
    D = sp.diags_array(root)
    return sp.csr_array(-(D @ A @ D))


class ChebyshevConvolution(nn.Module):
    """`y = Σ_k T_k(L̃) x W_k + b`, T_k the Chebyshev polynomials, k < `terms`.

    Signals are vertex-major, (n, B, channels), as the sparse products want them. The product with
    L̃ is taken on whichever side has fewer channels: before the weights by the three-term
    recurrence, after them by Clenshaw's; the result is the same.

    References
    ----------
    Defferrard, Bresson, Vandergheynst, Convolutional neural networks on graphs with fast localized
    spectral filtering, NIPS 2016, Eq. 4.
    """

    def __init__(
        self,
        laplacian: SparseOperator,
        incoming: int,
        outgoing: int,
        *,
        terms: int,
        bias: bool = True,
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        self._laplacian = [laplacian]  # in a list: shared between layers, owned by none
        deviation = math.sqrt(2 / (terms * incoming))
        weight = deviation * torch.randn(terms, incoming, outgoing, generator=rng)
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(torch.zeros(outgoing)) if bias else None

    def forward(self, x: Float[Tensor, "n B i"]) -> Float[Tensor, "n B o"]:
        """Return the filtered signals."""
        _, incoming, outgoing = self.weight.shape
        y = self._after(x) if outgoing < incoming else self._before(x)
        return y if self.bias is None else y + self.bias

    def _before(self, x: Tensor) -> Tensor:
        """T_0 x, T_1 x, … side by side, then one product with all weights."""
        parts = [x]
        for k in range(1, len(self.weight)):
            following = self._product(parts[-1])
            parts.append(following if k == 1 else 2 * following - parts[-2])
        y: Tensor = torch.cat(parts, dim=2) @ self.weight.flatten(0, 1)
        return y

    def _after(self, x: Tensor) -> Tensor:
        """All products with weights, then Σ_k T_k c_k from the last term to the first."""
        c = [x @ weight for weight in self.weight]
        first: Tensor = c[0]
        if len(c) == 1:
            return first
        later, latest = torch.zeros_like(c[0]), c[-1]
        for term in c[-2:0:-1]:
            later, latest = latest, term + 2 * self._product(latest) - later
        return first + self._product(latest) - later

    def _product(self, x: Tensor) -> Tensor:
        n, B, channels = x.shape
        product: Tensor = self._laplacian[0](x.reshape(n, B * channels))
        return product.view(n, B, channels)
