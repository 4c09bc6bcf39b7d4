"""The meshkit commands as a stranger calls them: what they write, say, and refuse."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from meshkit.cli import main
from meshkit.image_files import load_image_file
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import grid, hemisphere
from tests.mesh_files import seamed

NUMBERS = {"vertices", "faces", "loops", "weights", "flips", "zero_area", "empty_texels"}
NUMBERS |= {"vertices_seen", "angle", "area", "seconds", "input", "output", "preview"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def succeed(*arguments: object) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def read_json(*arguments: object) -> dict[str, Any]:
    """Exactly one JSON object on stdout."""
    values = json.loads(succeed(*arguments, "--json").stdout)
    assert isinstance(values, dict)
    return values


def write(name: str, V: np.ndarray, F: np.ndarray, **rest: Any) -> Path:
    save_mesh(name, Mesh(V, F, **rest))
    return Path(name)


def dome(rings: int = 4, *, holes: bool = False) -> tuple[np.ndarray, np.ndarray]:
    V, F = hemisphere(rings)
    if not holes:
        return V, F
    centre = np.flatnonzero((F == 0).any(axis=1))
    rest = np.delete(F, centre, axis=0)
    used = np.unique(rest)
    return V[used], np.searchsorted(used, rest)


# What they do


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
    assert by_name["holes"]["remedy"].startswith("--fill-holes")


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
    values = read_json("uvmap", "face.obj", "--preview", "p.png")
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
    with Image.open("p.png") as picture:
        assert picture.size[0] > picture.size[1] > 500


def test_uvmap_fills_holes_for_the_texels_but_not_in_the_file():
    V, F = dome(holes=True)
    values = read_json("uvmap", write("m.obj", V, F), "--fill-holes")
    assert values["empty_texels"] == {"64": 0, "128": 0, "256": 0}
    assert values["fill_faces"] == 4
    assert len(load_mesh("m_uv.obj").F) == len(F)


@pytest.mark.parametrize("weights", ["cotan", "mean-value", "uniform"])
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
    assert f"{flips} flipped faces and 0 without area in the map; --weights auto" in result.stderr
    with Image.open("p.png") as picture:
        pixels = np.asarray(picture).astype(int)
    assert (np.abs(pixels - (230, 0, 200)).max(axis=2) < 3).any()  # they are seen
    assert read_json("uvmap", template)["flips"] == 0


def test_uvmap_on_a_circle():
    write("m.obj", *dome())
    values = read_json("uvmap", "m.obj", "--boundary", "circle", "-o", "c.ply")
    UV = load_mesh("c.ply").UV
    assert UV is not None
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
        assert picture.size[0] > 3 * 400


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
    assert mirrored.UV is not None
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
    assert "turned" in succeed("repair", "m.obj", "--duplicates", "--orientation").stdout


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


# What they refuse


def refuse(*arguments: object, says: str, code: int = 1) -> None:
    """One clear line, the exit code, no traceback, and nothing written."""
    before = sorted(Path().rglob("*"))
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert says in result.stderr
    assert result.stdout == ""
    if code == 1:
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("Error: ")
    assert sorted(Path().rglob("*")) == before


def two_parts() -> tuple[np.ndarray, np.ndarray]:
    (V, F), (W, G) = dome(2), dome(3)
    return np.concatenate([V, W + 5]), np.concatenate([F, G + len(V)])


def with_nan() -> tuple[np.ndarray, np.ndarray]:
    V, F = dome(3)
    V[7, 1] = np.nan
    return V, F


def closed() -> tuple[np.ndarray, np.ndarray]:
    V, F = dome(2)
    rim = np.arange(len(V) - 12, len(V))
    cap = np.stack([np.roll(rim, -1), rim, np.full(12, len(V))], axis=1)
    return np.concatenate([V, [[0, 0, -1]]]), np.concatenate([F, cap])


def third_face() -> tuple[np.ndarray, np.ndarray]:
    V, F = dome(3)
    return np.concatenate([V, [[0, 0, 5]]]), np.concatenate([F, [[0, 1, len(V)]]])


def bow_tie() -> tuple[np.ndarray, np.ndarray]:
    V, F = dome(2)
    n = len(V)
    return np.concatenate([V, V[-1] + [[1, 0, 0], [1, 1, 0]]]), np.concatenate(
        [F, [[n - 1, n, n + 1]]]
    )


def lone_vertex() -> tuple[np.ndarray, np.ndarray]:
    V, F = dome(3)
    return np.concatenate([V, [[9, 9, 9]]]), F


def flipped() -> tuple[np.ndarray, np.ndarray]:
    V, F = dome(3)
    F[11] = F[11, ::-1]
    return V, F


def doubled() -> tuple[np.ndarray, np.ndarray]:
    V, F = dome(3)
    return V, np.concatenate([F, F[4:5]])


def corner_twice() -> tuple[np.ndarray, np.ndarray]:
    V, F = dome(3)
    return V, np.concatenate([F, [[1, 1, 2]]])


def torus_with_a_hole() -> tuple[np.ndarray, np.ndarray]:
    a, b = (k.ravel() for k in np.meshgrid(np.arange(6), np.arange(6), indexing="ij"))
    i, right, up = a * 6 + b, a * 6 + (b + 1) % 6, (a + 1) % 6 * 6 + b
    both = (a + 1) % 6 * 6 + (b + 1) % 6
    F = np.concatenate([np.stack([i, up, both], 1), np.stack([i, both, right], 1)])
    r = 2 + np.cos(b)
    return np.stack([r * np.cos(a), r * np.sin(a), np.sin(b)], axis=1), F[1:]


BAD_MESHES = [
    (with_nan, "m.obj: 1 vertex with a coordinate that is not finite: 7; remedy: correct"),
    (closed, "m.obj: the surface is closed: it has no border to put on a square; remedy: meshkit"),
    (two_parts, "m.obj: 2 components, of 54, 24 faces; their first faces: 24, 0; remedy: --comp"),
    (third_face, "m.obj: 1 edge with more than two faces: 0-1; remedy: meshkit repair --split"),
    (bow_tie, "m.obj: 1 vertex whose faces form more than one fan: 18; remedy: meshkit repair"),
    (lone_vertex, "m.obj: 1 vertex in no face: 37; remedy: meshkit repair --unreferenced, or --c"),
    (flipped, "m.obj: 1 face turned against the neighbours: 11; remedy: meshkit repair --orient"),
    (doubled, "m.obj: 1 face on the same three vertices as an earlier one: 54; remedy: meshkit"),
    (corner_twice, "m.obj: 1 face with one vertex twice: 54; remedy: meshkit repair --duplicates"),
    (torus_with_a_hole, "m.obj: 1 handle: no disk, even with all holes filled; remedy: meshkit"),
]


@pytest.mark.parametrize("command", ["uvmap", "geomimg"])
@pytest.mark.parametrize(
    ("make", "says"), BAD_MESHES, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_mesh_that_is_no_disk(command, make, says):
    write("m.obj", *make())
    refuse(command, "m.obj", "--preview", "p.png", says=says)
    assert run("check", "m.obj").exit_code == 1


@pytest.mark.parametrize("make", [make for make, _ in BAD_MESHES], ids=lambda make: make.__name__)
def test_the_remedy_in_the_message_works(make):
    """Whatever the error says to run makes the mesh usable, unless it has to be done by hand."""
    write("m.obj", *make())
    result = run("uvmap", "m.obj")
    remedy = result.stderr.partition("remedy: ")[2]
    if remedy.startswith("--component largest"):
        succeed("uvmap", "m.obj", "--component", "largest")
    elif remedy.startswith("meshkit repair "):
        succeed("repair", "m.obj", remedy.split()[2].rstrip(","))
        succeed("uvmap", "m_repaired.obj", "--component", "largest")
    else:
        assert remedy.startswith("correct")


@pytest.mark.parametrize("command", ["check", "uvmap", "geomimg", "repair"])
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.obj", "hello\n", "m.obj:1: unknown statement 'hello'"),
        ("m.obj", "", "m.obj is empty"),
        ("m.obj", "v 0 0 0\nv 1 0 0\nv 0 1 x\nf 1 2 3\n", "m.obj:3: v: 'x' is not a number"),
        ("m.obj", "v 0 0 0\nf 1 2 3\n", "m.obj:2: vertex 2, but the file has 1"),
        ("m.obj", "v 0 0 0\n", "m.obj holds 1 vertices but no face"),
        ("m.ply", "ply\n", "m.ply: the header has no line 'end_header'"),
        ("m.stl", "solid\n", "m.stl: the file ends before 'endsolid'"),
        ("m.glb", "{}", "m.glb: top: 'asset' is missing"),
        ("m.npz", "PK", "m.npz: not a sound NPZ archive"),
        ("m.xyz", "0 0 0\n", "m.xyz: unknown suffix '.xyz'; known are .glb .gltf"),
        ("m", "0 0 0\n", "m: no suffix; known are .glb .gltf"),
        (None, "", "absent.obj: No such file or directory"),
        ("folder.obj", None, "folder.obj: Is a directory"),
    ],
)
def test_a_file_that_is_no_mesh(command, name, content, says):
    if content is None:
        Path(name).mkdir()
    elif name is not None:
        Path(name).write_text(content)
    extra = ["--unreferenced"] if command == "repair" else []
    refuse(command, name or "absent.obj", *extra, says=says)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda UV: UV * 1.5, "of vertex 3 lies outside [0, 1] (16 such): --new-uv makes new"),
        (lambda UV: UV + np.array([np.nan, 0]), "is not finite (25 such): --new-uv makes new ones"),
    ],
)
def test_texture_coordinates_that_carry_no_image(change, says):
    V, F = grid(4, 4)
    write("m.npz", V, F, UV=change(V[:, :2]))
    refuse("geomimg", "m.npz", says=says)
    assert read_json("geomimg", "m.npz", "--new-uv")["uv"] == "made"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["geomimg", "m.obj", "--size", "0"], "'0': a side has 1 to 16384 texels"),
        (["geomimg", "m.obj", "--size", "-3"], "'-3' is neither N nor HxW"),
        (["geomimg", "m.obj", "--size", "64x0"], "a side has 1 to 16384 texels"),
        (["geomimg", "m.obj", "--size", "1x2x3"], "is neither N nor HxW"),
        (["geomimg", "m.obj", "--size", "big"], "'big' is neither N nor HxW"),
        (["geomimg", "m.obj", "--preview", "p.jpg"], "the picture is a .png"),
        (["geomimg", "m.obj", "-o", "p.png", "--preview", "p.png"], "is the file of -o too"),
        (["geomimg", "m.npz", "-o", "m.npz"], "-o m.npz is the input: give another name"),
        (["uvmap", "m.obj", "-o", "m.obj"], "-o m.obj is the input: give another name"),
        (["uvmap", "m.obj", "-o", "./x/../m.obj"], "is the input: give another name"),
        (["uvmap", "m.obj", "--component", "small"], "'small' is neither 'largest' nor a number"),
        (["uvmap", "m.obj", "--component", "-1"], "'-1' is neither 'largest' nor a number"),
        (["uvmap", "m.obj", "--weights", "magic"], "'magic' is not one of 'auto', 'cotan'"),
        (["uvmap", "m.obj", "--boundary", "star"], "'star' is not one of 'square', 'rect"),
        (["uvmap", "m.obj", "-o", "u.stl"], "-o u.stl: .stl holds no texture coordinates"),
        (["uvmap"], "Missing argument 'TEMPLATE'"),
        (["repair", "m.obj"], "name a repair; meshkit check says which a mesh needs"),
        (["repair", "m.obj", "--unreferenced", "--map", "m.txt"], "the maps are an .npz"),
        (["repair", "m.obj", "--unreferenced", "--map", "m.obj"], "--map m.obj is the input"),
        (["frobnicate"], "No such command 'frobnicate'"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, says):
    Path("x").mkdir()
    write("m.obj", *dome(2))
    write("m.npz", *dome(2))
    refuse(*arguments, says=says, code=2)


@pytest.mark.parametrize("command", ["uvmap", "geomimg", "repair"])
@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("taken", "taken{} is a folder; give the name of a file"),
        ("nowhere/out", "nowhere does not exist; create the folder first"),
        ("locked", "locked{} is read-only"),
        ("out", "p.png is a folder; give the name of a file"),
    ],
)
def test_targets_that_cannot_be_written(command, target, says, monkeypatch):
    """Tests may run as root, whom no mode stops: the system's answer is imitated."""
    write("m.obj", *dome(2))
    suffix = ".npz" if command == "geomimg" else ".obj"
    Path(f"taken{suffix}").mkdir()
    Path(f"locked{suffix}").write_text("precious")
    Path("p.png").mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda p, mode: "locked" not in str(p) and access(p, mode))
    extra = ["--unreferenced"] if command == "repair" else []
    if target == "out":
        if command == "repair":
            extra += ["--map", f"taken{suffix}.npz"]
            Path(f"taken{suffix}.npz").mkdir()
            says = f"taken{suffix}.npz is a folder"
        else:
            extra += ["--preview", "p.png"]
    refuse(command, "m.obj", "-o", f"{target}{suffix}", *extra, says=says.format(suffix))
    assert Path(f"locked{suffix}").read_text() == "precious"


