"""Exports give back what the model says: morph targets, ONNX graphs, linear models, cards."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from gan.baselines.train import train_baseline
from gan.datasets.store import load_dataset
from gan.export.card import licences, model_card, save_card
from gan.export.linearisation import linearise, save_linear
from gan.export.morphs import ascii_names, morph_targets, save_morph_face
from gan.export.onnx_file import save_onnx
from gan.export.shapes import zero_codes
from gan.models.contract import FaceGenerator
from gan.runs.checkpoints import load_model
from meshkit.primitives import hemisphere
from tests.gan.baselines.conftest import FAST, fast
from tests.gan.conftest import blobs
from tests.gan.face import smooth_model
from tests.gan.gltf_rules import Glb
from tests.gan.quadratic import quadratic_model
from tests.linear_model import linear_model

DOCS = Path(__file__).parents[2] / "docs/howto/export.md"


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, FaceGenerator]:
    """One model of each kind, the baselines trained for a moment."""
    folder = tmp_path_factory.mktemp("models")
    generator = smooth_model()
    generator.weights["b2"] += torch.linspace(-1, 1, len(generator.weights["b2"]))
    found: dict[str, FaceGenerator] = {"generator": generator, "quadratic": quadratic_model()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHKIT_GAN_CACHE", str(folder / "cache"))
        data = blobs(folder / "blobs.h5", rings=6)
        for name in FAST:
            train_baseline(fast(name), data, folder / name, device="cpu")
            found[name] = load_model(folder / name)
    return found


@pytest.fixture
def bent() -> FaceGenerator:
    return smooth_model()


@pytest.mark.parametrize("kind", ["generator", "quadratic", *FAST])
def test_onnx_is_the_decoder(kind, models, tmp_path):
    model = models[kind]
    save_onnx(tmp_path / "m.onnx", model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", options)
    size = float(model.template.abs().max())
    for n in (1, 5):
        codes = model.sample_codes(n, rng=torch.Generator().manual_seed(n))
        given = {i.name: codes[i.name].numpy() for i in session.get_inputs()}
        assert given.keys() == {name for name, code in codes.items() if code.shape[1]}
        (X,) = session.run(["vertices"], given)
        with torch.no_grad():
            expected = model.decode(codes).numpy()
        np.testing.assert_allclose(X / size, expected / size, rtol=0, atol=1e-5)
        assert np.ptp(expected, axis=0).max() > 1e-3 * size or n == 1, "codes move the mesh"
    stored = session.get_modelmeta().custom_metadata_map
    for factor in json.loads(stored["factors"]):
        np.testing.assert_array_equal(factor["codes"], model.codes[factor["name"]].numpy())


def test_other_kinds_are_refused(models, tmp_path):
    class Other(type(models["generator"])):
        pass

    other = object.__new__(Other)
    other.__dict__ = models["generator"].__dict__
    with pytest.raises(ValueError, match="no ONNX graph is known of Other"):
        save_onnx(tmp_path / "m.onnx", other)
    assert not list(tmp_path.iterdir())


def test_a_linear_model_is_found_whole():
    """Three orthogonal modes, turned in code space: directions and strengths come back."""
    rng = np.random.default_rng(0)
    template = 100 * hemisphere(3)[0]
    basis = np.linalg.qr(rng.normal(size=(template.size, 5)))[0].T.reshape(5, -1, 3)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    strong = np.array([50.0, 20.0, 7.0])[:, None, None] * basis[:3]
    model = linear_model(
        {"identity": np.einsum("jk,kvc->jvc", turn, strong), "expression": 9 * basis[3:]}
    )
    found = linearise(model, n_samples=200, seed=3)
    part = found.parts["identity"]
    np.testing.assert_allclose(part.sigma, [50, 20, 7], rtol=1e-4)
    cosine = np.einsum("kvc,kvc->k", part.basis, basis[:3])
    np.testing.assert_allclose(np.abs(cosine), 1, atol=1e-4)
    np.testing.assert_allclose(np.abs(turn.T @ part.direction.T), np.eye(3), atol=1e-3)
    np.testing.assert_allclose(found.mean, template, atol=1e-3)
    assert found.rms < 1e-4 < found.spread


def test_the_stated_error_is_that_of_the_linear_model(bent, tmp_path):
    """Measured again from the file alone, on other faces."""
    linear = linearise(bent, n_samples=400)
    save_linear(tmp_path / "l.npz", bent, linear)
    codes = bent.sample_codes(4000, rng=torch.Generator().manual_seed(99))
    with np.load(tmp_path / "l.npz") as file:
        X = file["mean"][None].astype(np.float64)
        for name in ("identity", "expression"):
            a = codes[name].numpy() @ file[f"{name}.direction"].T
            X = X + np.einsum("bk,kvc->bvc", a * file[f"{name}.sigma"], file[f"{name}.basis"])
        stated = float(file["rms_mm"])
        at = file["expression.coefficients"] @ file["expression.direction"]
        assert file["expression.classes"].tolist() == ["sad", "glad"]
    with torch.no_grad():
        D = bent.decode(codes).numpy() - X
    rms = np.sqrt(np.square(D).sum(axis=2).mean())
    np.testing.assert_allclose(stated, rms, rtol=0.1)
    assert stated > 0.1, "this model is not linear"
    np.testing.assert_allclose(at, bent.codes["expression"].numpy(), atol=1e-5)


def test_too_few_samples_are_refused(bent):
    with pytest.raises(ValueError, match="27 random faces are too few for 7 codes; 28 will do"):
        linearise(bent, n_samples=27)


def test_targets_are_decoded_faces(bent, tmp_path):
    linear = linearise(bent, n_samples=100)
    base = zero_codes(bent) | {"identity": bent.codes["identity"][1:]}
    V, targets = morph_targets(bent, base, linear, directions=2, sigmas=1.5, classes=["expression"])
    save_morph_face(tmp_path / "f.glb", bent, V, targets)
    glb = Glb(tmp_path / "f.glb")
    ways = [f"{f} {k} {s}" for f in ("identity", "expression") for k in (1, 2) for s in "+-"]
    assert glb.names == [*ways, "expression sad", "expression glad"]
    assert glb.scale == [0.001] * 3
    shapes = {n: glb.position + t["POSITION"] for n, t in zip(glb.names, glb.targets, strict=True)}
    minus = base["identity"] - 1.5 * torch.from_numpy(linear.parts["identity"].direction[1]).float()
    expected = {
        "identity 2 -": {**base, "identity": minus},
        "expression glad": {**base, "expression": bent.codes["expression"][1:]},
    }
    with torch.no_grad():
        np.testing.assert_allclose(glb.position, bent.decode(base)[0].numpy(), atol=1e-5)
        for name, codes in expected.items():
            np.testing.assert_allclose(shapes[name], bent.decode(codes)[0].numpy(), atol=1e-4)


def test_a_class_that_the_face_has_is_no_target(bent):
    linear = linearise(bent, n_samples=100)
    base = zero_codes(bent) | {"expression": bent.codes["expression"][:1]}
    _, targets = morph_targets(bent, base, linear, directions=0)
    assert [t.name for t in targets] == ["identity anna", "identity bert", "expression glad"]


def test_every_export_is_the_same_twice(models, tmp_path):
    for kind, model in models.items():
        linear = [linearise(model, n_samples=100) for _ in range(2)]
        for k in range(2):
            folder = tmp_path / f"{kind}{k}"
            folder.mkdir()
            save_linear(folder / "l.npz", model, linear[k])
            save_onnx(folder / "m.onnx", model)
            model.save(folder / "m.safetensors")
            base = zero_codes(model)
            save_morph_face(folder / "f.glb", model, *morph_targets(model, base, linear[k]))
        for path in (tmp_path / f"{kind}0").iterdir():
            assert path.read_bytes() == (tmp_path / f"{kind}1" / path.name).read_bytes(), path


def test_the_documented_lines_load_a_model_without_torch(bent, tmp_path):
    """The snippet of docs/howto/export.md, run where only numpy and safetensors are."""
    text = DOCS.read_text(encoding="utf-8")
    (snippet,) = [b.split("```")[0] for b in text.split("```python\n")[1:] if "safe_open" in b]
    assert sum(map(bool, snippet.splitlines())) == 10, "ten lines"
    (tmp_path / "export").mkdir()
    bent.save(tmp_path / "export" / "model.safetensors")
    block = "import sys; sys.modules.update(dict.fromkeys(('torch', 'gan', 'meshkit')))\n"
    after = "\nnp.savez('seen.npz', X=X, z=z)\n"
    subprocess.run([sys.executable, "-c", block + snippet + after], check=True, cwd=tmp_path)
    with np.load(tmp_path / "seen.npz") as seen, torch.no_grad():
        X = bent.decode(bent.split(torch.from_numpy(seen["z"]).float())).numpy()
        np.testing.assert_allclose(seen["X"], X, atol=1e-4)
        assert len(seen["z"]) > 1
    assert np.abs(X - bent.template.numpy()).max() > 1


def test_a_card_says_what_its_sources_say_and_no_more(bent, tmp_path):
    provenance = {"source": {"licence": "MIT"}, "inputs": [{"license": "CC-BY-4.0"}, {"a": 1}]}
    assert licences(provenance) == ["MIT", "CC-BY-4.0"]
    path = blobs(tmp_path / "b.h5", provenance=provenance)
    measured = {"model": {"step": 5, "dataset": "x"}, "dataset": {"name": "b"}, "commit": None}
    measured |= {"n_samples": 20, "n_pairs": 4, "seed": 0, "skipped": {}}
    measured |= {"metrics": {"energy": {"values": {"model": {"mean": 0.5}}}}}
    bent.provenance = {"step": 5, "dataset": "x"}
    with load_dataset(path) as dataset:
        card = model_card(bent, name="b", dataset=dataset, evaluation=measured)
    save_card(tmp_path / "c.json", card)
    assert json.loads((tmp_path / "c.json").read_text(encoding="utf-8")) == card
    assert card["training_data"]["licence"] == "CC-BY-4.0; MIT"
    assert card["training_data"]["subjects"] == 6
    assert card["quantitative_analyses"]["metrics"] == measured["metrics"]
    bent.provenance["step"] = 6
    stale = model_card(bent, name="b", evaluation=measured)
    assert "of step 5, not of this model" in stale["quantitative_analyses"]
    assert stale["training_data"]["licence"].startswith("unknown")
    assert "none: run `gan evaluate`" in model_card(bent, name="b")["quantitative_analyses"]


def test_names_of_targets_are_ascii_and_each_another():
    names = ["mood glücklich", "mood glucklich", "mood 怒", "mood 喜", "identity 1 -"]
    expected = ["mood glucklich", "mood glucklich 2", "mood _", "mood _ 2", "identity 1 -"]
    assert ascii_names(names) == expected
