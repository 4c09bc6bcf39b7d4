"""The meshkit commands as a stranger calls them: what they refuse, in one line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from meshkit.primitives import grid
from tests.system.commands import dome, read_json, refuse, run, succeed, write


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
    (closed, "m.obj: the surface is closed: it has no border to put on a square; remedy: "),
    (two_parts, "m.obj: 2 components, of 54, 24 faces; their first faces: 24, 0; remedy: --comp"),
    (third_face, "m.obj: 1 edge with more than two faces: 0-1; remedy: meshkit repair --split"),
    (bow_tie, "m.obj: 1 vertex whose faces form more than one fan: 18; remedy: meshkit repair"),
    (lone_vertex, "m.obj: 1 vertex in no face: 37; remedy: meshkit repair --unreferenced, or --c"),
    (flipped, "m.obj: 1 face turned against the neighbours: 11; remedy: meshkit repair --orient"),
    (doubled, "m.obj: 1 face on the same three vertices as an earlier one: 54; remedy: meshkit"),
    (corner_twice, "m.obj: 1 face with one vertex twice: 54; remedy: meshkit repair --duplicates"),
    (torus_with_a_hole, "m.obj: 1 handle: no disk, even with all holes filled; remedy: "),
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
    elif remedy.startswith("--cut"):
        succeed("uvmap", "m.obj", "--cut")
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
        (
            lambda UV: UV * 1.5,
            "of vertex 3 lies outside [0, 1] (16 such); remedy: --new-uv makes new",
        ),
        (
            lambda UV: UV + np.array([np.nan, 0]),
            "is not finite (25 such); remedy: --new-uv makes new ones",
        ),
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
