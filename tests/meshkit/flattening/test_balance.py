import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_array_equal

from meshkit.errors import SolveError
from meshkit.flattening.balance import balance_uv
from meshkit.io import load_mesh
from meshkit.param import flipped_faces, parameterize, zero_area_faces
from meshkit.primitives import hemisphere
from meshkit.raster import rasterize_uv, vertices_seen
from tests import meshes


def nose() -> meshes.Arrays:
    """A dome with a spike, which a harmonic map shrinks."""
    V, F = hemisphere(16)
    V = V.copy()
    V[:, 2] += 3 * np.exp(-30 * (V[:, 0] ** 2 + V[:, 1] ** 2))
    return meshes.frozen(V, F)


def test_more_vertices_are_seen_and_the_report_is_right():
    V, F = nose()
    p = parameterize(V, F, balance=(18, 18), max_angle=8.0)
    assert p.balance is not None
    assert p.balance.seen_after > p.balance.seen_before + 0.04
    raster = rasterize_uv(p.UV, p.F, (18, 18))
    assert p.balance.seen_after == vertices_seen(p.F, raster, len(V))
    assert np.percentile(p.distortion.angle, 95, method="lower") == p.balance.angle_after <= 8


@pytest.mark.parametrize("bound", [1.0, 2.4, 3.0, 6.0])
def test_the_bound_on_angles_holds(bound):
    V, F = nose()
    p = parameterize(V, F, balance=(18, 18), max_angle=bound)
    assert p.balance is not None
    if p.balance.angle_before > bound:
        assert p.balance.steps == 0
        assert p.balance.seen_after == p.balance.seen_before
    else:
        assert p.balance.angle_after <= bound


def test_an_image_fine_enough_needs_nothing():
    V, F = hemisphere(4)
    plain = parameterize(V, F)
    p = parameterize(V, F, balance=(100, 100))
    assert p.balance is not None
    assert (p.balance.steps, p.balance.seen_after) == (0, 1)
    assert_array_equal(p.UV, plain.UV)


@settings(max_examples=30)
@given(meshes.hard_disks())
def test_balancing_flips_nothing_and_holds_the_border(mesh):
    V, F = mesh
    plain = parameterize(V, F, boundary="circle")
    p = parameterize(V, F, boundary="circle", balance=(7, 5), max_angle=1e12)
    assert p.flips.size == p.zero_area.size == 0
    assert_array_equal(p.UV[p.loops[0]], plain.UV[p.loops[0]])
    assert p.balance is not None
    assert p.balance.seen_after >= p.balance.seen_before


def test_a_map_with_flips_is_refused():
    V, F = nose()
    p = parameterize(V, F)
    UV = p.UV.copy()
    UV[0], UV[1] = UV[1], UV[0].copy()
    with pytest.raises(SolveError, match="starts from a map without flipped faces"):
        balance_uv(V, F, UV, p.loops[0], (8, 8))


TEMPLATES = [
    "ict/template",
    "makehuman/template",
    "vitruvian/template",
    "vitruvian/template_narrow",
]


@pytest.mark.parametrize("holes", ["", "_holes"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_an_image_of_64_texels_sees_nine_tenths_of_every_face(faces, template, holes):
    """Of the harmonic maps, 52 to 72 %."""
    mesh = load_mesh(faces / f"{template}{holes}.obj")
    p = parameterize(mesh, fill_holes=True, balance=64)
    assert p.balance is not None
    assert p.balance.seen_before < 0.73
    assert p.balance.seen_after > 0.92
    assert p.balance.angle_after < 7.5
    assert flipped_faces(p.UV, p.F).size == zero_area_faces(p.UV, p.F).size == 0


def head_with_neck() -> meshes.Arrays:
    """A ball open at a small ring: nearly all of a harmonic map lies in a small spot."""
    V, F = meshes.sphere(20)
    return meshes.cut_hole(V, F, V[:, 2] < -0.77)


def test_a_whole_head_opens_up():
    V, F = head_with_neck()
    p = parameterize(V, F, balance=48)
    assert p.balance is not None
    assert p.balance.seen_before < 0.55
    assert p.balance.seen_after > 0.9
    assert p.flips.size == p.zero_area.size == 0


def test_vertices_seen_across_an_open_hole_do_not_count():
    V, F = meshes.mask(9)
    p = parameterize(V, F, balance=9)
    assert p.balance is not None
    raster = rasterize_uv(p.UV, F, 9)
    assert p.balance.seen_after == vertices_seen(F, raster, len(V))
