"""docs/tour.py runs, says what is true, leaves its pictures, and needs public names only."""

import ast
import runpy
from pathlib import Path

import pytest
from PIL import Image

import meshkit
from meshkit import nn
from meshkit.primitives import hemisphere

TOUR = Path(__file__).parents[1] / "docs" / "tour.py"


def test_it_runs_and_leaves_its_pictures(tmp_path, capsys):
    runpy.run_path(str(TOUR))["main"](tmp_path)
    said = capsys.readouterr().out
    assert "usable: True" in said
    assert said.count(" 0 flips") == 2
    placed, bent = said.partition("are off by ")[2].split(" when placed, ")
    assert float(bent.split()[0]) < float(placed) / 2
    errors = [float(part.split(",")[0]) for part in said.split("image off by ")[1:]]
    assert errors[2] < errors[1] / 2 < errors[0] / 4
    for name in ("mesh", "checker", "image", "fields", "fit"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert min(picture.size) > 100
    assert meshkit.load_mesh(tmp_path / "flat.obj").UV is not None
    assert meshkit.load_mesh(tmp_path / "pretzel.obj").UV_corner is not None
    assert (tmp_path / "turn.gif").stat().st_size > 10_000


def test_it_takes_a_mesh_of_the_readers_own(tmp_path, monkeypatch, capsys):
    tour = runpy.run_path(str(TOUR))["main"]
    for chapter in (
        "shake_and_walk",
        "open_a_closed_surface",
        "fit_a_scan",
        "turn_around",
        "learn",
    ):
        monkeypatch.setitem(tour.__globals__, chapter, lambda *arguments: None)
    meshkit.save_mesh(tmp_path / "m.obj", meshkit.Mesh(*hemisphere(4)))
    tour(tmp_path, tmp_path / "m.obj")
    assert capsys.readouterr().out.startswith("61 vertices, 96 faces, 1 part(s)")


def test_it_uses_public_names_only():
    tree = ast.parse(TOUR.read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "meshkit"
    }
    assert len(used) > 20
    assert used <= set(meshkit.__all__)
    imports = {
        node.module: {name.name for name in node.names}
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("meshkit")
    }
    assert imports.pop("meshkit.nn") <= set(nn.__all__)
    assert imports == {"meshkit.primitives": {"pretzel"}}


def test_it_says_how_to_call_it(monkeypatch):
    monkeypatch.setattr("sys.argv", ["tour.py"])
    with pytest.raises(SystemExit, match="usage: python docs"):
        runpy.run_path(str(TOUR), run_name="__main__")
