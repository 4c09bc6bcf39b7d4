"""Pictures: who is seen where, normals as colours, frames and views, sheets and files."""

import numpy as np
import pytest
from PIL import Image

from meshkit.errors import MeshError
from meshkit.render import (
    Frame,
    contact_sheet,
    frame_of,
    render_mesh,
    render_normals,
    save_png,
    turntable,
    vertex_normals,
)

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
UNIT = Frame(np.zeros(3), 1.0)  # the window [-1, 1]²
TRIANGLE = np.array([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])
ONE = np.array([[0, 1, 2]])


def hemisphere(n: int) -> tuple[np.ndarray, np.ndarray]:
    """A unit hemisphere towards +z over an (n, n) grid squeezed into a disk."""
    s = np.linspace(-1, 1, n)
    a, b = (t.ravel() for t in np.meshgrid(s, s))
    x, y = a * np.sqrt(1 - b**2 / 2), b * np.sqrt(1 - a**2 / 2)
    V = np.stack([x, y, np.sqrt((1 - x**2 - y**2).clip(0))], axis=1)
    k = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    quads = np.stack([k, k + 1, k + n + 1, k + n], axis=1)
    return V, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def test_a_triangle_covers_the_samples_it_holds():
    """The lower left half: (row, col) is inside iff its centre is below the diagonal."""
    image = render_mesh(TRIANGLE, ONE, size=(8, 8), mode="normals", frame=UNIT, samples=1)
    row, col = np.indices((8, 8))
    np.testing.assert_array_equal(image.any(axis=2), row >= col)


def test_supersampling_measures_coverage():
    """Diagonal pixels hold three of four sub-samples (ties count in): 0.75 of the colour."""
    colors = np.ones((1, 3))
    full = render_mesh(TRIANGLE, ONE, size=(8, 8), frame=UNIT, background=BLACK, colors=colors)
    inside, diagonal = full[7, 0].astype(float), full[4, 4].astype(float)
    np.testing.assert_allclose(diagonal, 0.75 * inside, atol=1)


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_the_nearer_face_is_seen_whatever_the_order(order):
    near, far = TRIANGLE + np.array([0, 0, 1]), TRIANGLE - np.array([0, 0, 1])
    F = np.array([[0, 1, 2], [3, 4, 5]])[order]
    colors = np.array([[1.0, 0, 0], [0, 1.0, 0]])[order]
    image = render_mesh(np.concatenate([near, far]), F, size=(8, 8), frame=UNIT, colors=colors)
    assert image[7, 0, 0] > 5 * image[7, 0, 1]  # red is the near one


def test_a_tie_goes_to_the_lower_face():
    colors = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    image = render_mesh(TRIANGLE, ONE.repeat(2, axis=0), size=(8, 8), frame=UNIT, colors=colors)
    assert image[7, 0, 0] > 5 * image[7, 0, 1]


@pytest.mark.parametrize("axis", [0, 1])
def test_depth_is_interpolated_within_a_face(axis):
    """Two planes that cross in x = 0 or y = 0: each is in front on its own side."""
    tilt = np.eye(3)
    tilt[axis, 2] = 1
    wide = TRIANGLE * 4 + np.array([2, 2, 0])  # holds the window
    V = np.concatenate([wide @ tilt, wide @ tilt * (1, 1, -1)])
    F, colors = np.array([[0, 1, 2], [3, 4, 5]]), np.array([[1.0, 0, 0], [0, 1.0, 0]])
    image = render_mesh(V, F, size=(8, 8), frame=UNIT, colors=colors).astype(int)
    row, col = np.indices((8, 8))
    positive = col >= 4 if axis == 0 else row < 4
    np.testing.assert_array_equal(image[..., 0] > image[..., 1], positive)


def test_normals_of_a_hemisphere_are_its_points():
    V, F = hemisphere(81)
    image = render_mesh(V, F, size=(64, 64), mode="normals", frame=UNIT, samples=1)
    y, x = -(np.indices((64, 64)) + 0.5 - 32) / 32 * [[[1]], [[-1]]]
    inner = x**2 + y**2 < 0.9**2
    n = np.stack([x, y, np.sqrt((1 - x**2 - y**2).clip(0))], axis=-1)
    error = np.abs(image[inner] - (n[inner] + 1) * 127.5)
    assert error.max() < 1.5  # half a level of rounding, the rest from flat faces


def test_vertex_normals_of_a_batch_and_of_a_lone_vertex():
    V, F = hemisphere(11)
    with_lone = np.concatenate([V, [[9.0, 9.0, 9.0]]])
    N = vertex_normals(np.stack([with_lone, with_lone * (1, 1, -1)]), F)
    np.testing.assert_allclose(N[1], N[0] * (-1, -1, 1), atol=1e-12)
    np.testing.assert_array_equal(N[:, -1], 0)
    np.testing.assert_allclose(np.linalg.norm(N[:, :-1], axis=2), 1, atol=1e-12)


def test_a_face_seen_from_behind_is_drawn_as_such():
    back = ONE[:, ::-1]
    blue = render_mesh(TRIANGLE, back, size=(8, 8), mode="normals", frame=UNIT)[7, 0, 2]
    assert blue == 0
    front, behind = (render_mesh(TRIANGLE, F, size=(8, 8), frame=UNIT)[7, 0] for F in (ONE, back))
    assert front[0] > front[2]  # clay is warm, the inside is cold
    assert behind[0] < behind[2]


def test_a_view_renders_the_rotated_mesh():
    V, F = hemisphere(21)
    V = V * (1, 0.6, 0.4)
    R = turntable(35.0, 20.0)
    turned = render_mesh(V @ R.T, F, size=(32, 32), frame=UNIT)
    viewed = render_mesh(V, F, size=(32, 32), frame=UNIT, view=R)
    np.testing.assert_array_equal(turned, viewed)


