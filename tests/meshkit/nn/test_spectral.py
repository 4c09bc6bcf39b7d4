"""Smoothing, spectral truncation and Laplacians of changing meshes, in torch."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
import torch
from numpy.testing import assert_allclose

from meshkit.errors import DegenerateFaceError, MeshError
from meshkit.laplacian import cotangent_laplacian, lumped_mass
from meshkit.nn import CotangentLaplacian, Smoothing, SpectralTruncation
from meshkit.operators.intrinsic import delaunay_laplacian
from meshkit.operators.mass import full_mass
from meshkit.operators.spectrum import eigenpairs
from tests import meshes

DOUBLE = torch.float64


@pytest.fixture(scope="module")
def bumpy() -> dict[str, np.ndarray]:
    V, F = meshes.bumpy(6)
    return {"V": V, "F": F, "L": delaunay_laplacian(V, F), "mass": lumped_mass(V, F)}


def test_smoothing_converges_to_the_heat_flow(bumpy):
    """The error of explicit steps halves as their number doubles."""
    L, mass, V = bumpy["L"], bumpy["mass"], bumpy["V"]
    exact = scipy.linalg.expm(-0.05 * L.toarray() / mass[:, None]) @ V
    errors = []
    for steps in (64, 128, 256):
        layer = Smoothing(L, mass, time=0.05, steps=steps, dtype=DOUBLE)
        errors.append(np.abs(layer(torch.tensor(V)).numpy() - exact).max())
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 1, atol=0.1)


def test_smoothing_by_hand():
    """1 - step L / mass is ((1/2, 1/2), (1, 0)) for the fewest steps, two: 4 is the largest sum."""
    L, mass = np.array([[1.0, -1], [-1, 1]]), np.array([1.0, 0.5])
    layer = Smoothing(sp.csr_array(L), mass, time=1.0, dtype=DOUBLE)
    assert layer.steps == 2
    assert_allclose(layer(torch.eye(2, dtype=DOUBLE)).numpy(), [[3 / 4, 1 / 4], [1 / 2, 1 / 2]])
    for time, steps in ((0.5, 1), (0.5 * (1 + 1e-9), 2), (1.5, 3), (1e-9, 1)):
        assert Smoothing(sp.csr_array(L), mass, time=time).steps == steps
    slow = Smoothing(sp.csr_array(L), mass, time=1.0, steps=4, dtype=DOUBLE)
    quarter = np.eye(2) - L / mass[:, None] / 4
    X = torch.tensor([2.0, -1.0], dtype=DOUBLE)
    assert_allclose(slow(X).numpy(), np.linalg.matrix_power(quarter, 4) @ X.numpy(), rtol=1e-14)


def test_smoothing_damps_each_mode_by_its_power(bumpy):
    values, modes = eigenpairs(bumpy["L"], bumpy["mass"], 9)
    layer = Smoothing(bumpy["L"], bumpy["mass"], time=0.05, steps=40, dtype=DOUBLE)
    expected = modes * (1 - 0.05 / 40 * values) ** 40
    assert_allclose(layer(torch.tensor(modes)).numpy(), expected, atol=1e-12)


def test_smoothing_keeps_the_mean_and_the_range(bumpy):
    L, mass = bumpy["L"], bumpy["mass"]
    layer = Smoothing(L, mass, time=0.3, dtype=DOUBLE)
    X = torch.randn(len(mass), 4, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    Y = layer(X)
    assert_allclose(mass @ Y.numpy(), mass @ X.numpy(), atol=1e-12)
    assert (Y.amax(0) <= X.amax(0)).all()
    assert (Y.amin(0) >= X.amin(0)).all()
    assert Y.std() < X.std() / 4
    torch.testing.assert_close(layer(X.T.reshape(2, 2, -1).mT), Y.T.reshape(2, 2, -1).mT)


def test_too_few_steps_are_refused(bumpy):
    L, mass = bumpy["L"], bumpy["mass"]
    least = Smoothing(L, mass, time=1.0).steps
    assert least > 1
    with pytest.raises(ValueError, match=f"unstable for time 1: take {least} or more"):
        Smoothing(L, mass, time=1.0, steps=least - 1)
    with pytest.raises(ValueError, match="time must be positive"):
        Smoothing(L, mass, time=0.0)
    with pytest.raises(ValueError, match="does not fit the mass"):
        Smoothing(L, mass[1:], time=1.0)
    with pytest.raises(MeshError, match="vertex 0 has no mass"):
        Smoothing(L, np.where(np.arange(len(mass)) > 0, mass, 0), time=1.0)


@pytest.mark.parametrize("full", [False, True])
def test_truncation_is_the_nearest_signal_in_the_span(bumpy, full):
    """The rest is orthogonal to the basis; twice is once; all modes change nothing."""
    mass = full_mass(bumpy["V"], bumpy["F"]) if full else bumpy["mass"]
    M = mass.toarray() if full else np.diag(mass)
    basis = eigenpairs(bumpy["L"], mass, 12).vectors
    layer = SpectralTruncation(basis, mass, dtype=DOUBLE)
    X = torch.tensor(bumpy["V"][None]) ** 2
    Y = layer(X)
    assert_allclose(basis.T @ M @ (X - Y)[0].numpy(), 0, atol=1e-12)
    torch.testing.assert_close(layer(Y), Y)
    assert (X - Y).abs().max() > 1e-2
    torch.testing.assert_close(layer.decode(layer.encode(X)), Y)
    whole = SpectralTruncation(eigenpairs(bumpy["L"], mass, len(basis)).vectors, mass, dtype=DOUBLE)
    torch.testing.assert_close(whole(X), X)


def test_an_exponential_response_is_heat_flow(bumpy):
    L, mass, V = bumpy["L"], bumpy["mass"], bumpy["V"]
    values, basis = eigenpairs(L, mass, len(mass))
    layer = SpectralTruncation(basis, mass, response=np.exp(-0.1 * values), dtype=DOUBLE)
    exact = scipy.linalg.expm(-0.1 * L.toarray() / mass[:, None]) @ V
    assert_allclose(layer(torch.tensor(V)).numpy(), exact, atol=1e-11)


def test_a_wrong_basis_is_refused(bumpy):
    mass = bumpy["mass"]
    basis = eigenpairs(bumpy["L"], mass, 3).vectors
    with pytest.raises(ValueError, match="not orthonormal"):
        SpectralTruncation(2 * basis, mass)
    with pytest.raises(ValueError, match="does not fit a mass"):
        SpectralTruncation(basis, mass[1:])
    with pytest.raises(ValueError, match="2 responses for 3 modes"):
        SpectralTruncation(basis, mass, response=np.ones(2))


def test_batched_laplacians_equal_one_by_one(bumpy):
    V, F = bumpy["V"], bumpy["F"]
    batch = torch.tensor(np.stack([V, V * [1, 2, 0.3], V + V[:, ::-1] ** 2]))
    X = torch.randn(3, len(V), 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    layer = CotangentLaplacian(F, len(V), dtype=DOUBLE)
    values, product = layer.values(batch), layer(batch, X)
    for b in range(3):
        L = cotangent_laplacian(batch[b].numpy(), F)
        assert_allclose(layer.matrix(values[b]).to_dense().numpy(), L.toarray(), atol=1e-12)
        assert_allclose(product[b].numpy(), L @ X[b].numpy(), atol=1e-12)


def test_gradients_in_positions_and_signals_equal_finite_differences():
    V, F = meshes.bumpy(2)
    layer = CotangentLaplacian(F, len(V), dtype=DOUBLE)
    rng = np.random.default_rng(0)
    batch = torch.tensor(np.stack([V, V * [1, 0.5, 2]]), requires_grad=True)
    X = torch.tensor(rng.normal(size=(2, len(V), 2)), requires_grad=True)
    assert torch.autograd.gradcheck(layer, (batch, X))
    assert torch.autograd.gradcheck(layer.values, (batch,))
    assert torch.autograd.gradgradcheck(lambda v: layer(v, v).square().sum(), (batch[:1],))


def test_the_gradient_of_the_area_is_the_laplacian_of_the_positions(bumpy):
    """d area / dV = L V (Pinkall, Polthier): the Dirichlet energy of the positions is the area."""
    V, F = bumpy["V"], bumpy["F"]
    layer = CotangentLaplacian(F, len(V), dtype=DOUBLE)
    batch = torch.tensor(V[None], requires_grad=True)
    area = (layer(batch, batch) * batch).sum() / 2
    assert area.item() == pytest.approx(bumpy["mass"].sum(), rel=1e-12)
    (grad,) = torch.autograd.grad(area, batch)
    torch.testing.assert_close(grad[0], layer(batch, batch)[0])


def test_a_flat_face_in_a_batch_is_named(bumpy):
    V, F = bumpy["V"], bumpy["F"]
    batch = torch.tensor(np.stack([V, V]))
    batch[1, F[4, 0]] = batch[1, F[4, 1]]
    with pytest.raises(DegenerateFaceError, match=r"mesh 1, face \d+ has no area"):
        CotangentLaplacian(F, len(V), dtype=DOUBLE)(batch, batch)


def test_cuda_equals_cpu(bumpy, cuda):
    V, F = bumpy["V"], bumpy["F"]
    batch = torch.tensor(np.stack([V, 2 * V]))
    layer = CotangentLaplacian(F, len(V), dtype=DOUBLE)
    expected = layer(batch, batch)
    result = layer.to(cuda)(batch.to(cuda), batch.to(cuda))
    torch.testing.assert_close(result.cpu(), expected)
