"""What is known of a mesh that is looked at; broken meshes are shown as far as they go."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.mesh import Mesh
from meshkit.primitives import grid, hemisphere
from meshkit.rendering.uv_picture import draw_layout
from meshkit.viewing import subject as module
from meshkit.viewing.highlight import highlight
from meshkit.viewing.painted import painted_surface
from meshkit.viewing.subject import Subject


def of(V, F, **rest) -> Subject:
    return Subject(Path("mesh.obj"), Mesh(V, F, **rest))


@pytest.fixture(scope="module")
def dome() -> Subject:
    V, F = hemisphere(6)
    return of(1000 + 90.0 * V, F)


def attributes(glb: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """The document of a GLB file and its arrays by name."""
    size = struct.unpack_from("<I", glb, 12)[0]
    tree, blob = json.loads(glb[20 : 20 + size]), glb[28 + size :]
    (primitive,) = tree["meshes"][0]["primitives"]
    arrays = {}
    for name, k in {**primitive["attributes"], "indices": primitive["indices"]}.items():
        accessor, view = tree["accessors"][k], tree["bufferViews"][k]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor["type"]]
        kind = "<u4" if accessor["componentType"] == 5125 else "<f4"
        flat = np.frombuffer(blob, kind, accessor["count"] * width, view["byteOffset"])
        arrays[name] = flat.reshape(-1, width)
    return tree, arrays


def test_drawn_in_the_unit_ball_wherever_it_is(dome):
    """Single precision and the camera's limits then suit every unit and place."""
    assert_allclose(np.linalg.norm(dome.V, axis=1).max(), 1)
    assert_allclose(dome.V.max(axis=0) + dome.V.min(axis=0), 0, atol=1e-12)
    back = dome.V * dome.radius
    assert_allclose(back - back[0], dome.mesh.V - dome.mesh.V[0], atol=1e-9)


def test_facts_are_in_the_mesh_s_unit(dome):
    assert_allclose(dome.area(), 2 * np.pi * 90**2, rtol=0.02)
    assert dome.unit() == "millimetres"  # 180 wide
    assert of(*hemisphere(3)).unit() == "decimetres"
    V, F = hemisphere(3)
    assert of(50_000.0 * V, F).unit() is None


def test_border_is_drawn_as_the_doctor_counts_it():
    V, F = grid(6, 6)
    hole = (F == 14).any(axis=1)
    subject = of(V, F[~hole])
    assert [len(loop) for loop in subject.borders()] == list(subject.diagnosis().loops)
    assert subject.borders()[0].shape == (len(subject.borders()[0]), 2)


def test_faces_that_cannot_be_drawn_are_left_out():
    V, F = hemisphere(3)
    n = len(V)
    V = np.concatenate([V, [[np.nan, 0, 0]]])
    bad = np.array([[0, 1, n + 5], [0, 0, 1], [0, 1, n], [-1, 0, 1]])
    subject = of(V, np.concatenate([bad, F]))
    assert_array_equal(subject.rows, np.arange(len(F)) + len(bad))
    assert np.isfinite(subject.V).all()
    assert np.isfinite(subject.normals()).all()
    assert len(subject.diagnosis().findings) >= 3
    assert "no disk to make some of" in str(subject.layout())


def test_layout_of_a_disk_is_computed(dome):
    layout = dome.layout()
    assert layout.text.startswith("computed: unit square")
    assert layout.UV.min() == 0
    assert layout.UV.max() == 1
    none = np.zeros(0, np.int64)
    area = layout.distortion.area
    picture = draw_layout(layout.UV, layout.F, area, layout.loops, none, size=512)
    assert_array_equal(dome.layout_picture(), picture)


def test_own_layout_is_kept_with_its_seams_and_flips():
    V, F = grid(5, 5)
    UV = V[:, :2].copy()
    UV_corner = UV[F].reshape(-1, 2)
    UV_corner[:3] = UV_corner[:3][[0, 2, 1]]  # the first face is turned over in the texture
    subject = of(V, F, UV_corner=UV_corner, F_uv=np.arange(3 * len(F)).reshape(-1, 3))
    layout = subject.layout()
    assert layout.text == "of the file"
    (flipped,) = [found for found in layout.findings if found.name == "uv-flipped"]
    assert_array_equal(flipped.indices, [0])
    area = np.delete(layout.distortion.area, 0)
    assert_allclose(area, 1, rtol=1e-6)
    magenta = (subject.layout_picture() == (230, 0, 200)).all(axis=2)
    assert magenta.any()


