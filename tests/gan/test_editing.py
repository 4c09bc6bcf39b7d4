"""Editing by codes: what is swapped, what stays, and where a path goes."""

import json

import numpy as np
import pytest
import torch

from gan.editing import load_face, path_of_codes, transfer_codes
from gan.landmarks import face_landmarks
from gan.pose import Placer
from gan.report.samples import write_codes
from meshkit.errors import FileFormatError
from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from tests.gan.face import smooth_model

MODEL = smooth_model()
PLACER = Placer(MODEL)


def two_faces() -> tuple[dict, dict]:
    codes = MODEL.sample_codes(2, rng=torch.Generator().manual_seed(0))
    return tuple({name: code[[k]] for name, code in codes.items()} for k in (0, 1))


def test_replacing_takes_the_sources_code_and_nothing_else():
    source, target = two_faces()
    done = transfer_codes(MODEL, source, target, "expression")
    expected = {"identity": target["identity"], "expression": source["expression"]}
    for name, code in expected.items():
        torch.testing.assert_close(done[name], code, rtol=0, atol=0)
    none = transfer_codes(MODEL, source, target, "expression", strength=0.0)
    torch.testing.assert_close(none, target, rtol=0, atol=0)


def test_adding_a_code_and_taking_it_away_again_changes_nothing():
    source, target = two_faces()
    more = transfer_codes(MODEL, source, target, "expression", mode="add", strength=0.7)
    torch.testing.assert_close(
        more["expression"], target["expression"] + 0.7 * source["expression"]
    )
    back = transfer_codes(MODEL, source, more, "expression", mode="add", strength=-0.7)
    torch.testing.assert_close(back, target)


@pytest.mark.parametrize("path", ["linear", "spherical"])
def test_a_path_starts_at_the_first_and_ends_at_the_last(path):
    a, b = two_faces()
    t = np.array([0.0, 1.0, 0.5, 1.5])
    codes = path_of_codes(MODEL, a, b, t, path=path)
    for name in ("identity", "expression"):
        torch.testing.assert_close(codes[name][:2], torch.cat([a[name], b[name]]))
    one = path_of_codes(MODEL, a, b, t, factors=("expression",), path=path)
    torch.testing.assert_close(one["identity"], a["identity"].expand(4, -1))
    torch.testing.assert_close(one["expression"], codes["expression"])
    length = [x["identity"].norm() for x in (a, b)]
    if path == "spherical":  # the middle is as strong as its ends
        torch.testing.assert_close(codes["identity"][2].norm(), (length[0] + length[1]) / 2)


def test_faces_are_read_from_codes_and_from_meshes(tmp_path):
    codes = MODEL.sample_codes(3, rng=torch.Generator().manual_seed(1))
    write_codes(tmp_path / "codes.npz", MODEL, codes)
    face = load_face(PLACER, f"{tmp_path / 'codes.npz'}#2")
    torch.testing.assert_close(face.codes["identity"], codes["identity"][[2]], rtol=0, atol=0)
    assert face.detail.abs().max() == 0
    rough = MODEL.decode(face.codes)[0] + 0.1 * torch.randn(
        MODEL.template.shape, generator=torch.Generator().manual_seed(2)
    )
    for name in ("face.obj", "face.npz"):
        save_mesh(tmp_path / name, Mesh(rough.double().numpy(), MODEL.faces.numpy()))
        read = load_face(PLACER, str(tmp_path / name))
        torch.testing.assert_close(read.codes["identity"], face.codes["identity"], atol=0.1, rtol=0)
        whole = (MODEL.decode(read.codes)[0] + read.detail).double().numpy()
        np.testing.assert_allclose(read.pose.into_unit.apply(whole), rough, atol=1e-4)


def test_places_that_hold_no_face(tmp_path):
    codes = MODEL.sample_codes(3, rng=torch.Generator().manual_seed(1))
    path, mesh = tmp_path / "codes.npz", tmp_path / "cut.obj"
    write_codes(path, MODEL, codes)
    for row in ("3", "-1", "x"):
        with pytest.raises(ValueError, match=f"codes.npz#{row}: there is no such row; .* 0 to 2"):
            load_face(PLACER, f"{path}#{row}")
    save_mesh(mesh, Mesh(MODEL.template.double().numpy(), MODEL.faces.numpy()[1:]))
    with pytest.raises(ValueError, match=r"cut.obj: 271 vertices and 485 faces do not match"):
        load_face(PLACER, str(mesh))
    with pytest.raises(ValueError, match="only a file of codes has rows"):
        load_face(PLACER, f"{mesh}#1")
    np.savez(path, noise=np.zeros((1, 0)), identity=np.zeros((1, 5)))
    with pytest.raises(ValueError, match=r"expected identity codes \(n, 4\), got shape \(1, 5\)"):
        load_face(PLACER, str(path))


def test_modes_and_paths_are_named():
    a, b = two_faces()
    with pytest.raises(ValueError, match="mode must be one of replace, add, got 'mix'"):
        transfer_codes(MODEL, a, b, "expression", mode="mix")
    with pytest.raises(ValueError, match="no factor 'mood'"):
        transfer_codes(MODEL, a, b, "mood")
    with pytest.raises(ValueError, match="path must be one of linear, spherical"):
        path_of_codes(MODEL, a, b, np.zeros(1), path="scenic")
    with pytest.raises(ValueError, match="no factor 'mood'"):
        path_of_codes(MODEL, a, b, np.zeros(1), factors=("mood",))


def test_points_alone_are_the_models_own_landmarks(tmp_path):
    file = tmp_path / "points.json"
    points = (MODEL.template[MODEL.landmarks] + 1).tolist()
    points[2] = None
    for content in (points, {"points": points}):
        file.write_text(json.dumps(content))
        marks = face_landmarks(MODEL, file)
        assert len(marks.points) == len(points) - 1
        on_model = marks.operator @ MODEL.template.double().numpy()
        np.testing.assert_allclose(marks.points, on_model + 1, atol=1e-5)
    file.write_text(json.dumps({"landmarks": [{"template": 5, "scan": [1.0, 2.0, 3.0]}]}))
    np.testing.assert_allclose(face_landmarks(MODEL, file).points, [[1, 2, 3]])


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("[[0, 0, 0]]", ValueError, "holds 1 points; the model has 31"),
        ("[[0, 0]]", FileFormatError, r"point 0 is \[0, 0\], expected"),
        ("[[0, 0, 1e999]]", FileFormatError, "point 0 is not finite"),
        ("[", FileFormatError, "points.json is no JSON"),
        (json.dumps([None] * 31), FileFormatError, "holds no landmark"),
        ("{}", FileFormatError, "expected an object with the list 'landmarks'"),
    ],
)
def test_landmark_files_that_are_none(tmp_path, content, error, message):
    file = tmp_path / "points.json"
    file.write_text(content)
    with pytest.raises(error, match=message):
        face_landmarks(MODEL, file)