def test_an_unknown_image_format():
    write("m.obj", *dome(2))
    refuse("geomimg", "m.obj", "-o", "g.tif", says="g.tif: unknown suffix '.tif'; a geometry im")
    refuse("uvmap", "m.obj", "-o", "g.xyz", says="g.xyz: unknown suffix '.xyz'; known are .glb")


def test_repairs_that_cannot_work_name_the_one_that_comes_first():
    write("m.obj", *corner_twice())
    refuse("repair", "m.obj", "--orientation", says="remedy: meshkit repair --duplicates")
    write("m.obj", *third_face())
    refuse("repair", "m.obj", "--fill-holes", says="remedy: meshkit repair --split-nonmanifold")
    succeed("repair", "m.obj", "--split-nonmanifold", "--fill-holes")


def test_a_component_that_does_not_exist():
    write("m.obj", *two_parts())
    refuse("uvmap", "m.obj", "--component", "2", says="give 'largest', or 0 to 1 by size")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a file system without writing")
def test_the_installed_command_leaves_nothing_where_it_cannot_write():
    """/proc binds root as well."""
    write("m.obj", *dome(2))
    before = sorted(Path().iterdir())
    command = [sys.executable, "-m", "meshkit", "uvmap", "m.obj", "-o", "/proc/m_uv.obj"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("Error: /proc/m_uv.obj")
    assert sorted(Path().iterdir()) == before


def test_help_is_quick_and_loads_no_library():
    code = (
        "import sys; sys.argv = ['meshkit', 'geomimg', '--help']\n"
        "from meshkit.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = ('scipy', 'PIL', 'rich.table', 'OpenEXR', 'torch', 'igl', 'trimesh')\n"
        "print(*(name for name in heavy if name in sys.modules))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.splitlines()[-1] == ""
