import numpy as np
import pytest
from numpy.testing import assert_array_equal

from meshkit.distortion import distortion
from meshkit.flattening.relax import relaxed
from meshkit.param import parameterize
from tests import meshes


def drawn(monkeypatch, V, F, **options):
    with monkeypatch.context() as patch:
        patch.setattr("meshkit.param.relaxed", lambda V, F, UV, loops: UV)
        return parameterize(V, F, **options)


@pytest.mark.parametrize("around", [5, 20])
def test_a_drawing_on_a_grid_is_relaxed_a_hundredfold_without_a_flip(monkeypatch, around):
    V, F = meshes.finger(160, around)
    before, after = drawn(monkeypatch, V, F), parameterize(V, F)
    assert before.weights == after.weights == "grid"
    assert after.flips.size == after.zero_area.size == 0
    p95 = [np.percentile(p.distortion.angle, 95) for p in (before, after)]
    assert p95[1] < p95[0] / 100
    loop = after.loops[0]
    assert_array_equal(after.UV[loop], before.UV[loop])


def test_a_sewn_hole_is_relaxed_too(monkeypatch):
    V, F = meshes.finger(160, 5)
    V, F = meshes.cut_hole(V, F, np.arange(len(V)) == 12)
    before, after = drawn(monkeypatch, V, F), parameterize(V, F)
    p95 = [np.percentile(p.distortion.angle, 95) for p in (before, after)]
    assert p95[1] < p95[0] / 10


def test_what_cannot_be_relaxed_stays(monkeypatch):
    """A hole that cannot be sewn; faces without area; a step that fails or makes it worse."""
    V, F = meshes.mask()
    p = parameterize(V, F)
    monkeypatch.setattr("meshkit.flattening.holes.MAX_HOLE", 2)
    assert relaxed(V, F, p.UV, p.loops) is p.UV
    V, F = meshes.bumpy(4)
    p = parameterize(V, F)
    assert (distortion(V, F, relaxed(V, F, p.UV, p.loops)).angle >= 1).all()
    flat = V.copy()
    flat[0] = flat[1]
    assert relaxed(flat, F, p.UV, p.loops) is p.UV
    for squeeze in (0.0, np.nan):
        monkeypatch.setattr(
            "meshkit.flattening.relax.slim", lambda V, F, UV, *rest, k=squeeze: UV * [1, k]
        )
        assert relaxed(V, F, p.UV, p.loops) is p.UV
    monkeypatch.setattr("meshkit.flattening.relax.slim", lambda V, F, UV, *rest: UV**9)
    assert relaxed(V, F, p.UV, p.loops) is p.UV
