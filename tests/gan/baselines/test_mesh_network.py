"""CoMA's network against dense matrices, and against the published number of weights."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev

from gan.baselines.chebyshev import ChebyshevConvolution, scaled_laplacian
from gan.baselines.mesh_network import MeshAutoencoder, level_sizes
from meshkit.nn import SparseOperator
from meshkit.operators.pooling import Pooling, pooling_levels
from meshkit.primitives import hemisphere


@pytest.mark.parametrize(("incoming", "outgoing"), [(2, 5), (5, 2), (3, 3)])
@pytest.mark.parametrize("terms", [1, 2, 6])
def test_convolution_is_the_polynomial_of_the_dense_matrix(incoming, outgoing, terms):
    """Σ_k T_k(L̃) x W_k + b, T_k(L̃) by the eigenvalues: T_k is applied to each of them."""
    _, F = hemisphere(3)
    n = int(F.max()) + 1
    L = scaled_laplacian(F, n)
    rng = torch.Generator().manual_seed(0)
    layer = ChebyshevConvolution(SparseOperator(L), incoming, outgoing, terms=terms, rng=rng)
    with torch.no_grad():
        assert layer.bias is not None
        layer.bias += torch.randn(outgoing, generator=rng)
    x = torch.randn(n, 4, incoming, generator=rng)
    values, vectors = np.linalg.eigh(L.toarray())
    expected = layer.bias.detach().numpy() + np.zeros((n, 4, outgoing))
    for k, W in enumerate(layer.weight.detach().numpy()):
        T = vectors * chebyshev.chebval(values, np.eye(terms)[k]) @ vectors.T
        expected += np.einsum("mn,nbi,io->mbo", T, x.numpy(), W)
    np.testing.assert_allclose(layer(x).detach(), expected, atol=1e-4)


def test_eigenvalues_lie_between_minus_one_and_one():
    _, F = hemisphere(4)
    values = np.linalg.eigvalsh(scaled_laplacian(F, int(F.max()) + 1).toarray())
    np.testing.assert_allclose(values.min(), -1, atol=1e-12)
    assert values.max() <= 1


def chain(sizes: list[int]) -> list[Pooling]:
    """Poolings of these sizes without a mesh behind them: only their shapes matter."""
    import scipy.sparse as sp

    levels = []
    for n, k in pairwise(sizes):
        kept = np.arange(k)
        down = sp.csr_array((np.ones(k), (kept, kept)), shape=(k, n))
        F = np.stack([kept[:-2], kept[1:-1], kept[2:]], axis=1)
        levels.append(Pooling(kept, F, down, sp.csr_array(down.T)))
    return levels


def test_weights_are_as_many_as_published():
    """30,056 at 5,023 vertices (the published template's number) and code size 8."""
    sizes = [5023, *level_sizes(5023, 4, 4)]
    assert sizes == [5023, 1256, 314, 79, 20]
    strip = np.arange(5021)[:, None] + np.arange(3)
    network = MeshAutoencoder(
        strip, 5023, chain(sizes), code=8, rng=torch.Generator().manual_seed(0)
    )
    assert sum(weight.numel() for weight in network.parameters()) == 30_056


def test_a_network_learns_what_its_code_can_hold():
    """Displacements with two parameters, a code of two: the error falls to a fifth."""
    V, F = hemisphere(5)
    rng = torch.Generator().manual_seed(0)
    modes = torch.from_numpy(np.stack([V, V[:, [1, 2, 0]] - 0.5])).float()
    x = torch.einsum("bk,knc->bnc", torch.randn(32, 2, generator=rng), modes)
    levels = pooling_levels(V, F, [24, 8])
    network = MeshAutoencoder(F, len(V), levels, code=2, filters=(8, 8), terms=3, rng=rng)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(150):
        error = (network(x) - x).abs().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert error < x.abs().mean() / 5


def test_levels_must_fit_the_filters():
    with pytest.raises(ValueError, match="3 filter counts for 1 levels"):
        MeshAutoencoder(
            np.array([[0, 1, 2]]),
            6,
            chain([6, 4]),
            code=2,
            filters=(2, 2, 2),
            rng=torch.Generator(),
        )
