"""Closed surfaces and handles on the command line: cut, mapped, written, refused."""

import numpy as np
import pytest

from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from meshkit.param import flipped_faces, zero_area_faces
from meshkit.topology import euler_characteristic
from tests import meshes
from tests.system.commands import read_json, refuse, run

pytestmark = pytest.mark.usefixtures("workdir")


def write(V: np.ndarray, F: np.ndarray, **rest: np.ndarray) -> None:
    save_mesh("m.obj", Mesh(V, F, **rest))


@pytest.mark.parametrize("mesh", [meshes.sphere(), meshes.pretzel(2)])
def test_uvmap_cuts_and_the_file_keeps_the_vertices(mesh):
    write(*mesh)
    values = read_json("uvmap", "m.obj", "--cut")
    back = load_mesh("m_uv.obj")
    np.testing.assert_array_equal(back.V, mesh[0])
    np.testing.assert_array_equal(back.F, mesh[1])
    assert len(flipped_faces(back.UV_corner, back.F_uv)) == 0
    assert len(zero_area_faces(back.UV_corner, back.F_uv)) == 0
    assert euler_characteristic(back.F_uv) == 1
    assert values["loops"] == [2 * values["seam_edges"]]
    assert (values["vertices"], values["flips"]) == (len(mesh[0]), 0)
    assert values["seam_length"] > 0
    assert 0 < values["vertices_seen"]["256"] <= 1
    assert f"{values['seam_edges']} edges" in run("uvmap", "m.obj", "--cut").stdout
    # Commands that read texture coordinates take the file.
    assert read_json("geomimg", "m_uv.obj", "-o", "g.npz")["flips"] == 0


def test_uvmap_leaves_a_disk_uncut():
    write(*meshes.mask())
    cut, plain = (read_json("uvmap", "m.obj", *more) for more in (["--cut"], []))
    assert (cut["seam_edges"], cut["loops"]) == (0, plain["loops"])
    assert load_mesh("m_uv.obj").UV is not None


def test_uvmap_cuts_handles_and_fills_holes():
    V, F = meshes.pretzel(1, 2)
    write(V, np.delete(F, [0, 400, 700], axis=0))
    values = read_json("uvmap", "m.obj", "--cut", "--fill-holes")
    assert values["loops"][1:] == [3, 3]
    assert (values["fill_faces"], values["flips"]) == (2, 0)


def test_repair_cuts_with_copies_and_says_from_where():
    V, F = meshes.pretzel(1)
    write(V, F, colors=np.abs(np.sin(V)))
    values = read_json("repair", "m.obj", "--cut-to-disk", "--map", "map.npz")
    (step,) = values["steps"]
    assert step["repair"] == "cut-to-disk"
    assert step["seam_edges"] > 0
    assert step["seam_length"] > 0
    assert values["errors_left"] == []
    back = load_mesh("m_repaired.obj")
    with np.load("map.npz") as maps:
        np.testing.assert_array_equal(back.V, V[maps["vertex_map"]])
        np.testing.assert_array_equal(maps["vertex_map"][back.F], F)
    assert len(back.V) == len(V) + step["vertices"]
    assert back.colors is not None
    assert "seam of" in run("repair", "m.obj", "--cut-to-disk").stdout


def test_repair_fills_holes_before_it_cuts():
    V, F = meshes.pretzel(1, 2)
    write(V, np.delete(F, [0, 400], axis=0))
    values = read_json("repair", "m.obj", "--cut-to-disk", "--fill-holes")
    assert [step["repair"] for step in values["steps"]] == ["fill-holes", "cut-to-disk"]
    assert read_json("check", "m_repaired.obj")["loops"][1:] == []


def test_ears_that_a_cut_makes_are_split_in_the_uncut_mesh():
    """The coarsest closed mesh: every edge but the seam's joins border vertices."""
    V, F = meshes.TETRAHEDRON
    write(V, F)
    values = read_json("uvmap", "m.obj", "--cut", "--ears", "split")
    back = load_mesh("m_uv.obj")
    assert values["added_vertices"] == len(back.V) - len(V) > 0
    assert values["flips"] == values["zero_area"] == 0
    np.testing.assert_array_equal(back.V[: len(V)], V)
    assert euler_characteristic(back.F) == 2
    assert euler_characteristic(back.F_uv) == 1
    area = np.linalg.norm(np.cross(*(np.diff(back.V[back.F], axis=1).swapaxes(0, 1))), axis=1)
    expected = np.linalg.norm(np.cross(*(np.diff(V[F], axis=1).swapaxes(0, 1))), axis=1)
    assert abs(area.sum() - expected.sum()) < 1e-9


def test_the_seam_passes_the_vertices_that_are_named():
    write(*meshes.sphere())
    values = read_json("uvmap", "m.obj", "--cut", "--through", "0,10,40")
    back = load_mesh("m_uv.obj")
    copies = [len(np.unique(back.F_uv[i == back.F])) for i in (0, 10, 40)]
    assert copies == [1, 2, 1]
    assert values["flips"] == 0
    refuse("uvmap", "m.obj", "--cut", "--through", "3", says="two or more different vertices")


def two_parts() -> meshes.Arrays:
    V, F = meshes.TETRAHEDRON
    return np.concatenate([V, V + 5]), np.concatenate([F, F + 4])


def turned() -> meshes.Arrays:
    V, F = meshes.TETRAHEDRON
    return V, np.concatenate([F[:1, ::-1], F[1:]])


@pytest.mark.parametrize("command", [["uvmap", "--cut"], ["repair", "--cut-to-disk"]])
@pytest.mark.parametrize(
    ("mesh", "remedy"),
    [
        (two_parts(), "--component largest"),
        (turned(), "meshkit repair --orientation"),
        (meshes.FAN_OF_PAGES, "meshkit repair --split-nonmanifold"),
        (meshes.BOW_TIE, "meshkit repair --split-nonmanifold"),
    ],
)
def test_what_cannot_be_cut_is_refused_in_one_line(command, mesh, remedy):
    write(*mesh)
    refuse(*command, "m.obj", says=f"remedy: {remedy}")