def test_turntable_turns_the_face_to_the_right_and_tips_the_top_forward():
    ahead, up = np.array([0.0, 0, 1]), np.array([0.0, 1, 0])
    assert (turntable(30.0) @ ahead)[0] > 0
    assert (turntable(0.0, 30.0) @ up)[2] > 0


def test_profile_shows_the_nose_on_the_left():
    tip = np.array([[0.0, 0, 1], [0, 0.2, 0.8], [0, -0.2, 0.8]])
    image = render_mesh(tip, ONE, size=(9, 9), view="profile", frame=UNIT, background=BLACK)
    assert image[:, :3].any()
    assert not image[:, 3:].any()


@pytest.mark.parametrize("size", [(40, 40), (90, 30), (30, 60)])
def test_the_fitted_frame_holds_the_mesh_and_no_more(size):
    V, F = hemisphere(41)
    V = V * (1, 2, 1) + (7, -3, 5)
    frame = frame_of(V, size=size, margin=0.1)
    ink = render_mesh(V, F, size=size, mode="normals", frame=frame, samples=1).any(axis=2)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    border = np.array([rows[0], size[0] - 1 - rows[-1], columns[0], size[1] - 1 - columns[-1]])
    scaled = border / [*size[:1] * 2, *size[1:] * 2]
    np.testing.assert_allclose(scaled.min(), 0.05 / 1.1, atol=1.5 / min(size))
    assert border.min() > 0


def test_one_frame_keeps_the_scale_of_several_meshes():
    V, F = hemisphere(41)
    frame = frame_of(np.stack([V, V / 2]))
    area = [render_mesh(s * V, F, mode="normals", frame=frame).any(axis=2).sum() for s in (1, 0.5)]
    np.testing.assert_allclose(area[0] / area[1], 4, rtol=0.02)


def test_a_frame_for_a_view_fits_in_that_view():
    V, F = hemisphere(41)
    V = V * (0.2, 1, 3)
    image = render_mesh(V, F, view="profile", size=(60, 60), background=BLACK)
    ink = image.any(axis=2)
    assert not ink[[0, -1]].any()
    assert not ink[:, [0, -1]].any()
    assert np.ptp(np.flatnonzero(ink.any(axis=0))) > 50  # three deep: the depth fills the width


def test_the_batch_is_its_pictures():
    V, F = hemisphere(21)
    batch = np.stack([V, V * (1, 0.5, 1)])
    images = render_normals(batch, F, size=(24, 20), frame=UNIT)
    for X, image in zip(batch, images, strict=True):
        alone = render_mesh(X, F, size=(24, 20), mode="normals", frame=UNIT, samples=1)
        np.testing.assert_array_equal(image, alone)


def test_vertex_colors_are_interpolated():
    colors = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    F = np.array([[0, 1, 2], [0, 1, 2]])  # two faces, so that three rows can only be vertices
    image = render_mesh(TRIANGLE, F, size=(64, 64), frame=UNIT, colors=colors)
    assert [image[62, 1].argmax(), image[62, 60].argmax(), image[3, 1].argmax()] == [0, 1, 2]


def test_far_vertices_and_faces_on_edge_are_harmless():
    V = np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 1], [1e300, 0, 0], [1e300, 1, 0], [2e300, 0, 0]])
    F = np.array([[0, 1, 2], [3, 4, 5]])
    image = render_mesh(V, F, size=(8, 8), frame=UNIT, background=WHITE)
    np.testing.assert_array_equal(image, 255)


def test_contact_sheet_places_tiles_in_rows():
    tiles = [np.full((20, 30, 3), v, dtype=np.uint8) for v in (10, 20, 30)]
    sheet = contact_sheet(tiles, 2, gap=4)
    assert sheet.shape == (2 * 24 + 4, 2 * 34 + 4, 3)
    assert [sheet[10, 10, 0], sheet[10, 50, 0], sheet[40, 10, 0]] == [10, 20, 30]
    labelled = contact_sheet(tiles, 2, ["a", "b", ""], gap=4)
    strip = (labelled.shape[0] - sheet.shape[0]) // 2
    text = labelled[24 : 24 + strip, :, 0] < 100
    assert text[:, 4:34].any()
    assert not labelled[48 + strip :, 38:, 0].min() < 250  # no fourth tile, no label


def test_png_round_trip(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    save_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), image)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (0, 8)}, "must be positive"),
        ({"samples": 0}, "must be positive"),
        ({"colors": np.ones((2, 3))}, "2 colors fit neither 3 vertices nor 1 faces"),
        ({"colors": np.ones((3, 3)), "mode": "normals"}, "no effect"),
        ({"view": np.diag([1.0, 1.0, -1.0])}, "no rotation"),
        ({"view": 2 * np.eye(3)}, "no rotation"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        render_mesh(TRIANGLE, ONE, **options)


def test_bad_vertices_and_sheets():
    V = TRIANGLE.copy()
    V[1, 2] = np.nan
    with pytest.raises(MeshError, match=r"vertex 1 = .* is not finite"):
        render_mesh(V, ONE)
    with pytest.raises(ValueError, match="not finite"):
        frame_of(V)
    with pytest.raises(MeshError, match="names a vertex"):
        render_mesh(TRIANGLE, ONE + 1)
    tile = np.zeros((4, 4, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="needs a tile"):
        contact_sheet([], 2)
    with pytest.raises(ValueError, match="differ in size"):
        contact_sheet([tile, tile[:2]], 2)
    with pytest.raises(ValueError, match="1 labels for 2 tiles"):
        contact_sheet([tile, tile], 2, ["a"])
