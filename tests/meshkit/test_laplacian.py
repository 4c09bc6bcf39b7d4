import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import spsolve
from scipy.spatial.transform import Rotation

from meshkit import laplacian as module
from meshkit.errors import DegenerateFaceError, MeshError
from meshkit.laplacian import (
    cotangent_laplacian,
    lumped_mass,
    mean_value_laplacian,
    uniform_laplacian,
)
from meshkit.nn import CotangentLaplacian
from meshkit.operators.differential import divergence, gradient
from meshkit.operators.laplacian_batch import CotangentStructure
from meshkit.primitives import grid
from meshkit.topology import boundary_loop, edges
from tests import meshes

ALL = [cotangent_laplacian, mean_value_laplacian, uniform_laplacian]


def inner(mesh: meshes.Arrays) -> np.ndarray:
    return np.setdiff1d(np.arange(len(mesh[0])), boundary_loop(mesh[1]))


def test_cotangent_right_triangle():
    L = cotangent_laplacian(*meshes.RIGHT_TRIANGLE).toarray()
    assert_allclose(L, [[1, -0.5, -0.5], [-0.5, 0.5, 0], [-0.5, 0, 0.5]], atol=1e-15)


def test_mean_value_right_triangle():
    """Tangents of half angles: tan 45° = 1 at the right angle, tan 22.5° at the others."""
    t = np.sqrt(2) - 1
    d = t / np.sqrt(2)
    expected = [[2, -1, -1], [-t, t + d, -d], [-t, -d, t + d]]
    L = mean_value_laplacian(*meshes.RIGHT_TRIANGLE).toarray()
    assert_allclose(L, expected, atol=1e-15)


def test_mean_value_of_an_obtuse_angle():
    """120° between unit edges: tan 60° on both."""
    V = np.array([[0, 0, 0], [1, 0, 0], [-0.5, np.sqrt(0.75), 0]])
    L = mean_value_laplacian(V, np.array([[0, 1, 2]])).toarray()
    assert_allclose(L[0], [2 * np.sqrt(3), -np.sqrt(3), -np.sqrt(3)], rtol=1e-14)


def test_uniform_counts_neighbours():
    V, F = meshes.bumpy()
    L = uniform_laplacian(V, F)
    E = edges(F)
    expected = np.zeros(L.shape)
    np.add.at(expected, (E[:, 0], E[:, 0]), 1)
    np.add.at(expected, (E[:, 1], E[:, 1]), 1)
    expected[E[:, 0], E[:, 1]] = expected[E[:, 1], E[:, 0]] = -1
    np.testing.assert_array_equal(L.toarray(), expected)


@pytest.mark.parametrize("laplacian", ALL)
@given(mesh=meshes.disks())
def test_rows_sum_to_zero_and_off_diagonals_are_edges(laplacian, mesh):
    L = laplacian(*mesh)
    scale = np.abs(L).sum(axis=1).max()
    assert_allclose(L @ np.ones(L.shape[0]), 0, atol=1e-13 * scale)
    i, j = L.nonzero()
    pairs = {(a, b) for a, b in zip(i.tolist(), j.tolist(), strict=True) if a < b}
    assert pairs <= set(map(tuple, edges(mesh[1]).tolist()))


@pytest.mark.parametrize("laplacian", [cotangent_laplacian, mean_value_laplacian])
@given(mesh=meshes.disks())
def test_linear_functions_of_the_plane_are_harmonic_inside(laplacian, mesh):
    """The law that makes flat meshes map to themselves; a wrong angle or length breaks it."""
    P = mesh[0] * [1, 1, 0]
    L = laplacian(P, mesh[1])
    scale = np.abs(L).sum(axis=1).max()
    assert_allclose((L @ P)[inner(mesh)], 0, atol=1e-12 * scale)
    in_2d = laplacian(np.ascontiguousarray(P[:, :2]), mesh[1])
    assert_allclose(in_2d.toarray(), L.toarray(), atol=1e-12 * scale)


@pytest.mark.parametrize(
    ("laplacian", "power"), [(cotangent_laplacian, 0), (mean_value_laplacian, -1)]
)
@given(seed=meshes.seeds(), scale=st.sampled_from([1e-3, 0.5, 1e4]))
def test_motions_change_nothing_and_scale_by_a_power(laplacian, power, seed, scale):
    V, F = meshes.bumpy(6)
    rng = np.random.default_rng(seed)
    moved = scale * (V @ Rotation.random(rng=rng).as_matrix().T + rng.normal(size=3))
    expected = laplacian(V, F).toarray() * scale**power
    assert_allclose(laplacian(moved, F).toarray(), expected, atol=1e-11 * np.abs(expected).max())


@given(meshes.disks())
def test_cotangent_laplacian_is_symmetric_and_positive_semidefinite(mesh):
    L = cotangent_laplacian(*mesh).toarray()
    np.testing.assert_array_equal(L, L.T)
    values = np.linalg.eigvalsh(L)
    assert values[0] >= -1e-12 * values[-1]


@given(meshes.disks())
def test_mean_value_weights_are_positive(mesh):
    L = mean_value_laplacian(*mesh)
    assert (L.diagonal() > 0).all()
    assert (L.toarray()[~np.eye(len(mesh[0]), dtype=bool)] <= 0).all()
    assert L.nnz == len(mesh[0]) + 2 * len(edges(mesh[1]))


