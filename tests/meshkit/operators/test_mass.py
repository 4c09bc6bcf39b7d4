import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose

from meshkit.errors import MeshError
from meshkit.laplacian import lumped_mass
from meshkit.operators.mass import full_mass, voronoi_mass
from meshkit.primitives import grid
from tests import meshes


def test_voronoi_by_hand():
    """The right angle gets half of the face; an equilateral face is shared evenly."""
    assert_allclose(voronoi_mass(*meshes.RIGHT_TRIANGLE), [1 / 4, 1 / 8, 1 / 8], rtol=1e-15)
    V = np.array([[0, 0], [2, 0], [1, np.sqrt(3)]])
    assert_allclose(voronoi_mass(V, np.array([[0, 1, 2]])), np.sqrt(3) / 3, rtol=1e-14)


def test_voronoi_of_an_obtuse_angle():
    V = np.array([[0, 0, 0], [1, 0, 0], [-1, 0.5, 0]])
    assert_allclose(voronoi_mass(V, np.array([[0, 1, 2]])), [1 / 8, 1 / 16, 1 / 16], rtol=1e-15)


def test_voronoi_areas_are_those_of_the_nearest_points():
    """Count random points of an acute face by their nearest corner."""
    V = np.array([[0, 0], [1, 0], [0.4, 0.7]])
    rng = np.random.default_rng(0)
    u, v = np.sort(rng.uniform(size=(2, 200_000)), axis=0)
    points = np.stack([u, v - u, 1 - v], axis=1) @ V
    nearest = ((points[:, None] - V) ** 2).sum(axis=2).argmin(axis=1)
    expected = np.bincount(nearest) / len(points) * 0.35
    assert_allclose(voronoi_mass(V, np.array([[0, 1, 2]])), expected, rtol=0.02)


@given(meshes.disks())
def test_every_mass_sums_to_the_area(mesh):
    area = lumped_mass(*mesh).sum()
    assert_allclose([voronoi_mass(*mesh).sum(), full_mass(*mesh).sum()], area, rtol=1e-12)
    assert (voronoi_mass(*mesh) > 0).all()


@given(meshes.disks())
def test_the_full_mass_is_symmetric_positive_definite_and_lumps_to_thirds(mesh):
    M = full_mass(*mesh)
    np.testing.assert_array_equal(M.toarray(), M.toarray().T)
    assert np.linalg.eigvalsh(M.toarray())[0] > 0
    assert_allclose(M.sum(axis=1), lumped_mass(*mesh), rtol=1e-12)


def test_the_full_mass_integrates_squares_exactly():
    """The integral of x² over the unit square; lumped, it is too large."""
    V, F = grid(3, 4)
    x = V[:, 0]
    assert_allclose(x @ (full_mass(V, F) @ x), 1 / 3, rtol=1e-14)
    assert lumped_mass(V, F) @ x**2 > 1 / 3 + 1e-3


@pytest.mark.parametrize("turn", [-1e-9, 0, 1e-9])
def test_voronoi_areas_do_not_jump_at_the_right_angle(turn):
    """On both sides of it a half of the area is the corner's, a quarter the others'."""
    V = np.array([[0.0, 0, 0], [1, 0, 0], [turn, 1, 0]])
    assert_allclose(voronoi_mass(V, np.array([[0, 1, 2]])), [1 / 4, 1 / 8, 1 / 8], rtol=1e-8)


@pytest.mark.parametrize("h", [1e-9, 1e-100])
def test_the_thinnest_face_with_area_has_mass(h):
    V, F = np.array([[0.0, 0, 0], [1, 0, 0], [0.5, h, 0]]), np.array([[0, 1, 2]])
    assert_allclose(voronoi_mass(V, F), [h / 8, h / 8, h / 4], rtol=1e-12)
    assert_allclose(lumped_mass(V, F), h / 6, rtol=1e-12)


def test_a_face_without_area_adds_nothing():
    V = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0]])
    F = np.array([[0, 1, 2], [0, 2, 3]])
    assert_allclose(voronoi_mass(V, F), [1 / 4, 1 / 8, 1 / 8, 0], rtol=1e-15)


@pytest.mark.parametrize("function", [voronoi_mass, full_mass])
def test_malformed_meshes_are_refused(function):
    with pytest.raises(MeshError, match="V has 2 rows only"):
        function(meshes.RIGHT_TRIANGLE[0][:2], meshes.RIGHT_TRIANGLE[1])