def test_closed_mesh_says_why_there_is_no_layout():
    V, F = hemisphere(2)
    turned = np.concatenate([F, F[:, ::-1]])
    subject = of(V, np.unique(turned, axis=0))
    assert "the file has none" in str(subject.layout())
    assert subject.layout_picture() is None
    for surface in (subject.checker_surface, subject.area_surface, subject.angle_surface):
        assert surface() is None


def test_texture_that_is_not_finite_is_not_shown():
    V, F = grid(3, 3)
    UV = V[:, :2].copy()
    UV[4] = np.nan
    assert "not all finite" in str(of(V, F, UV=UV).layout())


def test_facts_are_computed_once(dome, monkeypatch):
    first = dome.layout()
    monkeypatch.setattr(module, "parameterize", None)
    assert dome.layout() is first


def test_normals_are_colours(dome):
    tree, arrays = attributes(dome.normals_surface())
    assert_array_equal(arrays["indices"].reshape(-1, 3), dome.F)
    srgb = arrays["COLOR_0"] ** (1 / 2.4) * 1.055 - 0.055
    inside = (dome.normals() > -0.9).all(axis=1)  # where the curve of sRGB is that power
    assert_allclose(srgb[inside], (dome.normals()[inside] + 1) / 2, atol=1e-5)
    assert tree["materials"][0]["extensions"] == {"KHR_materials_unlit": {}}


def test_checker_carries_the_layout(dome):
    tree, arrays = attributes(dome.checker_surface())
    layout = dome.layout()
    UV = arrays["TEXCOORD_0"] * (1, -1) + (0, 1)  # v grows downwards in glTF
    assert_allclose(UV, layout.UV, atol=1e-6)
    assert tree["images"][0]["uri"].startswith("data:image/png;base64,")


def test_distortion_is_blue_where_the_texture_is_small(dome):
    """On the dome the middle gets less than its share of the square, the corners more."""
    layout = dome.layout()
    _, arrays = attributes(dome.area_surface())
    color = arrays["COLOR_0"][dome.F].mean(axis=1)
    assert color[layout.distortion.area.argmin(), 2] > color[layout.distortion.area.argmin(), 0]
    assert color[layout.distortion.area.argmax(), 0] > color[layout.distortion.area.argmax(), 2]
    _, arrays = attributes(dome.angle_surface())
    worst = dome.F[layout.distortion.angle.argmax()]
    assert arrays["COLOR_0"][worst, 1].max() > np.median(arrays["COLOR_0"][:, 1])


def test_colours_of_the_file_are_shown_if_it_has_some(dome):
    assert dome.color_surface() is None
    V, F = hemisphere(2)
    _, arrays = attributes(of(V, F, colors=np.tile([1.0, 0.5, 0.0], (len(V), 1))).color_surface())
    assert_allclose(arrays["COLOR_0"][0], [1, 0.21404, 0], atol=1e-4)


def test_surface_has_one_kind_of_paint(dome):
    with pytest.raises(ValueError, match="either colors or UV"):
        painted_surface(dome.V, dome.F, dome.normals())


def test_finding_is_shown_where_it_is():
    """A turned face: its three corners, lifted off the surface, seen from outside."""
    V, F = hemisphere(5)
    F = F.copy()
    F[20] = F[20, ::-1]
    subject = of(V, F)
    (found,) = [f for f in subject.diagnosis().findings if f.name == "inconsistent-orientation"]
    place = highlight(subject, found)
    assert place.drawn == 1
    assert_allclose(place.center, subject.V[F[20]].mean(axis=0), atol=0.01)
    assert place.segments.shape == (3, 2, 3)
    assert_array_equal(place.F, F[[20]])
    assert place.normal @ subject.V[F[20]].mean(axis=0) > 0
    corner = np.linalg.norm(subject.V[F[20]] - place.center, axis=1).max()
    assert_allclose(place.reach, corner, rtol=0.05)


def test_places_that_do_not_exist_are_counted_out():
    V, F = hemisphere(3)
    V = V.copy()
    V[7] = np.inf
    subject = of(V, np.concatenate([F, [[0, 1, 99]]]))
    for found in subject.diagnosis().findings:
        place = highlight(subject, found)
        assert np.isfinite(place.segments).all()
        assert np.isfinite(place.points).all()
        if found.name in {"missing-vertices", "not-finite"}:
            assert place.drawn < found.count
