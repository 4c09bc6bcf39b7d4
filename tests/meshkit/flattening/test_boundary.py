import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.errors import MeshError, TopologyError
from meshkit.flattening.boundary import circle_boundary, square_boundary
from meshkit.flattening.corners import chords, square_corners
from meshkit.primitives import disk, grid
from meshkit.topology import boundary_loop, boundary_loops
from tests import meshes
from tests.reference import corners as slow


def outer(mesh: meshes.Arrays) -> np.ndarray:
    return boundary_loops(mesh[1])[0]


def around(UV: np.ndarray) -> np.ndarray:
    """Position along the border of the square, counter-clockwise from (0, 0), in [0, 4)."""
    u, v = UV.T
    return np.select([v == 0, u == 1, v == 1, u == 0], [u, 1 + v, 3 - u, 4 - v], np.nan) % 4


@given(meshes.disks(min_points=6))
def test_square_is_by_arc_length_between_corners(mesh):
    V, loop = mesh[0], outer(mesh)
    if len(loop) < 4:
        return
    UV = square_boundary(V, loop)
    place = around(UV)
    assert not np.isnan(place).any()  # on the border exactly
    start = int(place.argmin())
    place = np.roll(place, -start)
    corner = np.searchsorted(place, [0, 1, 2, 3])
    assert_array_equal(place[corner], [0, 1, 2, 3])  # four vertices on the corners exactly
    step = np.linalg.norm(V[np.roll(loop, -1)] - V[loop], axis=1)
    step = np.roll(step, -start)
    for k, (first, last) in enumerate(zip(corner, [*corner[1:], len(loop)], strict=True)):
        arc = np.cumsum(step[first:last])
        expected = k + np.concatenate([[0], arc[:-1] / arc[-1]])
        assert_allclose(place[first:last], expected, atol=1e-12)


@given(meshes.eared_disks())
def test_corners_hit_every_ear_if_any_choice_does(mesh):
    V, F = mesh
    loop = boundary_loop(F)
    if not slow.feasible(F, loop):
        with pytest.raises(TopologyError, match="than a square has corners"):
            square_corners(V, loop, F=F)
        return
    corner = square_corners(V, loop, F=F)
    assert len(set(corner.tolist())) == 4
    assert not any(
        slow.collapses(tuple(corner), chord, len(loop)) for chord in slow.chords(F, loop)
    )


@given(meshes.eared_disks())
def test_chords_are_the_inner_edges_on_the_border(mesh):
    loop = boundary_loop(mesh[1])
    expected = {tuple(sorted(chord)) for chord in slow.chords(mesh[1], loop)}
    assert set(map(tuple, chords(mesh[1], loop).tolist())) == expected


def test_the_error_about_ears_names_their_faces():
    angle = 2 * np.pi * np.arange(10) / 10
    V = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    V = np.concatenate([V, np.zeros((1, 3))])
    ears = [[0, 1, 2], [3, 4, 2], [6, 4, 5], [6, 7, 8], [8, 9, 0]]
    F = np.array([*ears, [0, 2, 10], [2, 4, 10], [4, 6, 10], [6, 8, 10], [8, 0, 10]])
    message = r"at faces \[0, 1, 2, 3, 4\]\) than a square has corners.*boundary='circle'"
    with pytest.raises(TopologyError, match=message):
        square_boundary(V, boundary_loop(F), F=F)


def test_without_ears_corners_lie_on_the_diagonals():
    V, F = grid(6, 6)
    loop = boundary_loop(F)
    corner = loop[square_corners(V, loop)]
    assert_array_equal(V[corner, :2], [[0, 0], [1, 0], [1, 1], [0, 1]])
    assert_allclose(square_boundary(V, loop), V[loop, :2], atol=1e-15)  # it maps to itself


@given(st.floats(0, 6.28), st.floats(0.4, 2.5))
def test_corners_follow_the_pose_and_the_shape_of_the_box(angle, aspect):
    """A disk in any turn and stretch: corners near the diagonals of its bounding box."""
    V, F = disk(8)
    c, s = np.cos(angle), np.sin(angle)
    V = (V @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])) * [1, aspect, 1]
    loop = boundary_loop(F)
    corner = V[loop[square_corners(V, loop)]] / [1, aspect, 1]
    expected = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / np.sqrt(2)
    # Even sides draw them away from the diagonals of a long box, and vertices are 7.5° apart.
    assert (np.einsum("kc,kc->k", corner[:, :2], expected) > np.cos(np.radians(30))).all()


