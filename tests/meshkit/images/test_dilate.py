"""Dilation against every texel's neighbours, one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from meshkit.geometry_image import geometry_image
from meshkit.images.dilate import dilate_image, dilate_raster, dilation_source
from meshkit.primitives import disk
from meshkit.raster import raster_matrix, rasterize_uv

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(MASKS, st.integers(0, 4))
def test_each_texel_near_the_inside_takes_the_nearest_and_no_other_any(inside, rings):
    H, W = inside.shape
    source = dilation_source(inside, rings)
    within = np.argwhere(inside)
    for row in range(H):
        for col in range(W):
            if inside[row, col]:
                assert source[row, col] == row * W + col
                continue
            step = np.abs(within - (row, col))
            if not len(step) or step.max(axis=1).min() > rings:
                assert source[row, col] == -1
                continue
            result = np.array(divmod(source[row, col], W))
            assert inside[tuple(result)]
            nearest = (step**2).sum(axis=1).min()
            assert ((result - (row, col)) ** 2).sum() == nearest


def chart() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    V, F = disk(5)
    return V, F, V[:, :2] / 4 + 0.5


def test_a_dilated_raster_maps_like_the_dilated_image():
    V, F, UV = chart()
    raster = rasterize_uv(UV, F, (20, 31))
    image = geometry_image(V, F, raster)
    wide = dilate_raster(raster, 3)
    expected, filled = dilate_image(image, raster.face_index >= 0, 3)
    assert_array_equal(geometry_image(V, F, wide), expected)
    assert_array_equal(wide.face_index >= 0, filled)
    assert filled.sum() > (raster.face_index >= 0).sum()
    assert (raster.face_index[filled & (raster.face_index < 0)] == -1).all()  # not in place
    rows = raster_matrix(F, wide, len(V)).sum(axis=1)
    np.testing.assert_allclose(rows, filled.ravel(), atol=1e-15)


def test_bilinear_look_ups_in_the_chart_find_no_background():
    """With one ring the four texels around any point of the chart are filled."""
    _, F, UV = chart()
    raster = rasterize_uv(UV, F, (16, 16))
    image, _ = dilate_image(np.ones((16, 16, 1)), raster.face_index >= 0, 1)
    image[dilation_source(raster.face_index >= 0, 1) < 0] = np.nan
    point = rasterize_uv(UV, F, (97, 97))
    v, u = (np.argwhere(point.face_index >= 0).T + 0.5) / 97 * 16 - 0.5
    i, j = np.floor(v).astype(int), np.floor(u).astype(int)
    assert np.isfinite(image[[i, i, i + 1, i + 1], [j, j + 1, j, j + 1]]).all()


def test_negative_rings_are_refused():
    with pytest.raises(ValueError, match="rings must be at least 0, got -1"):
        dilation_source(np.ones((2, 2), dtype=bool), -1)
