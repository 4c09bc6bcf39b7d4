import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from meshkit.distortion import distortion, percentiles
from meshkit.errors import DegenerateFaceError
from meshkit.primitives import grid
from tests import meshes


@given(meshes.disks(), meshes.seeds(), st.sampled_from([1e-3, 1.0, 1e5]))
def test_isometries_up_to_scale_have_ones(mesh, seed, scale):
    flat, F = mesh[0] * [1, 1, 0], mesh[1]
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    d = distortion(scale * flat @ turn.T + 1, F, flat[:, :2].copy())
    thin = np.isfinite(d.angle)  # slivers: rounding of V alone changes their angles
    assert np.median(np.abs(d.angle[thin] - 1)) < 1e-6
    assert np.median(np.abs(d.stretch - 1)) < 1e-6
    assert np.median(np.abs(d.area - 1)) < 1e-6


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(-3, 3), meshes.seeds())
def test_a_linear_map_has_the_singular_values_of_its_matrix(a, b, shear, seed):
    V, F = grid(3, 2)
    A = np.array([[a, shear], [0, b]])
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    d = distortion(V @ turn.T, F, V[:, :2] @ A.T)
    larger, smaller = np.linalg.svd(A)[1]
    assert_allclose(d.angle, larger / smaller, rtol=1e-12)
    assert_allclose(d.area, 1, rtol=1e-10)
    # Plane to surface: the inverse, scaled to unit area.
    expected = np.sqrt((1 / larger**2 + 1 / smaller**2) / 2 * (larger * smaller))
    assert_allclose(d.stretch, expected, rtol=1e-12)


def test_area_is_a_share_of_the_whole():
    V, F = grid(1, 1)
    V[3] = [2, 2, 0]  # surface: two faces of equal area; in the plane one grows
    UV = np.array([[0, 0], [1, 0], [0, 1], [1, 1.0]])
    assert_allclose(distortion(V, F, UV).area, [1, 1])
    UV[1] = [3, -2]
    flat = np.array([2.5, 0.5])
    assert_allclose(distortion(V, F, UV).area, flat / 3 / 0.5)


def test_a_flip_does_not_count():
    V, F = meshes.bumpy(4)
    UV = V[:, :2].copy()
    for name, expected in distortion(V, F, UV)._asdict().items():
        assert_allclose(getattr(distortion(V, F, UV * [-1, 1]), name), expected, rtol=1e-9)


def test_faces_without_area_are_infinitely_distorted():
    V, F = grid(1, 1)
    UV = V[:, :2].copy()
    UV[1] = UV[0]
    flat = int(np.flatnonzero((F == 1).any(axis=1))[0])
    d = distortion(V, F, UV)
    assert d.angle[flat] == np.inf
    assert d.stretch[flat] == np.inf
    assert d.area[flat] == 0
    d = distortion(np.pad(UV, ((0, 0), (0, 1))), F, V[:, :2].copy())
    assert d.angle[flat] == np.inf
    assert d.area[flat] == np.inf
    assert d.stretch[flat] == np.inf
    assert np.isfinite(d.angle[1 - flat])


@pytest.mark.parametrize("h", [1e-6, 1e-12, 1e-100])
def test_the_thinnest_face_with_area_is_measured(h):
    """Beside the limit, which is no area at all: the map stretches one axis by two."""
    V = np.array([[0.0, 0, 0], [1, 0, 0], [0, h, 0]])
    F = np.array([[0, 1, 2]])
    d = distortion(V, F, V[:, :2] * [2, 1])
    assert_allclose([d.angle[0], d.area[0]], [2, 1], rtol=1e-9)
    assert_allclose(d.stretch[0], np.hypot(1, 0.5) / np.sqrt(2) * np.sqrt(2), rtol=1e-9)


def test_nothing_at_all_is_refused():
    V, F = grid(1, 1)
    with pytest.raises(DegenerateFaceError, match="no area"):
        distortion(V, F, np.zeros((4, 2)))
    with pytest.raises(DegenerateFaceError, match="no area"):
        distortion(V * 0, F, V[:, :2].copy())


def test_percentiles_by_measure():
    V, F = grid(4, 4)
    d = distortion(V, F, V[:, :2].copy())
    d = d._replace(angle=np.arange(1.0, 33), stretch=np.full(32, np.inf))
    table = percentiles(d, (0, 50, 100))
    assert table["angle"] == {"p0": 1, "p50": 16, "p100": 32}
    assert table["area"]["p50"] == pytest.approx(1)
    assert table["stretch"]["p100"] == np.inf
    assert [*percentiles(d)["angle"]] == ["p1", "p5", "p50", "p95", "p99", "p100"]
