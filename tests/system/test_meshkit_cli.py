"""The meshkit commands as a stranger calls them: what they write and say."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from meshkit.images.image_files import load_image_file
from meshkit.io import load_mesh, save_mesh
from meshkit.primitives import grid
from meshkit.rendering.image_picture import draw_image_preview
from tests.mesh_files import seamed
from tests.system.commands import dome, read_json, refuse, run, succeed, write

NUMBERS = {"vertices", "faces", "loops", "weights", "flips", "zero_area", "empty_texels"}
NUMBERS |= {"vertices_seen", "angle", "area", "seconds", "input", "output", "preview"}


pytestmark = pytest.mark.usefixtures("workdir")


def test_check_prints_one_object_with_every_finding():
    V, F = dome(holes=True)
    V[3] = np.nan
    result = run("check", write("m.obj", V, F), "--json")
    values = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (values["vertices"], values["faces"], values["usable"]) == (len(V), len(F), False)
    assert values["loops"] == [24, 6]
    by_name = {finding["name"]: finding for finding in values["findings"]}
    assert by_name["not-finite"]["indices"] == [3]
    assert by_name["holes"]["remedy"].startswith("meshkit repair --fill-holes")
    assert by_name["holes"]["remedy_code"] == "fill-holes"


def test_check_says_it_in_words_too():
    V, F = dome()
    assert "usable as a template: a disk\n" in succeed("check", write("m.obj", V, F)).stdout
    V, F = dome(holes=True)
    assert "a disk with holes" in succeed("check", write("m.obj", V, F)).stdout
    F[5] = F[5, ::-1]
    result = run("check", write("m.obj", V, F))
    assert result.exit_code == 1
    assert "error" in result.stdout
    assert "meshkit repair" in result.stdout
    assert "not usable" in result.stdout


def test_check_examines_texture_coordinates():
    mesh = seamed()
    values = json.loads(
        run("check", write("m.obj", mesh.V, mesh.F, UV=mesh.V[:, :2]), "--json").stdout
    )
    assert values["uv"] == "per vertex"
    save_mesh("s.obj", mesh)
    values = json.loads(run("check", "s.obj", "--json").stdout)
    assert values["uv"] == "per corner"
    assert "uv-seams" in [finding["name"] for finding in values["findings"]]


def test_uvmap_writes_the_same_mesh_with_uv():
    V, F = dome(holes=True)
    write("face.obj", V, F)
    values = read_json("uvmap", "face.obj")
    assert set(values) >= NUMBERS
    assert values["output"] == "face_uv.obj"
    back = load_mesh("face_uv.obj")
    np.testing.assert_array_equal(back.V, V)
    np.testing.assert_array_equal(back.F, F)
    assert back.UV is not None
    assert back.UV.min() == 0
    assert back.UV.max() == 1
    assert (values["loops"], values["flips"], values["zero_area"]) == ([24, 6], 0, 0)
    assert values["empty_texels"]["64"] > 0  # the hole is open


def test_uvmap_fills_holes_for_the_texels_but_not_in_the_file():
    V, F = dome(holes=True)
    values = read_json("uvmap", write("m.obj", V, F), "--fill-holes")
    assert values["empty_texels"] == {"64": 0, "128": 0, "256": 0}
    assert values["fill_faces"] == 4
    assert len(load_mesh("m_uv.obj").F) == len(F)


@pytest.mark.parametrize("weights", ["cotan", "mean-value", "uniform", "delaunay", "robust"])
def test_uvmap_takes_the_weights_it_is_given_and_says_so(weights):
    write("m.obj", *dome())
    assert read_json("uvmap", "m.obj", "--weights", weights)["weights"] == weights
    assert weights in succeed("uvmap", "m.obj", "--weights", weights).stdout


def test_uvmap_warns_of_flips_that_the_caller_asked_for(faces):
    """Cotangent weights flip faces of this template while its holes are open; auto does not."""
    template = faces / "ict" / "template_holes.obj"
    result = succeed("uvmap", template, "--weights", "cotan", "--preview", "p.png", "--json")
    flips = json.loads(result.stdout)["flips"]
    assert flips > 0
    assert f"use --weights auto to avoid {flips} flipped faces and 0 without" in result.stderr
    with Image.open("p.png") as picture:
        pixels = np.asarray(picture).astype(int)
    assert (np.abs(pixels - (230, 0, 200)).max(axis=2) < 3).any()  # they are seen
    assert read_json("uvmap", template)["flips"] == 0


def test_uvmap_on_a_circle():
    write("m.obj", *dome())
    values = read_json("uvmap", "m.obj", "--boundary", "circle", "-o", "c.ply")
    UV = load_mesh("c.ply").UV
    radius = np.linalg.norm(UV - 0.5, axis=1)
    assert radius.max() == pytest.approx(0.5, abs=1e-12)
    assert values["empty_texels"]["256"] == 0  # texels outside the circle are not empty


def test_the_templates_are_flattened_without_flips_or_empty_texels(faces):
    for name in ("ict", "makehuman"):
        values = read_json("uvmap", faces / name / "template_holes.obj", "--fill-holes")
        assert (values["flips"], values["zero_area"]) == (0, 0)
        assert values["empty_texels"] == {"64": 0, "128": 0, "256": 0}


def test_a_component_is_taken_by_size():
    (V, F), (W, G) = dome(2), dome(3)
    write("m.obj", np.concatenate([V, W + 5]), np.concatenate([F, G + len(V)]))
    assert read_json("uvmap", "m.obj", "--component", "largest")["faces"] == len(G)
    assert read_json("uvmap", "m.obj", "--component", "1")["faces"] == len(F)
    assert read_json("geomimg", "m.obj", "--component", "1")["faces"] == len(F)


def test_geomimg_makes_a_map_if_the_file_has_none():
    V, F = dome(6, holes=True)
    values = read_json("geomimg", write("m.obj", V, F), "--size", "32", "--preview", "p.png")
    assert set(values) >= NUMBERS
    assert (values["uv"], values["weights"], values["fill_faces"]) == ("made", "cotan", 4)
    assert values["empty_texels"] == {"32": 0}
    image, inside = load_image_file("m_geomimg.npz")
    assert inside.all()
    assert image.shape == (32, 32, 3)
    radius = np.linalg.norm(image, axis=2)  # on the faces of a polyhedron in the unit sphere
    assert radius.max() <= 1
    assert radius.min() > 0.9
    with Image.open("p.png") as picture:
        np.testing.assert_array_equal(
            picture, draw_image_preview(image, inside, "m.obj: 32 x 32 texels")
        )


def test_geomimg_uses_the_file_s_uv_at_the_texel_centres():
    """On a plane whose UV are its coordinates the image is known: the centres themselves."""
    V, F = grid(5, 4)
    V[:, 2] = 2 * V[:, 0] - V[:, 1]
    write("m.obj", V, F, UV=V[:, :2])
    values = read_json("geomimg", "m.obj", "--size", "6x3", "--maps")
    assert (values["uv"], values["weights"], values["size"]) == ("file", None, [6, 3])
    v, u = np.meshgrid((np.arange(6) + 0.5) / 6, (np.arange(3) + 0.5) / 3, indexing="ij")
    image = load_image_file("m_geomimg.npz").image
    np.testing.assert_allclose(image, np.stack([u, v, 2 * u - v], axis=2), atol=1e-15)
    with np.load("m_geomimg.npz") as maps:
        P = V[maps["F"][maps["face_index"]]]
        np.testing.assert_allclose((maps["bary"][..., None] * P).sum(axis=2), image, atol=1e-15)
        assert maps["vertices_seen"].mean() == values["vertices_seen"]["6x3"]


@pytest.mark.parametrize("suffix", [".exr", ".png"])
def test_geomimg_writes_pictures_with_maps_beside_them(suffix):
    V, F = grid(4, 4)
    write("m.obj", V, F, UV=V[:, :2])
    values = read_json("geomimg", "m.obj", "-o", f"g{suffix}", "--maps")
    assert values["files"] == [f"g{suffix}", "g_maps.npz"]
    exact = load_image_file(f"g{suffix}").image
    read_json("geomimg", "m.obj", "-o", "g.npz")
    np.testing.assert_allclose(exact, load_image_file("g.npz").image, atol=1 / 65535)


def test_geomimg_fills_the_holes_of_a_file_s_map_or_leaves_them():
    V, F = dome(5, holes=True)
    succeed("uvmap", write("m.obj", V, F))
    assert read_json("geomimg", "m_uv.obj")["empty_texels"] == {"64": 0}
    values = read_json("geomimg", "m_uv.obj", "--no-fill-holes")
    assert values["empty_texels"]["64"] > 0
    assert values["fill_faces"] == 0
    mirrored = load_mesh("m_uv.obj")
    write("n.obj", V, F, UV=mirrored.UV * (-1, 1) + (1, 0))
    values = read_json("geomimg", "n.obj")
    assert values["empty_texels"] == {"64": 0}
    assert values["flips"] == len(F) + 4  # the whole map is a mirror image, and it says so


def test_geomimg_takes_seams_only_when_told():
    save_mesh("s.obj", seamed())
    refuse("geomimg", "s.obj", says="s.obj: vertex 0 has several texture coordinates (2 such")
    values = read_json("geomimg", "s.obj", "--allow-seams")
    assert values["seam_vertices"] == 2
    values = read_json("geomimg", "s.obj", "--new-uv", "-o", "t.npz")
    assert (values["uv"], values["empty_texels"]) == ("made", {"64": 0})


def test_geomimg_needs_no_disk_if_there_are_texture_coordinates():
    """A closed cube cut open by its seams is a common texture."""
    (V, F), (W, G) = grid(2, 2), grid(2, 2)
    UV = np.concatenate([V[:, :2] * (0.45, 1), W[:, :2] * (0.45, 1) + (0.55, 0)])
    write("m.obj", np.concatenate([V, W + 5]), np.concatenate([F, G + len(V)]), UV=UV)
    values = read_json("geomimg", "m.obj")
    assert 0 < values["empty_texels"]["64"] < 64 * 64 / 5
    assert values["flips"] == 0


def test_repair_mends_what_check_finds():
    V, F = dome(3)
    V = np.concatenate([V, [[9, 9, 9]]])
    bad = np.concatenate([F, F[:1], [[2, 2, 3]]])
    bad[4] = bad[4, ::-1]
    write("m.obj", V, bad)
    assert run("check", "m.obj").exit_code == 1
    values = read_json(
        "repair", "m.obj", "--duplicates", "--unreferenced", "--orientation", "--map", "map.npz"
    )
    assert values["errors_left"] == []
    assert [step["repair"] for step in values["steps"]] == [
        "duplicates",
        "unreferenced",
        "orientation",
    ]
    assert values["steps"][0]["faces"] == -2
    assert values["steps"][2]["faces_turned"] == 1
    assert run("check", "m_repaired.obj").exit_code == 0
    with np.load("map.npz") as maps:
        np.testing.assert_array_equal(maps["vertex_map"], np.arange(len(V) - 1))
        np.testing.assert_array_equal(maps["face_map"], np.arange(len(F)))
    assert "flipped" in succeed("repair", "m.obj", "--duplicates", "--orientation").stdout


def test_info_lists_versions_and_formats():
    values = read_json("info")
    assert values["required"]["numpy"] == np.__version__
    assert ".obj" in values["mesh_formats"]
    assert "numpy" in succeed("info").stdout


def test_warnings_go_to_stderr_and_json_stays_clean():
    V, F = dome(2)
    text = "".join(f"v {x} {y} {z}\n" for x, y, z in V.tolist()) + "vt 0 0\n"
    rows = [f"f {a} {b} {c}\n" for a, b, c in (F + 1).tolist()]
    rows[3] = "f {}/1 {}/1 {}/1\n".format(*(F[3] + 1))
    Path("m.obj").write_text(text + "".join(rows))
    result = succeed("uvmap", "m.obj", "--json")
    json.loads(result.stdout)
    assert "warning: m.obj: texture coordinates dropped" in result.stderr
