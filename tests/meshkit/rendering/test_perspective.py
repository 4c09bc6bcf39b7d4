"""Perspective: sizes at known depths, points on their rays, faces that reach behind the eye."""

import numpy as np
import pytest

from meshkit.render import (
    Frame,
    frame_around,
    frame_of,
    render_mesh,
    turntable,
    turntable_views,
    visible_surface,
)
from meshkit.rendering.camera import NEAR, Camera
from meshkit.rendering.near_plane import cut_near
from tests.reference.ray_caster import nearest_hits

UNIT = Frame(np.zeros(3), 1.0)
SQUARE = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
TWO = np.array([[0, 1, 2], [0, 2, 3]])


def soup(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Triangles in all directions: before the eye, through its plane, behind it."""
    rng = np.random.default_rng(seed)
    V = np.repeat(1.5 * rng.normal(size=(n, 3)), 3, axis=0) + 0.5 * rng.normal(size=(3 * n, 3))
    return V, np.arange(3 * n).reshape(n, 3)


def centres(H: int, W: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the pixels' centres in a window of half height 1."""
    row, col = np.indices((H, W))
    return (col + 0.5 - W / 2) / (H / 2), (H / 2 - row - 0.5) / (H / 2)


@pytest.mark.parametrize("depth", [-1.3, 0.0, 0.7])
def test_a_square_at_a_known_depth_has_the_size_of_similar_triangles(depth):
    """The eye is at z = 2 for a window of half height 1 and a slope of one half."""
    fov = 2 * np.rad2deg(np.arctan(0.5))
    V = SQUARE * 0.63 + (0, 0, depth)
    seen = visible_surface(V, TWO, size=(50, 70), frame=UNIT, perspective=fov)
    x, y = centres(50, 70)
    half = 0.63 * 2 / (2 - depth)
    np.testing.assert_array_equal(seen.face_index >= 0, np.maximum(abs(x), abs(y)) < half)
    np.testing.assert_allclose(seen.depth[seen.face_index >= 0], -depth, atol=1e-12)
    assert np.isinf(seen.depth[seen.face_index < 0]).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fov", [None, 60.0, 120.0])
def test_what_is_seen_is_the_first_hit_of_the_pixels_ray(seed, fov):
    """Fails for a wrong depth order, a wrong cut at the near plane, a half-pixel shift."""
    V, F = soup(seed)
    R = turntable(20.0 * seed, 15.0)
    center = np.array([0.1, -0.2, 0.3])
    frame = Frame(center, 0.8)
    H, W = 30, 40
    seen = visible_surface(V, F, size=(H, W), view=R, frame=frame, perspective=fov)
    x, y = (0.8 * t.ravel() for t in centres(H, W))
    target = np.stack([x, y, np.zeros(H * W)], axis=1)
    distance = 100.0 if fov is None else 0.8 / np.tan(np.deg2rad(fov / 2))
    eye = np.array([0, 0, distance])
    direction = np.tile(-eye, (H * W, 1)) if fov is None else target - eye
    origin = target + eye if fov is None else eye + NEAR * direction
    face, _ = nearest_hits(origin @ R + center, direction @ R, V, F)
    np.testing.assert_array_equal(seen.face_index.ravel(), face)
    assert len(np.unique(face)) > 3


def test_faces_close_to_the_eye_are_cut_at_the_near_plane_only():
    """The soup around the eye itself, a fiftieth of its distance from the centre in size."""
    V, F = soup(5)
    eye = np.array([0, 0, 0.8])  # 90 degrees
    V = 0.02 * V + eye
    seen = visible_surface(V, F, size=(30, 40), frame=Frame(np.zeros(3), 0.8), perspective=90.0)
    x, y = (0.8 * t.ravel() for t in centres(30, 40))
    direction = np.stack([x, y, np.full(x.shape, -0.8)], axis=1)
    face, _ = nearest_hits(eye + NEAR * direction, direction, V, F)
    np.testing.assert_array_equal(seen.face_index.ravel(), face)
    assert len(np.unique(face)) > 3


def test_parts_of_cut_faces_keep_the_order_of_the_faces():
    """So that the lower index wins where faces are level, cut or not."""
    V, F = soup(4)
    h, _ = Camera(np.eye(3), Frame(np.zeros(3), 0.8), 90.0, 30, 40).project(V)
    cut, parts, origin = cut_near(h, F, NEAR)
    assert (np.diff(origin) >= 0).all()
    assert set(np.bincount(origin, minlength=len(F))) == {0, 1, 2}
    assert cut[parts, 2].min() > NEAR * (1 - 1e-6)


@pytest.mark.parametrize("fov", [None, 40.0, 140.0])
def test_interpolated_points_lie_on_the_rays_of_their_pixels(fov):
    """Fails without the division by depth: affine weights are wrong on tilted faces."""
    V, F = soup(7)
    frame = Frame(np.zeros(3), 0.8)
    seen = visible_surface(V, F, size=(30, 40), frame=frame, perspective=fov)
    row, col = np.nonzero(seen.face_index >= 0)
    P = np.einsum("pk,pkc->pc", seen.bary[row, col], V[F[seen.face_index[row, col]]])
    shrink = 1.0 if fov is None else 1 - P[:, 2] * np.tan(np.deg2rad(fov / 2)) / 0.8
    x, y = (0.8 * t[row, col] for t in centres(30, 40))
    np.testing.assert_allclose(P[:, 0] / shrink, x, atol=1e-9)
    np.testing.assert_allclose(P[:, 1] / shrink, y, atol=1e-9)
    np.testing.assert_allclose(-P[:, 2], seen.depth[row, col], atol=1e-9)
    assert seen.bary.min() > -1e-6


def test_a_small_field_of_view_is_orthographic():
    V, F = soup(3)
    options = {"size": (60, 60), "frame": Frame(np.zeros(3), 2.5), "view": turntable(30.0, 20.0)}
    flat = visible_surface(V, F, **options)
    far = visible_surface(V, F, perspective=0.1, **options)
    assert (flat.face_index != far.face_index).mean() < 0.02  # the eye is 2,900 units away


def test_a_mesh_behind_the_eye_is_not_seen():
    behind = SQUARE + np.array([0, 0, 9])
    seen = visible_surface(behind, TWO, frame=UNIT, perspective=90.0, size=(8, 8))
    assert (seen.face_index == -1).all()


def test_the_back_of_a_face_is_the_same_in_perspective():
    options = {"size": (8, 8), "frame": UNIT, "background": (0, 0, 0)}
    for F in (TWO, TWO[:, ::-1]):
        flat, deep = (render_mesh(SQUARE, F, perspective=p, **options) for p in (None, 60.0))
        np.testing.assert_array_equal(flat, deep)  # in the frame's plane sizes are the same


@pytest.mark.parametrize("size", [(60, 60), (90, 40), (40, 90)])
@pytest.mark.parametrize("fov", [20.0, 75.0])
def test_the_fitted_eye_is_as_near_as_it_can_be(size, fov):
    V = soup(1)[0] * (1, 2, 0.5) + (3, -4, 5)
    R = turntable(25.0, -10.0)
    frame = frame_of(V, view=R, size=size, margin=0.1, perspective=fov)
    h, _ = Camera(R, frame, fov, *size).project(V)
    reach = np.abs((h[:, :2] / h[:, 2:] + 0.5) / (size[1], size[0]) * 2 - 1) * 1.1
    np.testing.assert_allclose(reach.max(), 1, atol=1e-9)
    # Both sides of the tighter direction touch: moving the eye sideways gains nothing.
    signed = ((h[:, :2] / h[:, 2:] + 0.5) / (size[1], size[0]) * 2 - 1)[:, reach.max(0).argmax()]
    np.testing.assert_allclose([signed.min(), signed.max()], [-1 / 1.1, 1 / 1.1], atol=1e-9)


@pytest.mark.parametrize("fov", [None, 50.0])
def test_a_frame_around_a_mesh_holds_it_in_every_view_about_one_point(fov):
    V = soup(2)[0] * (1, 2, 3) + (7, 0, -5)
    views = turntable_views(12, yaw=15.0, pitch=20.0)
    frame = frame_around(V, views, size=(40, 60), margin=0.0, perspective=fov)
    reach = []
    for R in views:
        h, _ = Camera(R, frame, fov, 40, 60).project(V)
        assert h[:, 2].min() > 0
        reach.append(np.abs((h[:, :2] / h[:, 2:] + 0.5) / (60, 40) * 2 - 1).max())
    np.testing.assert_allclose(max(reach), 1, atol=1e-9)
    np.testing.assert_allclose(frame.center, (V.min(axis=0) + V.max(axis=0)) / 2)


def test_a_turn_is_equal_steps_all_the_way_round():
    first, second, *_, last = turntable_views(8, yaw=10.0, pitch=30.0)
    np.testing.assert_allclose(first, turntable(10.0, 30.0))
    np.testing.assert_allclose(second, turntable(55.0, 30.0))
    np.testing.assert_allclose(last, turntable(-35.0, 30.0), atol=1e-12)


def test_a_line_towards_the_eye_keeps_its_distance():
    V = np.array([[0.0, 0, 0], [0, 0, 5], [0, 0, 10]])
    assert Camera(np.eye(3), frame_of(V, perspective=30.0), 30.0, 8, 8).distance > 5.0


def test_vertices_in_no_face_do_not_shrink_the_picture():
    far = np.concatenate([SQUARE, [[99.0, 0, 0]]])
    np.testing.assert_array_equal(render_mesh(far, TWO), render_mesh(SQUARE, TWO))


def test_bad_options():
    for fov in (0.0, -5.0, 179.0, float("nan")):
        with pytest.raises(ValueError, match=r"from 0\.1 to 170 degrees"):
            visible_surface(SQUARE, TWO, perspective=fov)
    with pytest.raises(ValueError, match="no view"):
        frame_around(SQUARE, [])
    with pytest.raises(ValueError, match="no vertex"):
        frame_of(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="at least one frame"):
        turntable_views(0)
    with pytest.raises(ValueError, match="take a smaller size"):
        render_mesh(SQUARE, TWO, size=(10_000, 10_000))
    with pytest.raises(ValueError, match="no rotation"):
        render_mesh(SQUARE, TWO, view=np.full((3, 3), np.nan))
