import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose

from meshkit.errors import DegenerateFaceError, SolveError, TopologyError
from meshkit.flattening.free_boundary import METHODS, free_uv
from meshkit.io import load_mesh
from meshkit.param import flipped_faces, parameterize, zero_area_faces
from meshkit.primitives import disk
from tests import meshes


@pytest.mark.parametrize("method", METHODS)
def test_what_is_flat_keeps_its_shape(method):
    """In any turn in the plane: it comes back upright, scaled to the unit square."""
    V, F = disk(5)
    V = V * [1, 0.5, 1]
    p = parameterize(V, F, method=method)
    assert p.flips.size == 0
    assert_allclose(p.UV, V[:, :2] / 2 + 0.5, atol=2e-4)
    assert_allclose(p.distortion.angle, 1, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_free_border_distorts_less_than_a_square(method):
    V, F = meshes.bumpy(8)
    square, free = parameterize(V, F), parameterize(V, F, method=method)
    assert np.percentile(free.distortion.angle, 95) < np.percentile(square.distortion.angle, 95)
    assert_allclose([free.UV.min(), free.UV.max()], [0, 1], atol=1e-15)


@settings(max_examples=30)
@given(meshes.disks())
def test_slim_flips_nothing(mesh):
    V, F = mesh
    p = parameterize(V, F, method="slim")
    assert p.flips.size == p.zero_area.size == 0
    assert flipped_faces(p.UV, F).size == zero_area_faces(p.UV, F).size == 0


def test_arap_and_lscm_report_flips_and_slim_has_none(faces):
    mesh = load_mesh(faces / "ict" / "template_holes.obj")
    flips = {m: parameterize(mesh.V, mesh.F, method=m, fill_holes=m == "slim") for m in METHODS}
    assert len(flips["lscm"].flips) > 0
    assert len(flips["arap"].flips) > 0
    assert len(flips["slim"].flips) == 0
    assert flips["slim"].fill_mask.any()
    for p in flips.values():
        assert_allclose(flipped_faces(p.UV, p.F), p.flips)
        assert np.corrcoef(p.UV[:, 0], mesh.V[:, 0])[0, 1] > 0.8  # upright
        assert np.corrcoef(p.UV[:, 1], mesh.V[:, 1])[0, 1] > 0.8


@pytest.mark.parametrize("method", METHODS)
def test_what_would_end_the_process_is_refused(method):
    with pytest.raises(TopologyError, match="closed"):
        parameterize(*meshes.TETRAHEDRON, method=method)
    V, F = meshes.bumpy(3)
    with pytest.raises(ValueError, match="belongs to no face"):
        parameterize(np.concatenate([V, V[:1]]), F, method=method)
    V = V.copy()
    V[0] = V[1]
    with pytest.raises(DegenerateFaceError, match="no area"):
        parameterize(V, F, method=method)


def test_a_method_that_needs_a_start_says_so():
    V, F = meshes.bumpy(3)
    with pytest.raises(ValueError, match="'slim' starts from a map"):
        free_uv(V, F, np.arange(3), None, method="slim")
    with pytest.raises(ValueError, match="method must be one of"):
        free_uv(V, F, np.arange(3), None, method="harmonic")


def test_what_libigl_cannot_solve_is_an_error_with_its_words():
    """Two needles, each thin by nine orders of magnitude."""
    V = np.array([[5.1e-13, 9.5e-4, 0], [1.4e-13, 9.49e-4, 0], [3.1e-13, 4.2e-4, 0]])
    V = np.concatenate([V, [[8.3e-13, 4.1e-4, 0]]])
    with pytest.raises(SolveError, match="libigl says 'arap_precomputation failed'"):
        parameterize(V, np.array([[2, 0, 1], [0, 2, 3]]), method="arap")


@pytest.mark.parametrize(
    ("good_up_to", "expected"), [(20, [20]), (7, [20, 10, 5]), (0, [20, 10, 5, 2, 1])]
)
def test_slim_takes_fewer_steps_rather_than_flip_a_face(monkeypatch, good_up_to, expected):
    """Rounding flips some on extreme disks."""
    V, F = meshes.bumpy(5)
    start = parameterize(V, F, boundary="circle")
    taken = []

    def slim(V, F, UV, held, iterations):
        taken.append(iterations)
        return UV * ((1, 1) if iterations <= good_up_to else (-1, 1))

    monkeypatch.setattr("meshkit.flattening.free_boundary.slim", slim)
    p = parameterize(V, F, method="slim")
    assert p.flips.size == p.zero_area.size == 0
    assert taken == expected
    assert_allclose(p.distortion.area, start.distortion.area, rtol=1e-9)
