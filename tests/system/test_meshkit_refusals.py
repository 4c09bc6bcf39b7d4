"""The meshkit commands as a stranger calls them: what they refuse, in one line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from meshkit.primitives import grid
from tests import meshes
from tests.system.commands import dome, read_json, refuse, run, succeed, write

pytestmark = pytest.mark.usefixtures("workdir")


V, F = dome(3)
N = len(V)
CORNER = np.array([[9.0, 9, 9]])
BAD_MESHES = {
    "1 vertex with a coordinate that is not finite: 7; remedy: correct": (
        np.where(np.arange(N)[:, None] == 7, np.nan, V),
        F,
    ),
    "the surface is closed: it has no border to put on a square; remedy: ": meshes.sphere(),
    "2 components, of 54, 54 faces; their first faces: 0, 54; remedy: --comp": (
        np.concatenate([V, V + 5]),
        np.concatenate([F, F + N]),
    ),
    "1 edge with more than two faces: 0-1; remedy: meshkit repair --split": (
        np.concatenate([V, CORNER]),
        np.concatenate([F, [[0, 1, N]]]),
    ),
    "1 vertex whose faces form more than one fan: 36; remedy: meshkit repair": (
        np.concatenate([V, V[-1] + CORNER, V[-1] + 2 * CORNER * [1, 0, 1]]),
        np.concatenate([F, [[N - 1, N, N + 1]]]),
    ),
    "1 vertex in no face: 37; remedy: meshkit repair --unreferenced, or --c": (
        np.concatenate([V, CORNER]),
        F,
    ),
    "1 face turned against the neighbours: 11; remedy: meshkit repair --orient": (
        V,
        np.where(np.arange(len(F))[:, None] == 11, F[:, ::-1], F),
    ),
    "1 face on the same three vertices as an earlier one: 54; remedy: meshkit": (
        V,
        np.concatenate([F, F[4:5]]),
    ),
    "1 face with one vertex twice: 54; remedy: meshkit repair --duplicates": (
        V,
        np.concatenate([F, [[1, 1, 2]]]),
    ),
    "1 handle: no disk, even with all holes filled; remedy: ": meshes.torus_with_hole(),
}


@pytest.mark.parametrize("command", ["uvmap", "geomimg"])
@pytest.mark.parametrize("says", BAD_MESHES)
def test_a_mesh_that_is_no_disk(command, says):
    write("m.obj", *BAD_MESHES[says])
    refuse(command, "m.obj", "--preview", "p.png", says=f"m.obj: {says}")
    assert run("check", "m.obj").exit_code == 1


@pytest.mark.parametrize("mesh", BAD_MESHES.values(), ids=BAD_MESHES)
def test_the_remedy_in_the_message_works(mesh):
    """Whatever the error says to run makes the mesh usable, unless it has to be done by hand."""
    write("m.obj", *mesh)
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
        ("m.obj", "1 2\n", "m.obj:1: unknown statement '1'"),
        ("m.obj", "", "m.obj is empty"),
        ("m.obj", "v 0 0 0\nv 1 0 0\nv 0 1 x\nf 1 2 3\n", "m.obj:3: v: 'x' is not a number"),
        ("m.obj", "v 0 0 0\nf 1 2 3\n", "m.obj:2: vertex 2, but the file has 1"),
        ("m.obj", "v 0 0 0\n", "m.obj holds 1 vertices but no face"),
        ("m.ply", "ply\n", "m.ply: the header has no line 'end_header'"),
        ("m.stl", "solid\n", "m.stl: the file ends before 'endfacet'"),
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
    P, G = grid(4, 4)
    write("m.npz", P, G, UV=change(P[:, :2]))
    refuse("geomimg", "m.npz", says=says)
    assert read_json("geomimg", "m.npz", "--new-uv")["uv"] == "made"


WRONG_USAGE = {
    "geomimg m.obj --size 0": "A side has 1 to 16384 texels, not '0'.",
    "geomimg m.obj --size -3": "Give a size as N or HxW, not '-3'.",
    "geomimg m.obj --size 64x0": "A side has 1 to 16384 texels",
    "geomimg m.obj --size 1x2x3": "Give a size as N or HxW",
    "geomimg m.obj --size big": "Give a size as N or HxW, not 'big'.",
    "geomimg m.obj --size 4096 --samples 8": "at most 16384 samples per side",
    "geomimg m.obj --preview p.jpg": "Give a name that ends in .png, not 'p.jpg'.",
    "geomimg m.obj -o p.png --preview p.png": "p.png is also the file of -o.",
    "geomimg m.obj -o g.exr --maps --preview g_maps.npz": "Give a name that ends in .png",
    "geomimg m.npz -o m.npz": "Give another name for -o: m.npz is an input.",
    "uvmap m.obj -o m.obj": "Give another name for -o: m.obj is an input.",
    "uvmap m.obj -o ./x/../m.obj": "is an input.",
    "uvmap m.obj --component small": "Give 'largest' or a number from 0, not 'small'.",
    "uvmap m.obj --component -1": "Give 'largest' or a number from 0, not '-1'.",
    "uvmap m.obj --weights magic": "'magic' is not one of 'auto', 'cotan'",
    "uvmap m.obj --boundary star": "'star' is not one of 'square', 'rect",
    "uvmap m.obj -o u.stl": "Choose another format for -o u.stl: .stl stores no texture",
    "uvmap": "Missing argument 'TEMPLATE'",
    "uvmap m.obj --corners a,b": "Give pose, angle or vertex indices such as 3,10,21,8, not 'a,b'.",
    "uvmap m.obj --polygon p.txt --boundary circle": "Give either --polygon or --boundary",
    "uvmap m.obj --ears flip --cut": "With --cut use --ears split",
    "uvmap m.obj --balance 0": "A side has 1 to 16384 texels",
    "uvmap m.obj --through 0,10": "Add --cut: --through names vertices of its seam.",
    "uvmap m.obj --cut --through a": "Give vertex indices such as 3,10,21, not 'a'.",
    "repair m.obj": "Name at least one repair; meshkit check lists those a mesh needs.",
    "repair m.obj --unreferenced --map m.txt": "Give a name that ends in .npz, not 'm.txt'.",
    "repair m.npz --unreferenced --map m.npz": "Give another name for --map: m.npz is an input.",
    "unimg m.npz --template m.obj --grid": "Give either --template or --grid, not both.",
    "unimg m.npz --template m.obj --tolerance 1": "Give --tolerance without --template",
    "unimg m.npz --height-map h.exr": "Add --template: --height-map is relative to its surface.",
    "unimg m.npz --tangent-space --normal-map n.exr": "Add --template: --tangent-space is",
    "unimg m.npz --template m.obj --tangent-space": "Add --normal-map",
    "unimg m.npz -o m.npz": "m.npz is an input.",
    "unimg m.npz --template m.obj -o m.obj": "m.obj is an input.",
    "unimg m.npz --normal-map n.exr -o n.exr": "n.exr is also the file of -o.",
    "laplacian m.obj -o L.mat": "Give a name that ends in .npz, not 'L.mat'.",
    "laplacian m.obj --kind mean-value --eigen 3": "the mean-value Laplacian is not symmetric",
    "laplacian m.obj --eigen 0": "x>=1",
    "render m.obj --mode scalar": "Add --field: --mode scalar needs to know what to draw.",
    "render m.obj --field x": "Add --mode scalar: --field has no effect without it.",
    "render m.obj --limits 0,1": "Add --mode scalar: --limits has no effect without it.",
    "render m.obj --seconds 2": "Add --turntable: --seconds has no effect without it.",
    "render m.obj m.obj": "Add -o OUT.png to name the picture of 2 meshes.",
    "render m.obj -o p.gif": "Give -o a name that ends in .png, for a still picture",
    "render m.obj -o p.png --turntable 4": "Give -o a name that ends in .gif, for a turntable",
    "render m.obj m.png -o m.png": "m.png is an input.",
    "render m.obj --view upside": "Give two numbers A,B or one of front, three-quarter, profile",
    "render m.obj --view nan,0": "Give two numbers A,B or one of",
    "render m.obj --mode scalar --field x --limits 2": "Give two numbers A,B, not '2'.",
    "render m.obj --size 0": "1 to 16384",
    "render m.obj --perspective 180": "0.1<=x<=170",
    "render": "Missing argument 'MESH...'",
    "register m.obj m.npz -o m.npz": "m.npz is an input.",
    "register m.obj m.npz --report out.txt": "Give a name that ends in .html or .htm",
    "register m.obj m.npz --rigid --detail 1": "Give either --rigid or --detail",
    "register m.obj m.npz --detail 0": "x>0",
    "register m.obj m.npz m.npz": "Add --sequence to fit the 2 scans as one movement",
    "register m.obj m.npz m.npz --sequence": "Add -o FOLDER",
    "register m.obj m.npz --sequence --rigid": "Give either --sequence or --rigid, not both.",
    "register m.obj m.npz --smoothness 1": "Add --sequence: --smoothness has no effect",
    "align m.obj x/m.obj -o out": "Give files of different names: m.obj and x/m.obj would both",
    "align m.obj -o .": "Give another folder than .: m.obj is an input.",
    "align m.obj -o p.txt": "Give a folder with -o: p.txt is a file.",
    "align m.obj -o no/out": "Create no before -o no/out: it does not exist.",
    "align m.obj -o out --mean m.obj": "Give another name for --mean: m.obj is an input.",
    "align m.obj": "Missing option '-o'",
    "transfer m.obj m.obj m.obj -o o --correspondence x": "Give none, closest, fit or an .npy file",
    "transfer m.obj m.obj m.obj -o o --landmarks L.json": "Add --correspondence fit",
    "transfer m.obj m.obj m.obj -o o --save-correspondence c.txt": "ends in .npy, not 'c.txt'",
    "transfer m.obj m.obj m.obj -o .": "m.obj is an input.",
    "view m.obj --port 70000": "70000 is not in the range",
    "view m.obj --up x": "'x' is not one of 'y', 'z'",
    "view": "Missing argument 'MESH...'",
    "check m.obj --format obj": "Give - as a file, or leave out --format",
    "frobnicate": "No such command 'frobnicate'",
}


@pytest.mark.parametrize("call", WRONG_USAGE)
def test_wrong_usage_is_exit_code_2(call):
    Path("x").mkdir()
    for name in ("m.obj", "m.npz", "x/m.obj"):
        write(name, *dome(2))
    Path("p.txt").touch()
    Path("m.png").touch()
    refuse(*call.split(), says=WRONG_USAGE[call], code=2)


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
    write("m.obj", V, np.concatenate([F, [[1, 1, 2]]]))
    refuse("repair", "m.obj", "--orientation", says="remedy: meshkit repair --duplicates")
    write("m.obj", np.concatenate([V, CORNER]), np.concatenate([F, [[0, 1, N]]]))
    refuse("repair", "m.obj", "--fill-holes", says="remedy: meshkit repair --split-nonmanifold")
    succeed("repair", "m.obj", "--split-nonmanifold", "--fill-holes")


def test_a_component_that_does_not_exist():
    write("m.obj", np.concatenate([V, V + 5]), np.concatenate([F, F + N]))
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
