"""Previews: what must be where, and in which colour."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from meshkit.param import flipped_faces, parameterize
from meshkit.primitives import grid
from meshkit.render import render_mesh
from meshkit.rendering.image_picture import draw_image_preview, grid_faces
from meshkit.rendering.uv_picture import (
    MAGENTA,
    area_colors,
    draw_layout,
    draw_uv_preview,
    side_by_side,
)
from meshkit.topology import boundary_loop


def reddish(color: np.ndarray) -> float:
    return float(color[..., 0].astype(int).mean() - color[..., 2].astype(int).mean())


def test_blue_is_small_white_is_fair_red_is_large():
    small, fair, large = area_colors(np.array([1 / 8, 1, 8]))
    assert reddish(small) < -100
    assert abs(reddish(fair)) < 10
    assert fair.min() > 230
    assert reddish(large) > 100
    np.testing.assert_array_equal(
        area_colors(np.array([0, 1e-9, 1e9]))[[0, 1, 2]], [small, small, large]
    )


def test_the_layout_has_v_upwards_and_u_to_the_right():
    V, F = grid(8, 8)
    centre = V[F].mean(axis=1)
    area = np.where((centre[:, 0] < 0.5) & (centre[:, 1] > 0.5), 8.0, 1 / 8)  # left, top
    loop = boundary_loop(F)
    picture = draw_layout(V[:, :2], F, area, [loop], np.zeros(0, np.int64), size=200)
    quarters = picture[20:90, 20:90], picture[20:90, 110:180], picture[110:180, 20:90]
    assert [reddish(quarter) > 0 for quarter in quarters] == [True, False, False]
    assert picture[100, 6].max() < 120  # the border is dark: it lies 3 % from the edge
    assert picture[100, 2].min() > 240  # and paper is around it


def test_flipped_faces_are_magenta_and_fills_grey():
    V, F = grid(4, 4)
    UV = V[:, :2].copy()
    UV[12] = UV[12] + [0.45, 0.05]  # the middle vertex leaves its neighbours' polygon
    flips = flipped_faces(UV, F)
    assert flips.size
    loop = boundary_loop(F)
    picture = draw_layout(UV, F, np.ones(len(F)), [loop], flips, size=300)
    a, b, c = UV[F[flips]].swapaxes(0, 1)
    share = np.abs(np.cross(np.pad(b - a, ((0, 0), (0, 1))), np.pad(c - a, ((0, 0), (0, 1))))[:, 2])
    magenta = (np.abs(picture.astype(int) - MAGENTA).max(axis=2) < 3).mean()
    assert magenta > 0.8 * share.sum() / 2  # filled, not only outlined
    x, y = UV[F[flips[0]]].mean(axis=0)
    np.testing.assert_array_equal(picture[round(291 - 282 * y), round(9 + 282 * x)], MAGENTA)
    fill = draw_layout(V[:, :2], F, np.ones(len(F) - 16), [loop], flips[:0], size=300)
    grey = (np.abs(fill.astype(int) - 222).max(axis=2) < 3).mean()
    assert grey == pytest.approx(0.5, abs=0.12)  # half of the square, less the lines


def test_a_preview_is_the_map_beside_the_surface_in_its_checker():
    V, F = grid(6, 6)
    flat = parameterize(V, F)
    picture = draw_uv_preview(V, F, flat, "grid")
    layout, surface = picture[34:754, 10:730], picture[34:754, 740:1460]
    areas = flat.distortion.area
    np.testing.assert_array_equal(
        layout, draw_layout(flat.UV, flat.F, areas, flat.loops, flat.flips)
    )
    checker = render_mesh(V, F, size=(720, 720), mode="uv-checker", UV=flat.UV)
    np.testing.assert_array_equal(surface, checker)


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_grid_faces_cover_the_whole_blocks_counterclockwise(inside):
    H, W = inside.shape
    F = grid_faces(inside)
    v, u = np.divmod(np.arange(H * W), W)
    a, b, c = np.stack([u, v], axis=1)[F].swapaxes(0, 1)
    double = np.cross(np.pad(b - a, ((0, 0), (0, 1))), np.pad(c - a, ((0, 0), (0, 1))))[:, 2]
    np.testing.assert_array_equal(double, 1)
    blocks = inside[1:, 1:] & inside[:-1, 1:] & inside[1:, :-1] & inside[:-1, :-1]
    assert len(F) == 2 * blocks.sum()
    assert inside.ravel()[F].all()


def test_the_image_preview_has_v_upwards_and_marks_what_is_outside():
    v, u = np.meshgrid(np.linspace(0, 1, 16), np.linspace(0, 1, 16), indexing="ij")
    inside = np.ones((16, 16), dtype=bool)
    inside[:4, :4] = False
    picture = draw_image_preview(np.stack([u, v, 0 * u], axis=2), inside, "title", size=160)
    tile = picture[34 : 34 + 160, 10:170].astype(int)
    assert tile[5, 80, 1] > 240  # y is green and large at the top
    assert tile[80, 155, 0] > 240  # x is red and large at the right
    np.testing.assert_array_equal(tile[150, 5], [150, 150, 155])  # outside, at the bottom left
    normal = picture[34 : 34 + 160, 180:340].astype(int)
    np.testing.assert_allclose(
        normal[20:100, 60:140].mean(axis=(0, 1)), [127.5, 127.5, 255], atol=1
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 400), (400, 3)])
def test_any_shape_of_image_has_a_preview(shape):
    image = np.random.default_rng(0).random((*shape, 3))
    for inside in (np.ones(shape, bool), np.zeros(shape, bool)):
        picture = draw_image_preview(image, inside, "t", size=60)
        assert picture.shape[0] == 60 + 34 + 44


def test_tiles_of_different_widths_stand_in_a_row():
    tiles = [np.zeros((40, 30, 3), np.uint8), np.full((40, 60, 3), 9, np.uint8)]
    sheet = side_by_side(tiles, ["a", "b"], "caption", scale=False)
    assert sheet.shape == (40 + 78, 30 + 60 + 30, 3)
    np.testing.assert_array_equal(sheet[34:74, 50:110], tiles[1])
