"""Colours and pictures of faces against the slow way to the same."""

import numpy as np
import pytest
import torch

from gan.viewing.pictures import geometry_pictures, layout_picture, portrait
from gan.viewing.shading import DISPLACEMENT, DISTORTION, NORMALS, PLAIN, PaintedFrames
from meshkit.distortion import distortion
from meshkit.formats.gltf import load_gltf
from meshkit.render import vertex_normals
from meshkit.rendering.colormaps import apply_colormap
from meshkit.viewing.painted import linear_light


@pytest.fixture(scope="module")
def face(shapes) -> np.ndarray:
    codes = shapes.model.sample_codes(1, rng=torch.Generator().manual_seed(4))
    return shapes.decode(codes)


def test_area_ratios_are_those_of_the_slow_way(shapes, shading, face):
    slow = distortion(face.astype(float), shapes.faces, shapes.UV).area
    np.testing.assert_allclose(shading.area_ratio(face), slow, rtol=1e-4)


def test_normals_as_colours(shapes, shading, face):
    N = vertex_normals(face.astype(float), shapes.faces)
    np.testing.assert_allclose(shading.light(NORMALS, face), linear_light((N + 1) / 2), atol=0.01)


def test_distance_from_the_mean_as_colours(shapes, shading, face):
    violet = linear_light(apply_colormap(np.zeros(1), "viridis"))
    mean = shading.light(DISPLACEMENT, shapes.mean)
    np.testing.assert_allclose(mean, np.repeat(violet, len(mean), axis=0), atol=1e-6)
    t = np.linalg.norm(face - shapes.mean, axis=1) / shapes.reach
    exact = linear_light(apply_colormap(t.clip(0, 1), "viridis"))
    np.testing.assert_allclose(shading.light(DISPLACEMENT, face), exact, atol=0.02)


def test_every_mode_with_a_legend_has_ticks_for_its_colours(shapes, shading):
    assert shading.legend(PLAIN) is None
    legend = shading.legend(DISPLACEMENT)
    assert float(legend.ticks[-1]) == pytest.approx(shapes.reach, abs=0.05)
    ends = shading.legend(DISTORTION).colors[[0, -1]]
    assert ends[0, 2] > ends[0, 0]  # blue: smaller in the map
    assert ends[1, 0] > ends[1, 2]


def test_a_frame_written_over_the_last_is_a_file_of_its_own(shapes, shading, face, tmp_path):
    frames = PaintedFrames(shapes.mean, shapes, lit=True)
    frames.write(shapes.mean, shading.light(NORMALS, shapes.mean))
    light = shading.light(NORMALS, face)
    path = tmp_path / "face.glb"
    path.write_bytes(frames.write(face, light))
    mesh = load_gltf(path)
    np.testing.assert_array_equal(mesh.V, face)
    np.testing.assert_array_equal(mesh.F, shapes.faces)
    np.testing.assert_allclose(mesh.colors, light, atol=1e-6)


def test_the_geometry_image_shows_the_face(shapes, face):
    positions, normals = geometry_pictures(shapes, face)
    again, _ = geometry_pictures(shapes, shapes.mean)
    assert positions.shape == normals.shape == (256, 256, 3)
    assert (positions != again).any()
    # Upwards: the dome's map is itself, so red grows to the right and green upwards.
    centre = positions[::-1].astype(int)
    assert centre[128, 200, 0] > centre[128, 56, 0]
    assert centre[200, 128, 1] > centre[56, 128, 1]
    assert normals[128, 128, 2] > 250  # its top looks at the viewer


def test_the_map_and_portraits_are_drawn(shapes, shading, face):
    assert len(np.unique(layout_picture(shapes, shading, size=120).reshape(-1, 3), axis=0)) > 20
    assert (portrait(shapes, face) != portrait(shapes, shapes.mean)).any()
