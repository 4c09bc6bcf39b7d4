"""`meshkit render` as a stranger calls it: pictures, reports, refusals."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import hemisphere
from meshkit.render import BACKENDS, COLORMAPS, MODES, YAW, frame_of, render_mesh, turntable
from tests.system.commands import read_json, refuse, succeed

pytestmark = pytest.mark.usefixtures("workdir")


def report(*arguments: object) -> dict[str, Any]:
    return read_json("render", *arguments)


def write(name: str, *, scale: float = 1.0, **rest: Any) -> Mesh:
    V, F = hemisphere(5)
    mesh = Mesh(V * (1, 1.4, 0.8) * scale, F, **rest)
    save_mesh(name, mesh)
    return mesh


def picture(path: str) -> np.ndarray:
    return np.asarray(Image.open(path))


UV = (hemisphere(5)[0][:, :2] + 1) / 2


@pytest.mark.parametrize("mode", MODES)
def test_the_picture_is_the_librarys(mode):
    mesh = write("m.obj", UV=UV)
    field = ["--field", "y"] if mode == "scalar" else []
    values = report(
        "m.obj", "-o", "p.png", "--mode", mode, "--view", "-20,10", "--perspective", 30,
        "--size", "60x50", *field,
    )  # fmt: skip
    extras = {"uv-checker": {"UV": UV}, "scalar": {"field": mesh.V[:, 1]}}
    options = {"view": turntable(-20.0, 10.0), "size": (60, 50), "perspective": 30.0}
    wanted = render_mesh(mesh.V, mesh.F, mode=mode, **options, **extras.get(mode, {}))
    np.testing.assert_array_equal(picture("p.png")[:, :50], wanted)
    assert values["picture"] == list(picture("p.png").shape[:2])
    assert (values["picture"][1] > 50) == (mode == "scalar")  # the bar stands beside it
    frame = frame_of(mesh.V, **options)
    np.testing.assert_allclose(values["frame"]["half_extent"], frame.half_extent)


def test_one_mesh_needs_no_name_for_its_picture():
    write("nice.obj")
    assert report("nice.obj")["output"] == "nice_render.png"
    assert picture("nice_render.png").shape == (512, 512, 3)
    assert report("nice.obj", "--turntable", 2, "--size", 20)["output"] == "nice_render.gif"
    said = succeed("render", "nice.obj").output
    assert "orthographic" in said
    assert "512 × 512 pixels" in said


def test_a_sheet_keeps_one_scale():
    for name, scale in (("a", 0.5), ("b", 1.0), ("c", 0.5)):
        write(f"{name}.obj", scale=scale)
    values = report("a.obj", "b.obj", "c.obj", "-o", "s.png", "--size", 64, "--mode", "normals")
    image = picture("s.png")
    step = (len(image) - 4) // 2
    tiles = [image[4 + step * (k // 2) :, 4 + 68 * (k % 2) :][:64, :64] for k in range(3)]
    area = [(tile > 0).any(axis=2).sum() for tile in tiles]
    np.testing.assert_allclose(area[1] / area[0], 4, rtol=0.1)
    np.testing.assert_array_equal(tiles[0], tiles[2])
    assert values["faces"] == [150] * 3
    assert report("a.obj", "-o", "s.png", "--sheet", 1)["picture"] != [256, 256]  # labelled


def test_the_sheet_has_its_columns_and_one_colour_scale():
    for name, scale in (("a", 1.0), ("b", 2.0)):
        write(f"{name}.obj", scale=scale)
    scalar = ["--mode", "scalar", "--field", "z", "--size", 40]
    wide = report("a.obj", "b.obj", "-o", "w.png", "--sheet", 2, *scalar)
    tall = report("a.obj", "b.obj", "-o", "t.png", "--sheet", 1, *scalar)
    assert wide["picture"][0] < tall["picture"][0]
    np.testing.assert_allclose(wide["limits"], [0.0, 1.6], atol=1e-12)
    assert wide["limits"] == wide["field_range"]
    given = report("a.obj", "-o", "g.png", "--limits", "-1,5", *scalar)
    assert given["limits"] == [-1.0, 5.0]
    assert report("a.obj", "--colormap", "coolwarm", *scalar)["limits"] == [-0.8, 0.8]


def test_colours_of_the_file_are_used():
    V, _ = hemisphere(5)
    write("m.ply", colors=np.tile([1.0, 0.0, 0.0], (len(V), 1)))
    report("m.ply", "-o", "p.png", "--size", 40)
    red, green, blue = picture("p.png")[20, 20].astype(int)
    assert red > 3 * max(green, blue)


def test_a_turntable_turns_and_loops():
    write("m.obj")
    values = report("m.obj", "--turntable", 6, "--seconds", 1.2, "--size", 40, "-o", "t.gif")
    assert (values["frames"], values["loop_seconds"]) == (6, 1.2)
    with Image.open("t.gif") as image:
        assert (image.n_frames, image.info["loop"], image.info["duration"]) == (6, 0, 200)
        first = np.asarray(image.convert("RGB")).astype(int)
        image.seek(3)  # from behind: blue, not clay
        behind = np.asarray(image.convert("RGB")).astype(int)
    assert first[20, 20, 0] > first[20, 20, 2]
    assert behind[20, 20, 0] < behind[20, 20, 2]


def test_fields_come_from_files():
    mesh = write("m.obj")
    np.save("f.npy", np.arange(len(mesh.F)))
    values = report("m.obj", "--mode", "scalar", "--field", "f.npy", "--size", 40)
    assert values["field_range"] == [0, len(mesh.F) - 1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["m.obj", "--mode", "uv-checker"], "m.obj: there are no texture coordinates"),
        (["m.obj", "--mode", "scalar", "--field", "heat"], "m.obj: no field 'heat'"),
        (["m.obj", "--mode", "scalar", "--field", "bad.npy"], "bad.npy has shape (3,)"),
        (["m.obj", "--mode", "scalar", "--field", "nan.npy"], "nan.npy: [2] = nan"),
        (["m.obj", "--mode", "scalar", "--field", "no.npy"], "no.npy: No such file"),
        (["m.obj", "--mode", "scalar", "--field", "area-distortion"], "m.obj: there are no te"),
        (["m.obj", "-o", "absent/p.png"], "absent does not exist"),
        (["m.obj", "--size", "9000"], "take a smaller size"),
        (["no.obj", "--turntable", "100", "--seconds", "1"], "100 frames take from 2 to"),
        (["m.obj", "--mode", "scalar", "--field", "x", "--limits", "2,1"], "finite and rise"),
        (["nan.obj"], "nan.obj: vertex 0 = [nan, nan, nan] is not finite"),
        (["empty.obj"], "empty.obj"),
        (["no.obj"], "no.obj: No such file"),
    ],
)
def test_what_is_refused_in_one_line(arguments, words):
    mesh = write("m.obj")
    Path("empty.obj").write_text("v 0 0 0\n")
    Path("nan.obj").write_text("v nan nan nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    np.save("bad.npy", np.ones(3))
    np.save("nan.npy", np.where(np.arange(len(mesh.V)) == 2, np.nan, 1))
    refuse("render", *arguments, says=words)


def test_the_choices_are_the_librarys():
    command_module = importlib.import_module("meshkit.cli.render")
    written = (command_module.MODES, command_module.BACKENDS, command_module.COLORMAPS)
    assert written == (MODES, BACKENDS, COLORMAPS)
    assert command_module.YAW == YAW
