import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.flattening.corners import sharpest_corners, square_corners
from meshkit.param import parameterize
from meshkit.primitives import disk, grid
from meshkit.topology import boundary_loop, boundary_loops
from tests import meshes
from tests.reference import corners as slow

SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1]]


@given(meshes.eared_disks(max_border=9), st.sampled_from([0.5, 1.0, 2.0]), st.floats(0, 6.28))
def test_no_choice_of_corners_costs_less(mesh, aspect, angle):
    V, F = mesh
    V = V @ [[np.cos(angle), np.sin(angle), 0], [-1, 2, 0], [0, 0, 1]]
    if angle > np.pi:  # no plane: sides are no longer what they look like from the front
        V[:, 2] = 2 * V[:, 0] ** 2 + V[:, 1]
    loop = boundary_loop(F)
    costs = slow.costs(V, F, loop, aspect)
    if costs:
        corners = square_corners(V, loop, aspect=aspect, F=F)
        least = costs[tuple(corners.tolist())] <= min(costs.values()) + 1e-6
        assert least or set(loop[corners]) == set(sharpest_corners(V, F, loop))


@pytest.mark.parametrize("size", [(1, 2), (3, 3), (20, 20), (19, 19), (4, 31), (60, 7)])
@pytest.mark.parametrize("aspect", [1.0, 0.05, 7.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_flat_rectangles_keep_their_corners(size, aspect, seed):
    """However they are triangulated, and whatever is written first."""
    V, F = grid(*size)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(V))
    V, F = V[np.argsort(order)] * [aspect, 1, 1], rng.permutation(order[F])
    loop = boundary_loop(F)
    assert_allclose(V[loop[square_corners(V, loop, F=F)], :2] / [aspect, 1], SQUARE, atol=1e-12)


def test_a_flat_square_maps_to_itself():
    V, F = grid(19, 19)
    p = parameterize(V, F)
    assert_allclose(p.UV, V[:, :2], atol=1e-12)


def symmetric() -> meshes.Arrays:
    """A border on which every choice of corners has a mirror image of equal cost."""
    V, F = disk(6)
    return V * [1, 1.3, 1], F


@pytest.mark.parametrize("mesh", [symmetric(), grid(5, 5), meshes.mask(), meshes.bumpy(5)])
@pytest.mark.parametrize("unit", [1e-9, 0.0254, 1.0, 1000.0, 1e9])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_corners_depend_neither_on_the_unit_nor_on_the_place_nor_on_the_start(mesh, unit, offset):
    V, F = mesh
    loop = boundary_loops(F)[0]
    expected = loop[square_corners(V, loop, F=F)]
    moved = (V + offset * np.array([1, -0.7, 0.3])) * unit
    for start in range(0, len(loop), 5):
        turned = np.roll(loop, start)
        assert_array_equal(turned[square_corners(moved, turned, F=F)], expected)


def test_equal_choices_have_their_lower_left_corner_lowest():
    V, F = grid(4, 4)
    turned = (V - 0.5) @ np.array([[1.0, 1, 0], [-1, 1, 0], [0, 0, 1]])  # stands on a corner
    loop = boundary_loop(F)
    corner = turned[loop[square_corners(turned, loop, F=F)], :2]
    assert_allclose(corner, [[0, -1], [1, 0], [0, 1], [-1, 0]], atol=1e-12)
