"""The sparse operator against naive indexing, finite differences and itself."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from meshkit.laplacian import cotangent_laplacian
from meshkit.nn import GeometryMapping, LaplacianEnergy, SparseOperator
from meshkit.primitives import hemisphere
from meshkit.raster import UVRaster, rasterize_uv


@pytest.fixture(scope="module")
def mapped() -> tuple[np.ndarray, np.ndarray, UVRaster]:
    V, F = hemisphere(6)
    UV = 0.5 + 0.5 * V[:, :2]
    return V, F, rasterize_uv(UV, F, (9, 7))


def random_matrix(seed: int = 0) -> sp.csr_array:
    return sp.random_array((7, 5), density=0.5, rng=np.random.default_rng(seed), format="csr")


def test_mapping_equals_naive_indexing(mapped):
    V, F, raster = mapped
    layer = GeometryMapping(F, raster, len(V), dtype=torch.float64)
    batch = np.stack([V, 2 * V + 1])
    corners = F[raster.face_index]  # (H, W, 3)
    naive = np.einsum("hwk,bhwkc->bchw", raster.bary, batch[:, corners])
    naive[:, :, raster.face_index < 0] = 0
    image = layer(torch.from_numpy(batch))
    assert (raster.face_index < 0).any(), "the case of an empty texel must be in the test"
    np.testing.assert_allclose(image.numpy(), naive, atol=1e-14)


def test_gradient_equals_finite_differences(mapped):
    V, F, raster = mapped
    layer = GeometryMapping(F, raster, len(V), dtype=torch.float64)
    X = torch.from_numpy(V[None].copy()).requires_grad_(True)
    assert torch.autograd.gradcheck(layer, (X,))


def test_second_derivative_of_the_energy_is_twice_the_square_of_the_laplacian(mapped):
    V, F, _ = mapped
    energy = LaplacianEnergy(V, F, dtype=torch.float64)
    X = torch.from_numpy(V.copy()).requires_grad_(True)
    (grad,) = torch.autograd.grad(energy(X), X, create_graph=True)
    direction = torch.from_numpy(np.random.default_rng(0).normal(size=V.shape))
    (product,) = torch.autograd.grad((grad * direction).sum(), X)
    L = cotangent_laplacian(V, F)
    np.testing.assert_allclose(product.numpy(), 2 * (L.T @ (L @ direction.numpy())), atol=1e-10)


def test_energy_of_a_batch_is_per_member_and_ignores_translation(mapped):
    V, F, _ = mapped
    energy = LaplacianEnergy(V, F, dtype=torch.float64)
    batch = torch.from_numpy(np.stack([V, 3 * V, V * 0 + 5]))
    one, nine, none = energy(batch).tolist()
    assert one == pytest.approx(float(((cotangent_laplacian(V, F) @ V) ** 2).sum()), rel=1e-12)
    assert nine == pytest.approx(9 * one, rel=1e-12)
    assert abs(none) < 1e-20


@pytest.mark.parametrize("shape", [(5,), (5, 4), (5, 0), (3, 5, 2)])
def test_every_layout_is_the_same_product(shape):
    A = random_matrix()
    X = np.random.default_rng(1).normal(size=shape)
    expected = A @ X if X.ndim < 3 else np.stack([A @ x for x in X])
    Y = SparseOperator(A, dtype=torch.float64)(torch.from_numpy(X))
    np.testing.assert_allclose(Y.numpy(), expected, atol=1e-14)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_signals_of_half_precision_are_added_in_that_of_the_values(kind):
    layer, X = SparseOperator(random_matrix()), torch.randn(5, 3).to(kind).requires_grad_()
    Y = layer(X)
    torch.testing.assert_close(Y, layer(X.detach().float()), rtol=0, atol=0)
    assert torch.autograd.grad(Y.sum(), X)[0].dtype == kind


def test_rows_without_entries_are_zero():
    for shape in ((3, 4), (0, 4), (4, 0)):
        Y = SparseOperator(sp.csr_array(shape))(torch.ones(shape[1], 2))
        torch.testing.assert_close(Y, torch.zeros(shape[0], 2), rtol=0, atol=0)


def test_wrong_number_of_vertices_is_refused():
    with pytest.raises(ValueError, match=r"expected \(5,\), \(5, k\) or \(B, 5, c\), got \(4, 2\)"):
        SparseOperator(random_matrix())(torch.zeros(4, 2))


def test_value_that_is_not_finite_is_refused():
    A = sp.csr_array(np.array([[1.0, 0.0], [0.0, np.nan]]))
    with pytest.raises(ValueError, match="not finite in row 1"):
        SparseOperator(A)


def test_three_dimensions_are_refused():
    with pytest.raises(ValueError, match="two dimensions"):
        SparseOperator(sp.coo_array(np.ones((2, 2, 2))))


A = random_matrix()
WIDER = sp.csr_array((A.data, A.indices, A.indptr), shape=(7, 6))  # only its transpose differs


@pytest.mark.parametrize(
    "other", [random_matrix(1), A[:, ::-1], A[::-1], A * 1.001, A[:6], WIDER, A * 0]
)
def test_state_of_another_matrix_is_refused(other):
    ours = SparseOperator(A)
    ours.load_state_dict(SparseOperator(A, dtype=torch.float64).state_dict())
    with pytest.raises(ValueError, match="belongs to another matrix"):
        ours.load_state_dict(SparseOperator(other).state_dict())
    np.testing.assert_array_equal(ours.matrix().toarray(), A.toarray().astype(np.float32))


@pytest.mark.parametrize("name", ["crow", "col", "values", "crow_T", "col_T", "values_T"])
def test_one_wrong_number_in_a_state_is_refused(name):
    ours = SparseOperator(A)
    state = {key: value.clone() for key, value in ours.state_dict().items()}
    state[name][-1] += 1
    with pytest.raises(ValueError, match=f"{name} belongs to another matrix"):
        ours.load_state_dict(state)
    del state[name]
    with pytest.raises(RuntimeError, match=f'Missing key.*"{name}"'):
        ours.load_state_dict(state)


def test_matrix_survives_the_round_trip():
    A = random_matrix()
    np.testing.assert_array_equal(
        SparseOperator(A, dtype=torch.float64).matrix().toarray(), A.toarray()
    )


def test_forward_and_backward_are_the_same_bits_twice(mapped):
    V, F, raster = mapped
    layer = GeometryMapping(F, raster, len(V))
    X = torch.randn(16, len(V), 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    runs = []
    for _ in range(2):
        image = layer(X)
        (grad,) = torch.autograd.grad(image.square().sum(), X)
        runs.append((image.detach(), grad))
    torch.testing.assert_close(runs[0], runs[1], rtol=0, atol=0)
