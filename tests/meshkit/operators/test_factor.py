import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from meshkit.errors import SolveError
from meshkit.laplacian import cotangent_laplacian
from meshkit.operators.factor import Factorization
from tests import meshes


def test_pivots_count_negative_eigenvalues():
    L = cotangent_laplacian(*meshes.bumpy(6))
    values = np.linalg.eigvalsh(L.toarray())
    for k in (1, 5, 40):
        shift = values[k - 1 : k + 1].mean()
        shifted = sp.csr_array(L - shift * sp.eye_array(L.shape[0]))
        assert (Factorization(shifted, "test").pivots() < 0).sum() == k


def test_many_right_hand_sides():
    A = sp.csr_array(np.array([[2.0, 1], [1, 3]]))
    solver = Factorization(A, "test")
    assert_allclose(solver.solve(np.array([[5.0, 2], [10, 1]])), [[1, 1], [3, 0]], atol=1e-15)
    assert_allclose(solver.solve(np.zeros(2)), 0)


def test_a_singular_system_is_named():
    with pytest.raises(SolveError, match="test: the system of 2 unknowns is singular"):
        Factorization(sp.csr_array(np.array([[1.0, 1], [1, 1]])), "test")


def test_a_large_residual_is_refused():
    nearly = sp.csr_array(np.array([[1.0, 1], [1, 1 + 2e-16]]))
    with pytest.raises(SolveError, match=r"test: relative residual .* > rtol"):
        Factorization(nearly, "test", rtol=1e-30).solve(np.array([0.1, 0.7]))
