import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.errors import TopologyError
from meshkit.flattening.corners import chords
from meshkit.flattening.ears import flip_ears, split_ears
from meshkit.laplacian import lumped_mass
from meshkit.param import parameterize
from meshkit.primitives import grid
from meshkit.topology import boundary_loop, boundary_loops, count_parts, euler_characteristic
from tests import meshes
from tests.reference import corners as slow


@given(meshes.eared_disks(max_border=20))
def test_split_disks_have_no_ears_and_fit_any_square(mesh):
    V, F = mesh
    split = split_ears(V, F)
    loops = boundary_loops(split.F)
    assert [loop.tolist() for loop in loops] == [loop.tolist() for loop in boundary_loops(F)]
    assert all(len(chords(split.F, loop)) == 0 for loop in loops)
    p = parameterize(split.V, split.F)
    assert p.zero_area.size == p.flips.size == 0


@given(meshes.eared_disks(max_border=20))
def test_the_surface_stays_what_it_was(mesh):
    V, F = mesh
    split = split_ears(V, F)
    assert euler_characteristic(split.F) == 1
    assert_array_equal(split.vertex_map[: len(V)], np.arange(len(V)))
    assert (split.vertex_map[len(V) :] == -1).all()
    a, b, c = (split.V[split.F[:, k]] for k in range(3))
    area = np.cross(b - a, c - a)[:, 2] / 2
    assert (area > 0).all()
    old = np.cross(V[F[:, 1]] - V[F[:, 0]], V[F[:, 2]] - V[F[:, 0]])[:, 2] / 2
    assert_allclose(np.bincount(split.face_map, area), old, atol=1e-14)


def test_meshes_without_ears_are_returned_as_they_are():
    V, F = meshes.mask()
    split = split_ears(V, F)
    assert_array_equal(split.F, F)
    assert_array_equal(split.V, V)
    assert_array_equal(split.face_map, np.arange(len(F)))


def test_ears_of_holes_are_split_too():
    V, F = meshes.bumpy()
    around = np.flatnonzero((F == 0).any(axis=1))
    F = np.delete(F, around[1:], axis=0)
    split = split_ears(V, F)
    assert len(split.V) == len(V) + 1
    assert_allclose(lumped_mass(split.V, split.F).sum(), lumped_mass(V, F).sum())
    assert parameterize(split.V, split.F, weights="uniform").zero_area.size == 0


@given(meshes.eared_disks(max_border=20))
def test_auto_splits_only_where_the_square_has_no_room(mesh):
    V, F = mesh
    p = parameterize(V, F, ears="auto")
    assert p.flips.size == p.zero_area.size == 0
    if len(boundary_loop(F)) <= 11:
        assert (p.repair is None) == slow.feasible(F, boundary_loop(F))
    if p.repair is not None:
        assert_array_equal(p.repair.V[: len(V)], V)
        assert (p.repair.vertex_map[: len(V)] == np.arange(len(V))).all()


@pytest.mark.parametrize("holes", [[5], [5, 40]])
def test_auto_gives_a_border_of_three_vertices_a_fourth(holes):
    V, F = meshes.sphere()
    F = np.delete(F, holes, axis=0)
    p = parameterize(V, F, ears="auto", fill_holes=True)
    assert (len(p.loops), len(p.loops[0]), p.flips.size, p.zero_area.size) == (len(holes), 4, 0, 0)
    assert p.repair is not None
    assert len(p.UV) == len(V) + 1 == len(p.repair.V)
    assert_allclose(lumped_mass(p.repair.V, p.repair.F).sum(), lumped_mass(V, F).sum())


@given(meshes.eared_disks())
def test_flipping_leaves_no_ear_and_the_border_or_says_why(mesh):
    V, F = mesh
    loop = boundary_loop(F)
    try:
        flipped = flip_ears(V, F)
    except TopologyError as error:
        assert "ears='split'" in str(error)  # noqa: PT017
        return
    assert chords(flipped.F, loop).size == 0
    assert boundary_loop(flipped.F).tolist() == loop.tolist()
    assert count_parts(flipped.F, len(V)) == 1
    assert len(flipped.F) == len(F)


def test_a_flipped_ear_fits_any_corners():
    V, F = grid(2, 3)  # ears at two opposite vertices
    loop = boundary_loop(F)
    assert len(chords(F, loop)) == 2
    flipped = flip_ears(V, F)
    assert (flipped.F != F).any(axis=1).sum() == 4  # two faces beside each edge
    for shift in range(3):
        p = parameterize(V, F, ears="flip", corners=loop[np.array([0, 2, 5, 7]) + shift])
        assert p.flips.size == p.zero_area.size == 0
        assert p.repair is not None
        assert_array_equal(p.repair.F, p.F)
