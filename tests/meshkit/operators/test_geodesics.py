import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from meshkit.errors import DegenerateFaceError, SolveError
from meshkit.operators.geodesics import HeatGeodesics, geodesic_distance
from meshkit.primitives import grid, hemisphere
from tests import meshes


def sphere_error(n: int) -> float:
    """From the pole of a hemisphere: the polar angle."""
    V, F = hemisphere(n)
    return float(np.abs(geodesic_distance(V, F, 0) - np.arccos(V[:, 2].clip(-1, 1))).max())


def plane_error(n: int) -> float:
    V, F = grid(n, n)
    source = (n // 2) * (n + 1) + n // 2
    return float(
        np.abs(geodesic_distance(V, F, source) - np.linalg.norm(V - V[source], axis=1)).max()
    )


@pytest.mark.parametrize(("error", "order"), [(sphere_error, 0.95), (plane_error, 0.5)])
def test_the_error_falls_with_the_edge_length(error, order):
    errors = np.array([error(n) for n in (10, 20, 40)])
    assert errors[-1] < 0.03
    assert (np.log2(errors[:-1] / errors[1:]) > order - 0.05).all(), errors


def test_on_a_bent_sheet_distances_are_those_of_the_flat_one():
    """A half cylinder is flat inside: straight lines on the sheet."""
    V, F = grid(30, 30)
    bent = np.stack([np.cos(np.pi * V[:, 0]), np.sin(np.pi * V[:, 0]), np.pi * V[:, 1]], axis=1)
    exact = np.pi * np.linalg.norm(V - V[0], axis=1)
    assert np.abs(geodesic_distance(bent, F, 0) - exact).max() < 0.03 * exact.max()


def test_several_sources_give_the_distance_to_the_nearest():
    V, F = grid(30, 30)
    corners = [0, 30]
    exact = np.minimum(*(np.linalg.norm(V - V[s], axis=1) for s in corners))
    assert np.abs(geodesic_distance(V, F, corners) - exact).max() < 0.06


def test_many_sources_at_once_equal_one_by_one():
    V, F = meshes.mask()
    solver = HeatGeodesics(V, F)
    columns = solver.distances([3, 50, 200])
    for k, source in enumerate((3, 50, 200)):
        assert_allclose(columns[:, k], geodesic_distance(V, F, source), atol=1e-9)


def test_distances_scale_and_ignore_motions():
    V, F = meshes.bumpy(8)
    rng = np.random.default_rng(0)
    moved = 7 * V @ Rotation.random(rng=rng).as_matrix().T + rng.normal(size=3)
    assert_allclose(geodesic_distance(moved, F, 5), 7 * geodesic_distance(V, F, 5), atol=1e-9)


def test_thin_faces_do_no_harm():
    """A sheet squeezed in x, its edges long in y: twenty times thinner than wide."""
    V, F = grid(40, 40)
    V = V * [1, 0.05, 1]
    exact = np.linalg.norm(V - V[0], axis=1)
    assert np.abs(geodesic_distance(V, F, 0) - exact).max() < 0.05


def test_other_parts_are_infinitely_far():
    V, F = meshes.bumpy(5)
    n = len(V)
    V, F = np.concatenate([V, V + 9, [[0.0, 0, 0]]]), np.concatenate([F, F + n])
    distance = geodesic_distance(V, F, n + 2)
    assert np.isinf(distance[:n]).all()
    assert np.isfinite(distance[n : 2 * n]).all()
    assert np.isinf(distance[2 * n])
    assert geodesic_distance(V, F, 2 * n)[2 * n] == 0


def test_wrong_sources_and_times_are_refused():
    V, F = meshes.RIGHT_TRIANGLE
    solver = HeatGeodesics(V, F)
    with pytest.raises(ValueError, match="source 3 is not a vertex: they are 0 … 2"):
        solver.distance(3)
    with pytest.raises(ValueError, match="one or more vertex indices"):
        solver.distances([])
    for time in (0.0, -1.0, np.inf):
        with pytest.raises(ValueError, match="time must be positive"):
            HeatGeodesics(V, F, time=time)


def test_heat_that_does_not_arrive_is_refused():
    V, F = grid(1, 200)
    with pytest.raises(SolveError, match="heat does not reach every vertex"):
        geodesic_distance(V, F, 0, time=1e-10)


def test_a_face_without_area_is_named():
    V = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    with pytest.raises(DegenerateFaceError, match="face 0"):
        HeatGeodesics(V, np.array([[0, 1, 2]]))
