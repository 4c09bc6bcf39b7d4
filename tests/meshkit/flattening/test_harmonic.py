import numpy as np
from numpy.testing import assert_allclose

from meshkit.flattening.boundary import circle_boundary
from meshkit.flattening.harmonic import harmonic_uv
from meshkit.laplacian import laplacian_of_weights, uniform_laplacian
from meshkit.primitives import grid
from meshkit.topology import boundary_loop


def torn(V, F):
    """Uniform weights, but none across the line x = 0.4."""
    W = -uniform_laplacian(V, F).tocoo()
    left = V[:, 0] < 0.4
    W.data[left[W.row] != left[W.col]] = 0
    return laplacian_of_weights(W.tocsr())


def test_weights_of_zero_do_not_make_parts():
    V, F = grid(6, 6)
    loop = boundary_loop(F)
    UV = harmonic_uv(V, F, loop, circle_boundary(V, loop), laplacian=torn)
    inner = np.setdiff1d(np.arange(len(V)), loop)
    assert torn(V, F).nnz < uniform_laplacian(V, F).nnz
    assert_allclose((torn(V, F) @ UV)[inner], 0, atol=1e-13)
