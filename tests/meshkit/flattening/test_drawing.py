import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose

from meshkit.flattening.drawing import grid_drawing
from meshkit.topology import boundary_loop
from tests import meshes


def grid_units(P: np.ndarray) -> np.ndarray:
    """Coordinates along two sides of the triangular grid."""
    y = P[:, 1] / np.sqrt(0.75)
    return np.stack([P[:, 0] - y / 2, y], axis=1)


def check(mesh: meshes.Arrays) -> None:
    F = mesh[1]
    n = len(mesh[0])
    units = grid_units(grid_drawing(F, boundary_loop(F), n))
    points = np.rint(units).astype(np.int64)
    assert_allclose(units, points, atol=1e-9)
    assert points.min() >= 1
    assert points.sum(axis=1).max() <= n + 1
    a, b, c = points[F].swapaxes(0, 1)
    u, v = b - a, c - a
    assert (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).min() >= 1  # integers: no rounding


@given(meshes.disks())
def test_every_face_is_counter_clockwise_with_integer_corners(mesh):
    check(mesh)


@given(meshes.eared_disks(max_border=30))
def test_ears_are_drawn_too(mesh):
    check(mesh)


@pytest.mark.parametrize("mesh", [meshes.RIGHT_TRIANGLE, meshes.finger(60, 5), meshes.bumpy(20)])
def test_from_one_face_to_a_finger(mesh):
    check(mesh)