def test_the_energy_of_a_linear_function_is_the_area_times_its_slope_squared():
    V, F = grid(7, 5)
    u = 3 * V[:, 0] - 4 * V[:, 1]
    assert_allclose(u @ (cotangent_laplacian(V, F) @ u), 25, rtol=1e-14)


def test_mass_by_hand_and_in_2d():
    V, F = grid(1, 1)  # diagonal from 0 to 3
    expected = [1 / 3, 1 / 6, 1 / 6, 1 / 3]
    assert_allclose(lumped_mass(V, F), expected, rtol=1e-15)
    assert_allclose(lumped_mass(V[:, :2].copy(), F), expected, rtol=1e-15)


def test_mass_of_an_unused_vertex_is_zero():
    V, F = meshes.RIGHT_TRIANGLE
    mass = lumped_mass(np.concatenate([V, V]), F)
    assert_allclose(mass, [1 / 6, 1 / 6, 1 / 6, 0, 0, 0])


def test_poisson_error_falls_with_the_square_of_the_edge_length():
    """Solve -Δu = 2 π² u for u = sin πx sin πy on the unit square, zero on its border."""
    errors = []
    for n in (8, 16, 32):
        V, F = grid(n, n)
        L, mass = cotangent_laplacian(V, F), lumped_mass(V, F)
        exact = np.sin(np.pi * V[:, 0]) * np.sin(np.pi * V[:, 1])
        free = inner((V, F))
        u = np.zeros(len(V))
        u[free] = spsolve(L[free][:, free].tocsc(), (2 * np.pi**2 * mass * exact)[free])
        errors.append(np.sqrt(mass @ (u - exact) ** 2))
    slope = np.log2(np.array(errors[:-1]) / errors[1:])
    assert_allclose(slope, 2, atol=0.1)


@pytest.mark.parametrize("laplacian", [cotangent_laplacian, mean_value_laplacian])
def test_a_face_without_area_is_named(laplacian):
    V, F = grid(2, 2)
    V[4] = V[2] / 4 + V[8] * 3 / 4  # the middle vertex on the right side
    flat = np.flatnonzero(np.isin(F, [2, 4, 5, 8]).all(axis=1))
    message = rf"face {flat[0]} = .* has no area \(2 such faces\).* uniform"
    with pytest.raises(DegenerateFaceError, match=message):
        laplacian(V, F)


def batch_laplacian(V: np.ndarray, F: np.ndarray) -> np.ndarray:
    structure = CotangentStructure(F, len(V))
    return structure.matrix(structure.values(V[None])[0]).toarray()


def torch_laplacian(V: np.ndarray, F: np.ndarray) -> np.ndarray:
    layer = CotangentLaplacian(F, len(V), dtype=torch.float64)
    return layer(torch.from_numpy(V[None]), torch.eye(len(V), dtype=torch.float64)[None])[0].numpy()


@pytest.mark.parametrize(
    "function",
    [
        lambda V, F: cotangent_laplacian(V, F).toarray(),
        lambda V, F: -(divergence(V, F) @ gradient(V, F)).toarray(),
        batch_laplacian,
        torch_laplacian,
    ],
    ids=["laplacian", "gradient", "batch", "torch"],
)
def test_angles_end_where_twice_the_area_is_1e_12_of_the_longest_edge_squared(function):
    """Just above, cotangents are exact: 1 / (2 h) at the ends, -1 / (4 h) at the tip."""
    F = np.array([[0, 1, 2]])
    for size in (1.0, 2.0**20):
        for h in (1.001e-12, 3e-12, 5e-12):
            V = size * np.array([[0, 0, 0], [1, 0, 0], [0.5, h, 0]])
            expected = np.array([[1, 1, -2], [1, 1, -2], [-2, -2, 4]]) / (8 * h)
            assert_allclose(function(V, F), expected, rtol=1e-9)
        V = size * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.999e-12, 0]])
        with pytest.raises(DegenerateFaceError, match="face 0"):
            function(V, F)


def test_uniform_weights_need_no_area():
    V, F = grid(2, 2)
    np.testing.assert_array_equal(
        uniform_laplacian(V * 0, F).toarray(), uniform_laplacian(V, F).toarray()
    )


@pytest.mark.parametrize("function", [*ALL, lumped_mass])
def test_malformed_meshes_are_refused(function):
    V, F = meshes.RIGHT_TRIANGLE
    with pytest.raises(MeshError, match=r"vertex 0 .* is not finite"):
        function(np.where([[True], [False], [False]], np.nan, V), F)
    with pytest.raises(MeshError, match="V has 2 rows only"):
        function(V[:2], F)


def test_parts_of_the_faces_change_nothing(monkeypatch):
    V, F = grid(3, 3)
    whole = cotangent_laplacian(V, F).toarray()
    monkeypatch.setattr(module, "FACES", 7)
    assert_array_equal(cotangent_laplacian(V, F).toarray(), whole)
    with pytest.raises(DegenerateFaceError, match=rf"face {len(F)} = \[0, 1, 2\] has no area"):
        cotangent_laplacian(V, np.vstack([F, [[0, 1, 2]]]))
