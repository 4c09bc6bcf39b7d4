"""Signals in the eigenbasis of a Laplacian: keep the low modes, weigh them, count them."""

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor, nn

from meshkit.nn.operator import in_full


class SpectralTruncation(nn.Module):
    """Project signals on vertices to the span of a stored basis, mode by mode.

    ``X -> Φ r Φᵀ M X``: the nearest signal in the span for r = 1, a filter for other responses:
    ``np.exp(-values * time)`` is heat flow, exact in the span. Buffers, no parameters. Signals in
    half precision are taken to the type of the buffers, under autocast as well.

    Parameters
    ----------
    basis : 1 / length
        (n, k), orthonormal with respect to the mass, as from `meshkit.eigenpairs`.
    mass : length^2
        Lumped (n,), or a sparse matrix (n, n).
    response : 1
        (k,), factor of each mode. Default: 1.

    Raises
    ------
    ValueError
        Shapes differ, or the basis is not orthonormal with respect to the mass.

    References
    ----------
    Vallet, Lévy, Spectral geometry processing with manifold harmonics, Eurographics 2008.
    """

    decoder: Tensor
    encoder: Tensor
    response: Tensor

    def __init__(
        self,
        basis: Float[np.ndarray, "n k"],
        mass: np.ndarray | sp.sparray | sp.spmatrix,
        *,
        response: np.ndarray | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        n, k = basis.shape
        M = mass if sp.issparse(mass) else sp.diags_array(np.asarray(mass))
        if M.shape != (n, n):
            raise ValueError(f"a basis of {n} vertices does not fit a mass of shape {mass.shape}")
        response = np.ones(k) if response is None else response
        if len(response) != k:
            raise ValueError(f"{len(response)} responses for {k} modes")
        encoder = np.asarray((M.T @ basis).T)
        error = float(np.abs(encoder @ basis - np.eye(k)).max())
        if not error <= 1e-6:  # written so that nan fails too
            raise ValueError(
                f"the basis is not orthonormal with respect to the mass: it misses by {error:.1e}"
            )
        for name, array in (("decoder", basis), ("encoder", encoder), ("response", response)):
            self.register_buffer(name, torch.from_numpy(np.array(array)).to(dtype))

    def encode(self, X: Float[Tensor, "... n c"]) -> Float[Tensor, "... k c"]:
        """Return the coefficients of the modes, without the response."""
        with torch.autocast(X.device.type, enabled=False):
            return self.encoder @ in_full(X, self.encoder)

    def decode(self, coefficients: Float[Tensor, "... k c"]) -> Float[Tensor, "... n c"]:
        """Return the signal with these coefficients."""
        with torch.autocast(coefficients.device.type, enabled=False):
            return self.decoder @ in_full(coefficients, self.decoder)

    def forward(self, X: Float[Tensor, "... n c"]) -> Float[Tensor, "... n c"]:
        """Return the filtered signals (n, k) or batch (B, n, c)."""
        return self.decode(self.response[:, None] * self.encode(X))
