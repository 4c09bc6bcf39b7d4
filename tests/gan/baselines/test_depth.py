"""Depth images."""

import numpy as np

from gan.baselines.depth import cached_depth, depth_camera
from gan.datasets.store import load_dataset
from meshkit.primitives import grid


def test_a_slope_is_seen_at_its_height():
    """z = 2 x on the unit square, seen from +z: the height under a pixel is 2 x of its centre."""
    V, F = grid(3, 3)
    V = np.asarray(V, dtype=float) * 10
    V[:, 2] = 2 * V[:, 0]
    camera = depth_camera(V, 20)
    (image,) = camera.see(V[None], F)
    step = 2 * camera.half_extent / 20
    x = camera.center[0] - camera.half_extent + step * (np.arange(20) + 0.5)
    inside = (x > 0) & (x < 10)
    np.testing.assert_allclose(image[10][inside], 2 * x[inside] - camera.center[2], atol=1e-3)
    np.testing.assert_allclose(image[10][~inside], camera.floor, atol=1e-4)
    assert (~inside).sum() >= 2
    np.testing.assert_allclose(camera.floor, -camera.center[2])


def test_the_cache_is_that_of_the_camera_and_the_rows(dataset_path, tmp_path):
    dataset = load_dataset(dataset_path)
    told = []
    camera, rows = depth_camera(dataset.template, 12), np.array([3, 5, 8])
    first = cached_depth(dataset, rows, camera, tmp_path, told.append)
    np.testing.assert_array_equal(first, camera.see(dataset.vertices(rows), dataset.faces))
    again = cached_depth(dataset, rows, camera, tmp_path, told.append)
    assert told == [3]
    np.testing.assert_array_equal(again, first)
    other = cached_depth(dataset, rows, depth_camera(dataset.template, 8), tmp_path, told.append)
    assert other.shape == (3, 8, 8)
