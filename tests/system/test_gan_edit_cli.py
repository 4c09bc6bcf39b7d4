"""`gan fit`, `gan transfer` and `gan interpolate` as a user calls them."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from gan.runs.checkpoints import load_model
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from tests.gan.face import smooth_model
from tests.system.json_page import assert_documented


@pytest.fixture
def sampled(gan, trained, tmp_path):
    assert gan("sample", trained, "-o", tmp_path / "s", "-n", 2).exit_code == 0
    return tmp_path / "s"


def test_transfer_writes_the_decoded_swap(gan, trained, sampled, tmp_path):
    out, picture = tmp_path / "out.ply", tmp_path / "out.png"
    codes = sampled / "codes.npz"
    result = gan("transfer", trained, f"{codes}#0", f"{codes}#1", "-o", out, "--picture", picture)
    assert result.exit_code == 0, result.output
    with np.load(codes) as file:
        z = {n: torch.from_numpy(file[n][[1]]) for n in ("identity", "expression", "noise")}
        z["expression"] = torch.from_numpy(file["expression"][[0]])
    expected = load_model(trained).decode(z)[0].detach().numpy()
    np.testing.assert_allclose(load_mesh(out).V, expected, atol=1e-4)
    with Image.open(picture) as image:
        assert np.asarray(image).std() > 10


def test_interpolation_ends_at_its_faces(gan, trained, sampled, tmp_path):
    out, codes = tmp_path / "path", sampled / "codes.npz"
    call = ["interpolate", trained, f"{codes}#0", f"{codes}#1", "-o", out, "--steps", 3]
    for _ in range(2):  # the second time over the first
        assert gan(*call).exit_code == 0
    files = sorted(path.name for path in out.iterdir())
    meshes = [f"face-00{k}.obj" for k in range(3)]
    assert files == ["animation.gif", "codes.npz", *meshes, "strip.png"]
    for k, name in ((0, "face-000.obj"), (2, "face-001.obj")):
        ours, theirs = load_mesh(out / f"face-00{k}.obj"), load_mesh(sampled / name)
        np.testing.assert_allclose(ours.V, theirs.V, atol=1e-4)
    with Image.open(out / "animation.gif") as movie:
        assert movie.n_frames == 4, "there and back, the ends once"


def test_stl_is_written_without_a_word(gan, trained, sampled, tmp_path):
    """Bare triangles, of the same faces as the other formats."""
    codes, out = sampled / "codes.npz", tmp_path / "path"
    rows = (f"{codes}#0", f"{codes}#1")
    call = ["interpolate", trained, *rows, "-o", out, "--steps", 2, "--format", "stl"]
    for _ in range(2):  # the second time over the first
        result = gan(*call)
        assert (result.exit_code, result.stderr) == (0, "")
    result = gan("transfer", trained, *rows, "-o", tmp_path / "out.stl", "--strength", 0)
    assert (result.exit_code, result.stderr) == (0, "")
    for path, name in (
        (out / "face-000.stl", "face-000.obj"),
        (out / "face-001.stl", "face-001.obj"),
    ):
        ours, theirs = load_mesh(path), load_mesh(sampled / name)
        assert ours.UV is None
        np.testing.assert_allclose(ours.V[ours.F], theirs.V[theirs.F], atol=1e-4)
    assert len(load_mesh(tmp_path / "out.stl").F) == len(theirs.F)


def test_a_fit_lies_on_its_landmarks(gan, trained, sampled, tmp_path):
    V = load_mesh(sampled / "face-000.obj").V + np.array([10.0, 0, 0])
    marks = [{"template": k, "scan": V[k].tolist()} for k in range(0, len(V), 7)]
    file, out = tmp_path / "marks.json", tmp_path / "fit"
    file.write_text(json.dumps({"landmarks": marks}))
    result = gan("fit", trained, file, "-o", out, "--prior", 0, "--steps", 200)
    assert result.exit_code == 0, result.output
    record = json.loads((out / "fit.json").read_text())
    assert record["errors_mm"]["landmarks"]["rms"] < 1
    assert np.linalg.norm(load_mesh(out / "face.obj").V - V, axis=1).mean() < 2
    save_mesh(tmp_path / "scan.ply", Mesh(V, load_mesh(sampled / "face-000.obj").F))
    call = ["fit", trained, tmp_path / "scan.ply", "-o", out, "--steps", 60, "--landmarks", file]
    assert gan(*call, "--label", "expression=left").exit_code == 0
    with np.load(out / "codes.npz") as codes:
        fixed = load_model(trained).codes["expression"][1]
        np.testing.assert_allclose(codes["expression"][0], fixed, atol=1e-6)
    assert {"landmarks", "surface"} == json.loads((out / "fit.json").read_text())[
        "errors_mm"
    ].keys()


def test_a_fit_without_landmarks_leaves_json_that_others_read(gan, trained, sampled, tmp_path):
    """NaN, the objective of a start that was not tried, is no JSON."""
    call = ["fit", trained, sampled / "face-000.obj", "-o", tmp_path / "fit", "--pose", "fixed"]
    result = gan(*call, "--steps", 2, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["starts"] == []
    text = (tmp_path / "fit" / "fit.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["starts"] == []


def test_a_folder_and_a_sequence_have_the_codes_of_their_meshes(gan, workdir):
    model = smooth_model()
    model.save(workdir / "model.safetensors")
    X = model.sample(12, rng=torch.Generator().manual_seed(0)).double().numpy()
    (workdir / "frames").mkdir()
    for k, V in enumerate(X):  # "10" comes after "9"
        save_mesh(workdir / "frames" / f"frame {k}.ply", Mesh(V, model.faces.numpy()))
    np.save(workdir / "frames.npy", X / 1000)
    rows = {}
    for place in ("frames", "frames.npy"):
        facts = gan.read_json("encode", "model.safetensors", place, "-o", "out.npz")
        assert_documented("gan encode", facts)
        with np.load("out.npz") as codes:
            rows[place] = np.concatenate([codes["identity"], codes["expression"]], axis=1)
    np.testing.assert_allclose(rows["frames"], rows["frames.npy"], atol=2e-3)
    for k in (0, 9, 11):
        gan.succeed("encode", "model.safetensors", f"frames/frame {k}.ply", "-o", "one.npz")
        with np.load("one.npz") as one:
            np.testing.assert_allclose(one["identity"][0], rows["frames"][k, :4], atol=1e-4)
    gan.succeed("encode", "model.safetensors", "frames", "--smooth", 2, "-o", "out.npz")
    with np.load("out.npz") as codes:
        smooth = np.concatenate([codes["identity"], codes["expression"]], axis=1)
    steps = [np.abs(np.diff(z, axis=0)).mean() for z in (smooth, rows["frames"])]
    assert steps[0] < 0.5 * steps[1]


def test_what_is_neutralised_has_the_code_of_rest_and_its_own_detail(gan, workdir):
    model = smooth_model()
    model.save(workdir / "model.safetensors")
    codes = model.sample_codes(1, rng=torch.Generator().manual_seed(3))
    pores = np.random.default_rng(0).normal(size=model.template.shape) * 0.05
    V = model.decode(codes)[0].double().numpy() + pores
    save_mesh("face.ply", Mesh(V, model.faces.numpy()))
    call = ["neutralise", "model.safetensors", "face.ply", "--label", "sad", "-o", "calm"]
    assert_documented("gan neutralise", gan.read_json(*call))
    calm = model.decode({**codes, "expression": model.codes["expression"][:1]})[0]
    np.testing.assert_allclose(load_mesh("calm/face.obj").V, calm.numpy() + pores, atol=0.5)
    said = gan.fails("neutralise", "model.safetensors", "face.ply", "-o", "calm")
    assert "no class neutral or rest" in said
    call = ["neutralise", "model.safetensors", "face.ply", "--factor", "mood", "-o", "calm"]
    assert "no factor 'mood'" in gan.fails(*call)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["transfer", "RUN", "no.obj", "no.obj"], "no.obj"),
        (["transfer", "RUN", "CODES#9", "CODES"], "there is no such row"),
        (["transfer", "RUN", "CODES", "CODES", "--factor", "mood"], "no factor 'mood'"),
        (["interpolate", "RUN", "CODES", "CODES", "-o", "HERE"], "holds other files"),
        (["fit", "RUN", "POINTS"], "the model has no landmarks of its own"),
        (["fit", "RUN", "POINTS", "--landmarks", "POINTS"], "leave --landmarks out"),
        (["fit", "RUN", "POINTS", "--label", "expression=odd"], "no class 'odd'"),
    ],
)
def test_refusals_are_one_line(fails, trained, sampled, tmp_path, command, message):
    points = tmp_path / "points.json"
    points.write_text("[[0, 0, 0], [1, 0, 0], [0, 1, 0]]")
    names = {"RUN": trained, "CODES": sampled / "codes.npz", "POINTS": points, "HERE": tmp_path}
    words = [
        str(word).replace("CODES", str(names["CODES"]))
        if "CODES" in word
        else names.get(word, word)
        for word in command
    ]
    assert message in fails(*words)
