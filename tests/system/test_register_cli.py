"""`meshkit register` as a user calls it: results, reports, one line for every mistake."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from tests import meshes
from tests.system.commands import read_json, refuse, run, succeed

V, F = meshes.bumpy(9)
MARKED = [0, 40, 80, 120, 200]
MOTION = Rotation.from_rotvec([0.3, -2.0, 0.4]).as_matrix()
WANTED = (V + 0.05 * np.sin(2 * V[:, [1, 2, 0]])) @ MOTION.T + [3, 4, 5]


def fit(*arguments: object) -> dict[str, Any]:
    return read_json("register", "template.obj", *arguments)


@pytest.fixture
def files(workdir: Path) -> Path:
    UV = V[:, :2] / 2 + 0.5
    save_mesh("template.obj", Mesh(V, F, UV=UV))
    save_mesh("scan.ply", Mesh(WANTED, F))
    header = f"ply\nformat ascii 1.0\nelement vertex {len(V)}\n"
    header += "".join(f"property double {axis}\n" for axis in "xyz") + "end_header\n"
    rows = "\n".join(" ".join(map(repr, row)) for row in WANTED.tolist())
    Path("cloud.ply").write_text(header + rows + "\n")
    save_landmarks([{"template": i, "scan": WANTED[i].tolist()} for i in MARKED])
    return workdir


def save_landmarks(entries: object) -> None:
    Path("L.json").write_text(json.dumps({"landmarks": entries}))


def test_fit_report_and_json(files):
    values = fit("scan.ply", "--landmarks", "L.json", "-o", "out.obj", "--report", "out.html")
    out = load_mesh("out.obj")
    assert np.linalg.norm(out.V - WANTED, axis=1).mean() < 0.02
    np.testing.assert_array_equal(out.F, F)
    np.testing.assert_allclose(out.UV, V[:, :2] / 2 + 0.5)
    assert values["fit_to_scan"]["p50"] < 0.005
    assert values["crossing_faces"] == values["folded_edges"] == 0
    assert values["landmarks"].keys() == {str(k) for k in range(5)}
    page = Path("out.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 6
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_a_cloud_of_points_and_a_table(files):
    table = succeed("register", "template.obj", "cloud.ply", "--landmarks", "L.json").stdout
    assert "with counterpart" in table
    assert np.linalg.norm(load_mesh("template_registered.obj").V - WANTED, axis=1).mean() < 0.02


def test_rigid_keeps_the_shape_and_scale_finds_the_size(files):
    save_mesh("large.ply", Mesh(7 * WANTED, F))
    fit("large.ply", "--rigid", "--scale", "-o", "o.obj")
    found = load_mesh("o.obj").V
    sides = [np.linalg.norm(X[F[:, 0]] - X[F[:, 1]], axis=1) for X in (V, found)]
    np.testing.assert_allclose(sides[1] / sides[0], np.mean(sides[1] / sides[0]), rtol=1e-6)
    assert abs(np.mean(sides[1] / sides[0]) / 7 - 1) < 0.05


def test_landmarks_in_faces_and_by_name(files):
    """Three ways to say the same points give the same fit."""
    third = {"face": 30, "bary": [0.2, 0.3, 0.5]}
    place = np.array([0.2, 0.3, 0.5]) @ WANTED[F[30]]
    forms = [
        {
            "landmarks": [
                *({"template": i, "scan": WANTED[i].tolist()} for i in MARKED),
                {"name": "face", "template": third, "scan": place.tolist()},
            ]
        },
        {
            "landmarks": [
                *({"template": i, "scan": i} for i in MARKED),
                {"template": third, "scan": third},
            ]
        },
        {
            "template": {**{str(i): i for i in MARKED}, "f": third, "left out": 1},
            "scan": {"f": place.tolist(), **{str(i): WANTED[i].tolist() for i in MARKED}},
        },
    ]
    found = []
    for k, form in enumerate(forms):
        Path("L.json").write_text(json.dumps(form))
        call = ("register", "template.obj", "scan.ply", "--landmarks", "L.json")
        result = succeed(*call, "--rigid", "-o", "o.obj")
        assert ("1 landmarks are on one side only" in result.stderr) == (k == 2)
        found.append(load_mesh("o.obj").V)
    np.testing.assert_allclose(found[1], found[0], atol=1e-9)
    np.testing.assert_allclose(found[2], found[0], atol=1e-9)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ("[]", "expected an object"),
        ('{"landmarks": []}', "holds no landmark"),
        ('{"landmarks": [{"template": 1}]}', "landmark 0 is no object with"),
        ('{"landmarks": [{"template": 99999, "scan": [0, 0, 0]}]}', "vertex 99999, but there are"),
        ('{"landmarks": [{"template": true, "scan": [0, 0, 0]}]}', "is True, expected a vertex"),
        ('{"landmarks": [{"template": 1, "scan": [0, 0]}]}', "expected a vertex index or"),
        ('{"landmarks": [{"template": 1, "scan": [0, 0, NaN]}]}', "on the scan is not finite"),
        ('{"landmarks": [{"template": {"face": 1, "bary": [1, 1, 1]}, "scan": 1}]}', "sum to 1"),
        ('{"landmarks": [{"template": {"face": -1, "bary": [1, 0, 0]}, "scan": 1}]}', "in face -1"),
        ('{"template": {"a": 1}, "scan": {"b": 1}}', "holds no landmark"),
    ],
)
def test_landmark_files_it_refuses(files, content, message):
    Path("L.json").write_text(content)
    call = ("register", "template.obj", "scan.ply", "--landmarks", "L.json", "-o", "out.obj")
    refuse(*call, says=("L.json", message))


def test_scans_it_refuses(files):
    header = "ply\nformat ascii 1.0\nelement vertex {}\n" + "".join(
        f"property double {axis}\n" for axis in "xyz"
    )
    scans = {
        "empty.ply": ("", "is empty"),
        "none.ply": (header.format(0) + "end_header\n", "holds no point"),
        "nan.ply": (header.format(1) + "end_header\nnan 0 0\n", "not finite"),
        "few.ply": (header.format(1) + "end_header\n1 0 0\n", "at least 16 points"),
        "points.obj": ("v 0 0 0\n", "no face"),
    }
    for name, (text, message) in scans.items():
        Path(name).write_text(text)
        refuse("register", "template.obj", name, says=(name, message))
    soup = Mesh(WANTED[F].reshape(-1, 3), np.arange(F.size).reshape(-1, 3))
    save_mesh("soup.ply", soup)
    call = ("register", "template.obj")
    refuse(*call, "soup.ply", says="repair --coincident")
    refuse(*call, "absent.ply", says="No such file")
    refuse(*call, "scan.ply", "--detail", 100, says="larger than the template")


@pytest.mark.parametrize("landmarks", [True, False])
@pytest.mark.parametrize("unit", [1e-3, 1000])
def test_another_unit_is_inferred_and_said(files, unit, landmarks):
    save_mesh("far.obj", Mesh(unit * WANTED, F))
    save_landmarks([{"template": i, "scan": (unit * WANTED[i]).tolist()} for i in MARKED])
    given = ["--landmarks", "L.json"] if landmarks else ["--rigid"]
    said = run("register", "template.obj", "far.obj", *given).stderr
    assert f"is in another unit: the template is scaled by {unit:g} first" in said
    values = fit("far.obj", *given, "-o", "out.obj")
    assert (values["unit"], values["problems"]) == (unit, [])
    if landmarks:
        off = np.linalg.norm(load_mesh("out.obj").V / unit - WANTED, axis=1)
        assert off.mean() < 0.02


def test_a_bad_fit_is_written_with_a_warning_and_code_1(files):
    swapped = zip(MARKED, MARKED[::-1], strict=True)
    save_landmarks([{"template": i, "scan": WANTED[j].tolist()} for i, j in swapped])
    done = run("register", "template.obj", "scan.ply", "--landmarks", "L.json", "-o", "out.obj")
    assert done.exit_code == 1
    assert "warning: do not use out.obj before you have looked at it: " in done.stderr
    assert "Give --landmarks (ten or more)" in done.stderr
    assert Path("out.obj").exists()


def test_vertices_that_are_not_fitted_go_with_their_neighbours(files):
    bump = WANTED.copy()
    top = np.flatnonzero(V[:, 2] > 0.9)
    bump[top] += 0.1 * MOTION[:, 2]
    save_mesh("bump.ply", Mesh(bump, F))
    Path("top.json").write_text(json.dumps(top.tolist()))
    off = []
    for more in ([], ["--unfitted", "top.json"]):
        fit("bump.ply", "--landmarks", "L.json", "-o", "out.obj", *more)
        off.append(np.linalg.norm(load_mesh("out.obj").V - bump, axis=1)[top].mean())
    assert off[1] > 2 * off[0]