def test_a_border_seen_edge_on_has_corners_all_the_same():
    V, F = disk(4)
    V = V[:, [2, 0, 1]]  # the plane x = 0
    loop = boundary_loop(F)
    UV = square_boundary(V, loop)
    assert {(0, 0), (1, 0), (1, 1), (0, 1)} <= set(map(tuple, UV.tolist()))
    assert_allclose(np.linalg.norm(circle_boundary(V, loop) - 0.5, axis=1), 0.5)


def test_given_corners_go_to_the_corners():
    V, F = meshes.bumpy(4)
    loop = boundary_loop(F)
    chosen = loop[[20, 2, 7, 12]]
    UV = square_boundary(V, loop, corners=chosen)
    assert_array_equal(UV[[20, 2, 7, 12]], [[0, 0], [1, 0], [1, 1], [0, 1]])


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ([0, 4, 2, 6], r"corners \[.*\] are not four vertices in the loop's order"),
        ([0, 0, 2, 4], "not four vertices in the loop's order"),
        ([6, 4, 2, 0], "not four vertices in the loop's order"),
    ],
)
def test_corners_out_of_order_are_refused(corners, message):
    V, F = meshes.bumpy(4)
    loop = boundary_loop(F)
    with pytest.raises(ValueError, match=message):
        square_boundary(V, loop, corners=loop[corners])


def test_corners_off_the_loop_are_refused():
    V, F = meshes.bumpy(4)
    with pytest.raises(ValueError, match=r"corners \[0\] are not on the loop"):
        square_boundary(V, boundary_loop(F), corners=np.array([37, 0, 40, 45]))


def test_given_corners_that_leave_an_ear_on_a_side_are_refused_with_its_face():
    V, F = grid(1, 3)  # ears at two opposite vertices: 3 (face 5) and 4 (face 1)
    loop = boundary_loop(F)
    ends = loop[chords(F, loop)]
    ear = int(np.flatnonzero((F == 3).any(axis=1) & (F == 7).any(axis=1) & (F == 2).any(axis=1))[0])
    assert [2, 7] in np.sort(ends, axis=1).tolist()
    bad = np.array([0, 2, 7, 4])
    with pytest.raises(TopologyError, match=rf"edge \(2, 7\) joins .*\(faces \[{ear}\]\)"):
        square_boundary(V, loop, corners=bad, F=F)
    square_boundary(V, loop, corners=np.array([0, 3, 7, 4]), F=F)


@given(meshes.disks())
def test_circle_is_by_arc_length_and_counter_clockwise(mesh):
    V, loop = mesh[0], outer(mesh)
    z = (circle_boundary(V, loop) - 0.5) @ [1, 1j]
    assert_allclose(np.abs(z), 0.5, atol=1e-14)
    step = np.linalg.norm(V[np.roll(loop, -1)] - V[loop], axis=1)
    turned = np.angle(np.roll(z, -1) / z) % (2 * np.pi)
    assert_allclose(turned, 2 * np.pi * step / step.sum(), atol=1e-12)


@given(st.floats(0, 6.28))
def test_circle_is_turned_like_the_pose(angle):
    V, F = disk(5)
    c, s = np.cos(angle), np.sin(angle)
    V = V @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    loop = boundary_loop(F)
    assert_allclose(circle_boundary(V, loop), V[loop, :2] / 2 + 0.5, atol=1e-12)


@pytest.mark.parametrize("place", [circle_boundary, square_boundary])
def test_coincident_neighbours_are_named(place):
    V, F = grid(2, 2)
    V[1] = V[0]
    with pytest.raises(MeshError, match=r"border vertices 0 and 1 coincide.*\(1 such pairs\)"):
        place(V, boundary_loop(F))


def test_a_triangle_has_too_few_vertices_for_a_square():
    V, F = meshes.RIGHT_TRIANGLE
    with pytest.raises(TopologyError, match=r"four corners, but the loop \[0, 1, 2\] has 3"):
        square_boundary(V, boundary_loop(F))
