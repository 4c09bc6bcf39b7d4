"""`meshkit uvmap`: each option that says how to flatten changes the map as it promises."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshkit.distortion import distortion
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import grid
from meshkit.topology import boundary_loop
from tests import meshes
from tests.system.commands import read_json, refuse, succeed


@pytest.fixture(autouse=True)
def folder(workdir):
    save_mesh("m.obj", Mesh(*meshes.bumpy(6)))
    save_mesh("g.obj", Mesh(*grid(4, 3)))


def uvmap(*arguments: object) -> dict[str, Any]:
    return read_json("uvmap", *arguments, "-o", "out.obj")


@pytest.mark.parametrize("method", ["lscm", "arap", "slim"])
def test_methods_leave_the_border_free(method):
    values = uvmap("m.obj", "--method", method)
    assert (values["method"], values["boundary"], values["flips"]) == (method, "free", 0)
    assert values["angle"]["p95"] < uvmap("m.obj")["angle"]["p95"]


def test_flips_of_a_method_have_another_remedy(faces):
    template = str(faces / "ict" / "template_holes.obj")
    said = succeed("uvmap", template, "--method", "arap", "-o", "out.obj").stderr
    assert "warning: use --method slim to avoid" in said


def test_a_rectangle_and_a_polygon():
    uvmap("m.obj", "--boundary", "rectangle", "--aspect", "2")
    UV = load_mesh("out.obj").UV
    assert np.ptp(UV, axis=0).tolist() == [1, 0.5]
    Path("p.txt").write_text("0 0\n1 0\n\n0.5 1\n")
    assert uvmap("m.obj", "--polygon", "p.txt")["boundary"] == "polygon"
    UV = load_mesh("out.obj").UV
    assert (UV == [0.5, 1]).all(axis=1).sum() == 1


def test_corners():
    V, F = grid(4, 3)
    loop = boundary_loop(F)
    uvmap("g.obj", "--corners", "angle", "--ears", "split")
    mesh = load_mesh("out.obj")
    np.testing.assert_allclose(mesh.UV[: len(V)], V[:, :2], atol=1e-12)
    chosen = loop[[1, 4, 8, 11]]
    uvmap("g.obj", "--corners", ",".join(map(str, chosen)), "--ears", "flip")
    UV = load_mesh("out.obj").UV
    assert UV[chosen].tolist() == [[0, 0], [1, 0], [1, 1], [0, 1]]


def test_ears_are_split_with_new_vertices_last_or_flipped():
    V, F = grid(4, 3)
    values = uvmap("g.obj", "--ears", "split")
    mesh = load_mesh("out.obj")
    assert values["added_vertices"] == len(mesh.V) - len(V) == 2
    np.testing.assert_array_equal(mesh.V[: len(V)], V)
    assert uvmap("g.obj", "--ears", "flip")["added_vertices"] == 0
    mesh = load_mesh("out.obj")
    np.testing.assert_array_equal(mesh.V, V)
    assert (mesh.F != F).any()


def test_balance_reports_what_it_did():
    values = uvmap("m.obj", "--balance", "7x8", "--max-angle", "4")
    balance = values["balance"]
    assert balance["size"] == [7, 8]
    assert balance["seen_after"] > balance["seen_before"]
    assert balance["angle_after"] <= 4
    mesh = load_mesh("out.obj")
    angle = distortion(mesh.V, mesh.F, mesh.UV).angle
    assert np.percentile(angle, 95, method="lower") == pytest.approx(balance["angle_after"])
    table = succeed("uvmap", "m.obj", "--balance", "7x8", "-o", "out.obj").stdout
    assert "of the vertices in 7 × 8 texels" in table
    assert uvmap("m.obj")["balance"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--polygon", "p.txt"], "p.txt: point 2 has 3 numbers, expected 2"),
        (["--polygon", "none.txt"], "none.txt"),
        (["--aspect", "2"], "aspect belongs to boundary='rectangle'"),
        (["--method", "slim", "--boundary", "circle"], "lets the border go"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(arguments, message):
    Path("p.txt").write_text("0 0\n1 0 0\n")
    refuse("uvmap", "m.obj", *arguments, says=message)


@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_what_check_calls_usable_maps_and_says_what_it_adds(unit):
    """A pinhole of three vertices; a star of more ears than a square has corners."""
    V, F = meshes.sphere()
    star = [[k, (k + 1) % 12, (k + 2) % 12] for k in range(0, 12, 2)]
    inner = [[k, (k + 2) % 12, 12] for k in range(0, 12, 2)]
    angle = np.pi * np.arange(12) / 6
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    cases = {
        "pin.obj": (V, F[1:], 1),
        "star.obj": (np.vstack([ring, [[0, 0, 1]]]), star + inner, 6),
    }
    for name, (positions, faces, added) in cases.items():
        save_mesh(name, Mesh(positions * unit, np.array(faces)))
        assert read_json("check", name)["usable"]
        values = read_json("uvmap", name)
        assert (values["added_vertices"], values["flips"], values["zero_area"]) == (added, 0, 0)
        assert f"notice: {added} vert" in succeed("uvmap", name).stderr
        back = load_mesh(f"{Path(name).stem}_uv.obj")
        np.testing.assert_array_equal(back.V[: len(positions)], positions * unit)
        assert read_json("geomimg", name)["flips"] == 0
        refuse("uvmap", name, "--ears", "keep", says="square")
