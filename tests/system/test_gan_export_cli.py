"""`gan export` as a user calls it, and its files in the other commands."""

import json
import sys

import numpy as np
import pytest

from gan.runs.checkpoints import load_model
from tests.gan.gltf_rules import Glb
from tests.system.json_page import assert_documented

FILES = ["face.glb", "linear.npz", "model.card.json", "model.onnx", "model.safetensors"]
FAST = ("--samples", 60)


def test_a_folder_gets_everything_and_again_the_same(gan, trained, tmp_path):
    out, seen = tmp_path / "export", []
    for more in (("--json",), ()):  # the second time over the first
        result = gan("export", trained, "-o", out, *FAST, *more)
        assert result.exit_code == 0, result.output
        if more:
            assert_documented("gan export", json.loads(result.stdout))
        assert sorted(path.name for path in out.iterdir()) == FILES
        seen.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert seen[0] == seen[1]
    card = json.loads((out / "model.card.json").read_text(encoding="utf-8"))
    assert card["training_data"]["subjects"] == 6
    assert str(trained.parent) not in (out / "model.card.json").read_text(), (
        "no path of this machine"
    )
    with np.load(out / "linear.npz") as linear:
        assert f"{linear['rms_mm']:.3f} mm RMS" in result.output


def test_an_exported_model_serves_the_other_commands(gan, trained, tmp_path):
    file = tmp_path / "m.safetensors"
    assert gan("export", trained, "-o", file).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.card.json", "m.safetensors"]
    for run, out in ((trained, "a"), (file, "b")):
        assert gan("sample", run, "-n", 2, "-o", tmp_path / out).exit_code == 0
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert gan("export", file, "-o", tmp_path / "again.safetensors").exit_code == 0
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_a_face_at_rest_by_label_and_by_codes(gan, trained, tmp_path):
    model, out = load_model(trained), tmp_path / "f.glb"
    assert gan("sample", trained, "-n", 2, "-o", tmp_path / "s").exit_code == 0
    codes = tmp_path / "s" / "codes.npz"
    label = ("--label", "expression=left", "--classes", "expression", "--directions", 1)
    done = gan("export", trained, "-o", out, "--face", f"{codes}#1", *label, *FAST, "--json")
    assert done.exit_code == 0, done.output
    glb = Glb(out)
    assert json.loads(done.stdout)["targets"] == glb.names
    ways = [f"{f} 1 {s}" for f in ("identity", "expression") for s in "+-"]
    assert glb.names == [*ways, "expression neutral", "expression up"]
    with np.load(codes) as file:
        given = {name: model.template.new_tensor(file[name][1:]) for name in file.files}
    given["expression"] = model.codes["expression"][1:2]
    V = model.decode({name: given[name] for name in (*model.codes, "noise")})[0].detach().numpy()
    np.testing.assert_allclose(glb.position, V, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "m.fbx"), "m.fbx: unknown suffix '.fbx'; known are .glb"),
        (("-o", "m.glb", "--format", "onnx"), "leave --format out: m.glb is a file"),
        (("-o", "m.glb", "--label", "age=9"), "the model has no factor 'age'"),
        (("-o", "m.glb", "--classes", "age"), "the model has no factor 'age'"),
        (("-o", "m.npz", "--samples", "10"), "10 random faces are too few"),
        (("-o", "gone/m.glb"), "gone does not exist"),
        (("-o", "m.glb", "--face", "gone.obj"), "gone.obj"),
    ],
)
def test_refusals_in_one_line(options, message, fails, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in fails("export", trained, *FAST, *options)
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_stays(fails, trained, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    message = fails("export", trained, "-o", tmp_path, "--format", "safetensors")
    assert "holds other files than an export (thesis.tex)" in message
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_without_onnx_the_extra_is_named(fails, trained, tmp_path, monkeypatch):
    for name in [n for n in sys.modules if n.startswith(("onnx.", "gan.export.onnx"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    message = fails("export", trained, "-o", tmp_path / "m.onnx")
    assert message.endswith("onnx is not installed: pip install 'meshkit-gan[export]'")
    assert not list(tmp_path.iterdir())
