import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from meshkit.errors import DegenerateFaceError
from meshkit.laplacian import cotangent_laplacian, lumped_mass
from meshkit.operators.differential import divergence, gradient
from meshkit.primitives import grid
from meshkit.topology import boundary_loop
from tests import meshes


def test_gradient_by_hand():
    """On the right triangle the hat functions are 1 - x - y, x and y."""
    G = gradient(*meshes.RIGHT_TRIANGLE).toarray()
    assert_allclose(G, [[-1, 1, 0], [-1, 0, 1], [0, 0, 0]], atol=1e-15)


@given(meshes.disks(), st.booleans())
def test_minus_divergence_of_the_gradient_is_the_cotangent_laplacian(mesh, flat):
    V, F = mesh
    V = V[:, :2] if flat else V
    L = cotangent_laplacian(V, F).toarray()
    product = -(divergence(V, F) @ gradient(V, F)).toarray()
    assert_allclose(product, L, atol=1e-12 * np.abs(L).max())


@given(meshes.disks())
def test_the_gradient_of_position_is_the_tangential_part(mesh):
    """Of a linear function a · x it is a less its part along the normal, in every face."""
    V, F = mesh
    a = np.array([0.3, -1, 2])
    slope = (gradient(V, F) @ (V @ a)).reshape(3, -1).T
    p, q, r = V[F].swapaxes(0, 1)
    N = np.cross(q - p, r - p)
    N /= np.linalg.norm(N, axis=1, keepdims=True)
    expected = a - (N @ a)[:, None] * N
    longest = max(np.abs(gradient(V, F)).max(), 1)
    assert_allclose(slope, expected, atol=1e-13 * longest)


def test_a_clockwise_face_in_the_plane_has_the_same_gradient():
    V, F = grid(3, 2)
    for X in (V, V[:, :2].copy()):
        slope = (gradient(X, F[:, ::-1].copy()) @ V[:, 0]).reshape(X.shape[1], -1)
        assert_allclose(slope, np.outer(np.eye(3)[0, : X.shape[1]], np.ones(len(F))), atol=1e-14)


def test_the_divergence_of_position_is_twice_the_area_inside():
    """div (x, y) = 2, integrated against the hat functions; a constant field has none."""
    V, F = meshes.planar_grid(np.random.default_rng(1), 60)
    V = V[:, :2].copy()
    centre = V[F].mean(axis=1)
    inner = np.setdiff1d(np.arange(len(V)), boundary_loop(F))
    D = divergence(V, F)
    assert_allclose((D @ np.ones(2 * len(F)))[inner], 0, atol=1e-14)
    # The field is constant in a face, which blurs it: exact on a regular grid only.
    V, F = grid(8, 8)
    V = V[:, :2].copy()
    centre = V[F].mean(axis=1)
    inner = np.setdiff1d(np.arange(len(V)), boundary_loop(F))
    result = divergence(V, F) @ centre.T.ravel()
    assert_allclose(result[inner].sum(), 2 * lumped_mass(V, F)[inner].sum(), rtol=1e-12)


def test_gradient_scales_inversely_and_divergence_with_length():
    V, F = meshes.bumpy(4)
    assert_allclose(gradient(5 * V, F).toarray(), gradient(V, F).toarray() / 5, atol=1e-12)
    assert_allclose(divergence(5 * V, F).toarray(), divergence(V, F).toarray() * 5, atol=1e-12)


@pytest.mark.parametrize("function", [gradient, divergence])
def test_a_face_without_area_is_named(function):
    V, F = grid(2, 2)
    V[4] = V[1] / 2 + V[2] / 2
    with pytest.raises(DegenerateFaceError, match=r"face \d = .* has no area"):
        function(V, F)
