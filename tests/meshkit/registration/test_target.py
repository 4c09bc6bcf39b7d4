import igl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from meshkit.errors import MeshError
from meshkit.primitives import disk, grid, hemisphere
from meshkit.registration.matching import border_vertices
from meshkit.registration.target import Target, barycentric
from tests import meshes


@given(meshes.disks(), meshes.seeds())
def test_closest_points_are_libigls(mesh, seed):
    V, F = mesh
    P = np.random.default_rng(seed).normal(size=(7, 3))
    found = Target(V, F).closest(P)
    square, _, _ = igl.point_mesh_squared_distance(P, V, F)
    assert_allclose(found.distance, np.sqrt(square), atol=1e-9)
    assert_allclose(np.linalg.norm(P - found.point, axis=1), found.distance, atol=1e-9)


def test_beside_the_surface_is_on_the_border_and_above_it_is_not():
    """By hand, on the unit square: inside, beyond an edge, beyond a corner, above a vertex."""
    V, F = grid(4, 4)
    P = np.array([[0.3, 0.4, 1], [1.5, 0.3, 0.2], [-1, -1, 0], [0.5, 0.5, 0.1], [0.25, 0.4, 0.1]])
    found = Target(V, F).closest(P)
    np.testing.assert_array_equal(found.on_border, [False, True, True, False, False])
    assert_allclose(found.normal, np.tile([0, 0, 1], (5, 1)), atol=1e-12)
    assert_allclose(found.point[1], [1, 0.3, 0], atol=1e-12)


def test_beyond_every_border_vertex_is_on_the_border():
    """Also where the face that is found touches the border in that vertex alone."""
    V, F = disk(5)
    rim = np.flatnonzero(border_vertices(F, len(V)))
    assert Target(V, F).closest(1.5 * V[rim]).on_border.all()


def test_a_cloud_knows_its_plane_and_its_border():
    V, _ = grid(20, 20)
    P = np.array([[0.31, 0.42, 0.5], [1.4, 0.3, 0.02], [0.5, 0.5, -0.2]])
    found = Target(V).closest(P)
    np.testing.assert_array_equal(found.on_border, [False, True, False])
    assert_allclose(np.abs(found.normal[:, 2]), 1, atol=1e-12)
    nearest = np.linalg.norm(P[:, None] - V, axis=2)
    assert_allclose(found.distance, nearest.min(axis=1), rtol=1e-12)


def test_spikes_of_outliers_do_not_turn_the_normals_around_them():
    V, F = hemisphere(10)
    spiky = V.copy()
    spiky[50] *= 3
    found = Target(spiky, F).closest(V)
    near = (F == 50).any(axis=1)
    ring = np.setdiff1d(F[near], 50)
    on_sphere = np.abs(found.point[ring] - V[ring]).max(axis=1) < 1e-9
    assert on_sphere.all()
    assert ((found.normal[ring] * V[ring]).sum(axis=1) > 0.5).all()


@given(st.integers(0, 1000))
def test_weights_on_triangles_with_and_without_area(seed):
    rng = np.random.default_rng(seed)
    corners = rng.normal(size=(6, 3, 3))
    corners[3, 2] = corners[3, 0]
    corners[4, 2] = (corners[4, 0] + corners[4, 1]) / 2
    corners[5] = corners[5, 0]
    true = rng.dirichlet([1, 1, 1], size=6)
    P = np.einsum("pk,pkc->pc", true, corners)
    bary = barycentric(P, corners)
    assert_allclose(np.einsum("pk,pkc->pc", bary, corners), P, atol=1e-9)
    assert_allclose(bary.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("V", "F", "message"),
    [
        (np.zeros((5, 3)), None, "at least 16 points, got 5"),
        (np.full((20, 3), np.inf), None, "point 0 = .* is not finite"),
        (np.random.default_rng(0).normal(size=(6, 3)), np.arange(6).reshape(2, 3), "share an edge"),
        (np.full((3, 3), np.nan), np.array([[0, 1, 2]]), "vertex 0 = .* is not finite"),
    ],
)
def test_scans_it_refuses(V, F, message):
    with pytest.raises(MeshError, match=message):
        Target(V, F)


def test_what_cannot_be_asked():
    cloud = Target(grid(5, 5)[0])
    with pytest.raises(ValueError, match="has no faces"):
        cloud.closest_face(np.zeros((1, 3)))
    for target in (cloud, Target(*grid(2, 2))):
        with pytest.raises(ValueError, match="not finite"):
            target.closest(np.full((1, 3), np.nan))
    with pytest.raises(ValueError, match="not finite"):
        Target(*grid(2, 2)).closest_face(np.full((1, 3), np.nan))
