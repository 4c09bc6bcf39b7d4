import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import spsolve

import meshkit.flattening.harmonic
from meshkit.errors import SolveError
from meshkit.flattening.boundary import circle_boundary
from meshkit.flattening.harmonic import harmonic_uv
from meshkit.laplacian import cotangent_laplacian, mean_value_laplacian
from meshkit.operators.multigrid import Multigrid, conjugate_gradients
from meshkit.primitives import disk
from meshkit.topology import boundary_loop


def wavy(rings):
    V, F = disk(rings)
    return V + np.array([0, 0, 0.3]) * np.sin(5 * V[:, :1]), F


def system(rings):
    V, F = wavy(rings)
    inner = np.setdiff1d(np.arange(len(V)), boundary_loop(F))
    return cotangent_laplacian(V, F)[inner][:, inner]


class Counted:
    def __init__(self, A):
        self.cycle, self.calls = Multigrid(A), 0

    def __call__(self, rhs):
        self.calls += 1
        return self.cycle(rhs)


@pytest.mark.parametrize("rings", [15, 30, 120])  # 631, 2,611 and 42,841 unknowns
def test_few_iterations_whatever_the_size(rings):
    A = system(rings)
    rhs = np.random.default_rng(0).normal(size=A.shape[0])
    inverse = Counted(A)
    x = conjugate_gradients(A, rhs, inverse, rtol=1e-10)
    assert np.linalg.norm(A @ x - rhs) <= 2e-10 * np.linalg.norm(rhs)
    assert inverse.calls <= 30


def test_the_solution_is_the_direct_one():
    A = system(20)
    rhs = np.random.default_rng(1).normal(size=A.shape[0])
    x = conjugate_gradients(A, rhs, Multigrid(A), rtol=1e-12)
    assert_allclose(x, spsolve(A.tocsc(), rhs), rtol=0, atol=1e-9 * np.abs(x).max())


def test_the_cycle_is_symmetric_and_positive():
    A = system(40)
    cycle = Multigrid(A)
    u, v = np.random.default_rng(2).normal(size=(2, A.shape[0]))
    scale = np.sqrt((u @ cycle(u)) * (v @ cycle(v)))
    assert_allclose((u @ cycle(v)) / scale, (v @ cycle(u)) / scale, rtol=0, atol=1e-5)  # float32


def test_the_same_bits_every_time():
    A = system(25)
    rhs = np.ones(A.shape[0])
    assert_array_equal(Multigrid(A)(rhs), Multigrid(A)(rhs))


def test_what_it_refuses():
    with pytest.raises(SolveError, match="diagonal is not positive"):
        Multigrid(sp.csr_array(-system(15)))
    with pytest.raises(SolveError, match="no neighbours"):
        Multigrid(sp.csr_array(sp.eye_array(1000)))
    with pytest.raises(SolveError, match="coarsest matrix is singular"):
        Multigrid(sp.csr_array([[1.0, -1.0], [-1.0, 1.0]]))


def test_it_gives_up_where_it_does_not_converge():
    A = system(15)
    rhs = np.ones(A.shape[0])
    assert conjugate_gradients(A, rhs, Multigrid(A), rtol=1e-10, most=3) is None


@pytest.mark.parametrize("stretch", [1.0, 100.0])  # at 100 the iterations stall
@pytest.mark.parametrize("laplacian", [cotangent_laplacian, mean_value_laplacian])
def test_harmonic_maps_of_large_meshes_are_those_of_small_ones(monkeypatch, laplacian, stretch):
    V, F = wavy(100)
    V = V * [stretch, 1, 1]
    loop = boundary_loop(F)
    UV_loop = circle_boundary(V, loop)
    direct = harmonic_uv(V, F, loop, UV_loop, laplacian=laplacian)
    cycles = []
    plain = Multigrid.__call__
    monkeypatch.setattr(Multigrid, "__call__", lambda *args: cycles.append(0) or plain(*args))
    monkeypatch.setattr(meshkit.flattening.harmonic, "DIRECT_UP_TO", 10)
    UV = harmonic_uv(V, F, loop, UV_loop, laplacian=laplacian)
    assert_allclose(UV, direct, rtol=0, atol=1e-11)
    monkeypatch.setattr(meshkit.flattening.harmonic, "EXACT_UP_TO", 10)
    UV = harmonic_uv(V, F, loop, UV_loop, laplacian=laplacian)
    assert_allclose(UV, direct, rtol=0, atol=1e-7)
    assert bool(cycles) == (laplacian is cotangent_laplacian)
