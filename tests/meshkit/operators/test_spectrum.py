import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
from numpy.testing import assert_allclose

import meshkit.operators.spectrum
from meshkit.errors import MeshError, SolveError
from meshkit.laplacian import cotangent_laplacian, lumped_mass, mean_value_laplacian
from meshkit.operators.mass import full_mass
from meshkit.operators.spectrum import eigenpairs
from meshkit.primitives import grid
from tests import meshes


@pytest.fixture(scope="module")
def bumpy() -> tuple[sp.csr_array, np.ndarray]:
    V, F = meshes.bumpy()
    return cotangent_laplacian(V, F), lumped_mass(V, F)


@pytest.mark.parametrize("full", [False, True])
def test_it_finds_what_a_dense_solver_finds(full):
    V, F = meshes.bumpy()
    L = cotangent_laplacian(V, F)
    mass = full_mass(V, F) if full else lumped_mass(V, F)
    M = mass.toarray() if full else np.diag(mass)
    assert len(V) > meshkit.operators.spectrum.DENSE, "the iteration must be in the test"
    values, vectors = eigenpairs(L, mass, 12)
    expected, X = scipy.linalg.eigh(L.toarray(), M)
    assert_allclose(values, expected[:12], atol=1e-9)
    assert_allclose(vectors.T @ M @ vectors, np.eye(12), atol=1e-10)
    assert_allclose(np.abs(np.sum(vectors * (M @ X[:, :12]), axis=0)), 1, atol=1e-8)


def test_the_square_converges_with_the_square_of_the_edge_length():
    """Free membrane on the unit square: π² (i² + j²)."""
    exact = np.pi**2 * np.array([1, 1, 2, 4, 4, 5, 5])
    errors = []
    for n in (8, 16, 32):
        V, F = grid(n, n)
        values = eigenpairs(cotangent_laplacian(V, F), lumped_mass(V, F), 8).values
        errors.append(np.abs(values[1:] / exact - 1).max())
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.1)


def test_every_part_has_its_zero():
    V, F = meshes.bumpy(8)
    n = len(V)
    V, F = (
        np.concatenate([V + 3 * k for k in range(3)]),
        np.concatenate([F + n * k for k in range(3)]),
    )
    values, vectors = eigenpairs(cotangent_laplacian(V, F), lumped_mass(V, F), 6)
    assert_allclose(values[:3], 0, atol=1e-10)
    assert_allclose(values[3:], values[3], rtol=1e-9)  # the first mode of three equal parts
    assert values[3] > 0.5
    assert ((vectors != 0).sum(axis=0) <= n).all()  # each lives on one part


def test_signs_are_fixed_and_runs_agree(bumpy):
    first, again = (eigenpairs(*bumpy, 9) for _ in range(2))
    np.testing.assert_array_equal(first.vectors, again.vectors)
    size = np.abs(first.vectors)
    leading = (size >= size.max(axis=0) / 2).argmax(axis=0)
    assert (first.vectors[leading, np.arange(9)] > 0).all()


def test_eigenvalues_scale_with_the_inverse_square_of_length():
    V, F = meshes.bumpy(5)
    small, large = (
        eigenpairs(cotangent_laplacian(X, F), lumped_mass(X, F), 5).values for X in (V, 10 * V)
    )
    assert_allclose(large, small / 100, atol=1e-12)


def test_all_eigenpairs_of_a_small_mesh():
    V, F = meshes.TETRAHEDRON
    L, mass = cotangent_laplacian(V, F), lumped_mass(V, F)
    values, X = eigenpairs(L, mass, 4)
    assert_allclose((mass[:, None] * X * values) @ (X.T * mass), L.toarray(), atol=1e-14)


def test_an_overlooked_eigenvalue_is_noticed(bumpy, monkeypatch):
    """Drop one copy: what Lanczos iteration does to repeated eigenvalues when it is unlucky."""
    eigsh = meshkit.operators.spectrum.eigsh

    def forgetful(L, k, *args, **kwargs):
        values, X = eigsh(L, k + 1, *args, **kwargs)
        return np.delete(values, 3), np.delete(X, 3, axis=1)

    monkeypatch.setattr(meshkit.operators.spectrum, "eigsh", forgetful)
    with pytest.raises(SolveError, match=r"eigenvalues found where there are .* overlooked"):
        eigenpairs(*bumpy, 8)


def test_an_iteration_that_does_not_converge_is_refused(bumpy, monkeypatch):
    def stuck(*args, **kwargs):
        raise meshkit.operators.spectrum.ArpackNoConvergence("", np.zeros(2), np.zeros((3, 2)))

    monkeypatch.setattr(meshkit.operators.spectrum, "eigsh", stuck)
    with pytest.raises(SolveError, match="2 of 4 converged"):
        eigenpairs(*bumpy, 4)


def test_a_residual_above_the_tolerance_is_refused(bumpy):
    with pytest.raises(SolveError, match=r"eigenpair \d: relative residual .* > rtol 0"):
        eigenpairs(*bumpy, 4, rtol=0.0)


def test_wrong_arguments_are_refused(bumpy):
    L, mass = bumpy
    for k in (0, len(mass) + 1):
        with pytest.raises(ValueError, match="k must be from 1"):
            eigenpairs(L, mass, k)
    with pytest.raises(ValueError, match="one square shape"):
        eigenpairs(L, mass[1:], 2)
    with pytest.raises(ValueError, match="not symmetric"):
        eigenpairs(mean_value_laplacian(*meshes.bumpy()), mass, 2)
    with pytest.raises(MeshError, match="vertex 5 has no mass"):
        eigenpairs(L, np.where(np.arange(len(mass)) == 5, 0, mass), 2)
