import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.errors import TopologyError
from meshkit.flattening.boundary import square_boundary
from meshkit.flattening.convex_border import place_border, polygon_boundary, rectangle_boundary
from meshkit.flattening.corners import sharpest_corners
from meshkit.param import parameterize
from meshkit.primitives import disk, grid
from meshkit.topology import boundary_loop, boundary_loops
from tests import meshes

HOUSE = np.array([[0, 0], [1, 0], [1, 0.6], [0.5, 1], [0, 0.6]])


def on_border(UV: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Distance of each point from the nearest side."""
    a, step = polygon, np.roll(polygon, -1, axis=0) - polygon
    t = np.einsum("bkc,kc->bk", UV[:, None] - a, step) / (step**2).sum(axis=1)
    nearest = a + t.clip(0, 1)[..., None] * step
    return np.linalg.norm(UV[:, None] - nearest, axis=2).min(axis=1)


@given(meshes.disks(min_points=12), st.integers(0, 2**31))
def test_any_convex_polygon_is_a_border_without_flips(mesh, seed):
    V, F = mesh
    loop = boundary_loops(F)[0]
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 3) * 0.2 + np.arange(3) * 2 * np.pi / 3)
    polygon = 0.5 + 0.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    try:
        p = parameterize(V, F, boundary=polygon)
    except TopologyError as error:
        assert "joins two vertices of one side" in str(error)  # noqa: PT017
        p = parameterize(V, F, boundary=polygon, ears="split")
    assert p.flips.size == p.zero_area.size == 0
    UV = p.UV[loop]
    assert on_border(UV, polygon).max() < 1e-12
    for corner in polygon:  # each is hit exactly
        assert (corner == UV).all(axis=1).sum() == 1
    assert ((p.UV >= 0) & (p.UV <= 1)).all()


def test_a_flat_mesh_in_its_own_outline_stays_what_it_is():
    V, F = grid(6, 6)
    loop = boundary_loop(F)
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    assert_allclose(polygon_boundary(V, loop, square, F=F), V[loop, :2], atol=1e-14)
    V, F = disk(6)
    outline = V[boundary_loop(F), :2] / 2 + 0.5
    UV = polygon_boundary(V, boundary_loop(F), outline, corners=boundary_loop(F))
    assert_array_equal(UV, outline)


def test_a_smooth_polyline_is_passed_along_by_arc_length():
    V, F = disk(6)
    loop = boundary_loop(F)
    angle = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    ellipse = 0.5 + 0.5 * np.stack([np.cos(angle), 0.6 * np.sin(angle)], axis=1)
    UV = polygon_boundary(V, loop, ellipse)
    assert on_border(UV, ellipse).max() < 1e-12
    step = np.linalg.norm(np.roll(UV, -1, axis=0) - UV, axis=1)
    assert step.max() / step.min() < 1.05
    assert (np.einsum("bc,bc->b", UV - 0.5, V[loop, :2]) > 0).all()  # as the pose


def test_a_rectangle_has_its_sides_and_its_share_of_the_border():
    V, F = disk(10)
    loop = boundary_loop(F)
    UV = rectangle_boundary(V, loop, 3.0, F=F)
    assert_allclose(UV.max(axis=0), [1, 1 / 3])
    low = (UV[:, 1] == 0).sum()
    side = (UV[:, 0] == 1).sum()
    assert 2 < low / side < 4
    assert_array_equal(rectangle_boundary(V, loop, 1.0), square_boundary(V, loop))
    tall = parameterize(V, F, boundary="rectangle", aspect=0.5)
    assert_allclose(np.ptp(tall.UV, axis=0), [0.5, 1])


def test_corners_by_angle_are_the_four_sharp_ones():
    V, F = grid(5, 7)
    turned = V @ [[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1]]
    loop = boundary_loop(F)
    assert_array_equal(V[sharpest_corners(turned, F, loop), :2], [[0, 0], [1, 0], [1, 1], [0, 1]])
    UV = place_border(turned, F, loop, "square", corners="angle")
    assert_allclose(UV, V[loop, :2], atol=1e-14)
    V, F = meshes.RIGHT_TRIANGLE
    with pytest.raises(TopologyError, match="four corners, but the loop"):
        sharpest_corners(V, F, boundary_loop(F))


@pytest.mark.parametrize(
    ("polygon", "message"),
    [
        (HOUSE[:2], "at least 3 points, got 2"),
        (HOUSE[::-1], "runs clockwise"),
        (HOUSE * 2, r"point 1 = \[2.0, 0.0\] lies outside the unit square"),
        (HOUSE[[0, 1, 1, 2]], "points 1 and 2 are the same"),
        (np.insert(HOUSE, 1, [0.5, 0.2], axis=0), r"not convex at point 1 = \[0.5, 0.2\]"),
        (np.concatenate([HOUSE, HOUSE]), "not convex at point .* 720 in all"),
    ],
)
def test_polygons_that_are_no_border_are_refused(polygon, message):
    V, F = disk(4)
    with pytest.raises(ValueError, match=message):
        polygon_boundary(V, boundary_loop(F), polygon)


def test_the_rest_that_is_refused():
    V, F = disk(2)
    loop = boundary_loop(F)
    with pytest.raises(ValueError, match="4 corners were given for 5 polygon points"):
        polygon_boundary(V, loop, HOUSE, corners=loop[:4])
    angle = 2 * np.pi * np.arange(20) / 20
    with pytest.raises(TopologyError, match="20 corners, but the loop 12 vertices"):
        polygon_boundary(V, loop, 0.5 + 0.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    with pytest.raises(ValueError, match="corners='angle' are those of a square"):
        place_border(V, F, loop, HOUSE, corners="angle")
    with pytest.raises(ValueError, match="aspect belongs to boundary='rectangle'"):
        place_border(V, F, loop, HOUSE, aspect=2.0)
