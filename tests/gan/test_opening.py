"""Models from outside are opened by name, and measured like ours."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from gan.cli import main
from gan.datasets.store import load_dataset
from gan.errors import CheckpointError
from gan.export.onnx_file import save_onnx
from gan.runs.opening import is_run, open_model
from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from tests.gan.conftest import blobs
from tests.linear_model import linear_model

PAGE = Path(__file__).parents[2] / "docs/howto/outside_models.md"
FEW = ("--samples", 20, "--pairs", 4)


@pytest.fixture
def data(tmp_path) -> Path:
    return blobs(tmp_path / "faces.h5")


def additive(data: Path):
    """Return a model of ours in the shape of the data, with codes of identity and expression."""
    with load_dataset(data) as dataset:
        rng = np.random.default_rng(0)
        modes = {n: rng.normal(size=(2, *dataset.template.shape)) for n in FACTORS}
        return linear_model(
            modes,
            template=dataset.template,
            faces=dataset.faces,
            classes=dict.fromkeys(FACTORS, ("one", "two")),
            codes={name: [[0.0, 1.0], [1.0, 0.0]] for name in FACTORS},
            provenance={"step": 1, "dataset": dataset.fingerprint},
        )


FACTORS = ("identity", "expression")


def call(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def test_the_adapter_of_the_page_is_measured_and_compared(data, tmp_path, monkeypatch):
    """The ten lines of the page, run: what needs no more than the contract has a number."""
    (adapter,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in adapter.splitlines() if line.strip()]) <= 16
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("theirs.py").write_text(adapter)
    with load_dataset(data) as dataset:
        rng = np.random.default_rng(0)
        P = {name: rng.normal(size=(3, dataset.template.size)) for name in ("shape", "pose")}
        np.savez("theirs.npz", mean=dataset.template.ravel(), **P)
        model = open_model("theirs:faces", dataset)
    X = model.sample(4, rng=torch.Generator().manual_seed(0))
    again = model.decode(model.encode(X))
    np.testing.assert_allclose(again, X, atol=1.0)
    told = json.loads(call("evaluate", "theirs:faces", data, *FEW, "--json"))
    assert told["metrics"].keys() >= {"diversity", "specificity", "energy"}
    assert Path("faces.evaluation.json").is_file()
    call("compare", "theirs=theirs:faces", data, *FEW, "--metrics", "specificity", "-o", "out")
    record = json.loads(Path("out/comparison.json").read_text())
    assert "theirs" in json.dumps(record["table1"])
    del sys.modules["theirs"]


def test_an_onnx_decoder_with_its_codes_is_the_model_that_made_it(data, tmp_path):
    ours, path = additive(data), tmp_path / "decoder.onnx"
    save_onnx(path, ours)
    with load_dataset(data) as dataset:
        theirs = open_model(path, dataset)
    assert theirs.factors == ours.factors
    assert not theirs.differentiable
    codes = ours.sample_codes(3, rng=torch.Generator().manual_seed(0), labels={"identity": "two"})
    again = theirs.sample_codes(3, rng=torch.Generator().manual_seed(0), labels={"identity": "two"})
    np.testing.assert_allclose(theirs.decode(again), ours.decode(codes), atol=1e-3)
    found = theirs.encode(ours.decode(codes))
    np.testing.assert_allclose(theirs.decode(found), ours.decode(codes), atol=0.5)
    path.with_suffix(".json").write_text('{"factors": [{"name": "identity"}], "scale": 2}')
    with load_dataset(data) as dataset:
        rescaled = open_model(path, dataset)
    assert rescaled.factor("identity").classes == ()
    np.testing.assert_allclose(rescaled.decode(codes), 2 * ours.decode(codes), atol=1e-2)


def test_meshes_alone_are_measured_as_far_as_meshes_go(data, tmp_path):
    folder = tmp_path / "made"
    folder.mkdir()
    with load_dataset(data) as dataset:
        for k, V in enumerate(dataset.vertices(np.arange(12))):
            save_mesh(folder / f"{k:02}.npz", Mesh(V.astype(np.float64), dataset.faces))
    assert not is_run(folder)
    metrics = "specificity,decoupling,generalisation,labels"
    for name in (data, folder):
        told = json.loads(call("evaluate", name, data, *FEW, "--metrics", metrics, "--json"))
        assert set(told["metrics"]) == {"specificity"}
        assert set(told["skipped"]) == {"decoupling", "generalisation", "labels"}
        assert told["skipped"]["decoupling"] == "the model has no codes of factors"
    # They are training meshes, but for the rounding of files.
    assert told["metrics"]["specificity"]["values"]["model"]["mean"] < 1e-3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def faces(): return 3", "returns a int, expected a gan.models.outside.OutsideModel"),
        ("x = 1", "theirs has no 'faces'"),
        (
            "import torch; from gan.models.outside import OutsideModel\n"
            "def faces(): return OutsideModel({'shape': 2}, lambda z: torch.zeros(2, 5, 3))",
            r"decode makes \(2, 5, 3\) of two codes, expected \(2, ",
        ),
        (
            "import torch; from gan.models.outside import OutsideModel\n"
            "def faces(): return OutsideModel({'shape': 2}, lambda z: 0, codes={'shape': "
            "{'old': torch.zeros(3)}})",
            r"codes of 'shape': that of 'old' has shape \(3,\), expected \(2,\)",
        ),
    ],
)
def test_functions_that_return_no_model_are_told_why(data, tmp_path, monkeypatch, source, message):
    (tmp_path / "theirs.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with load_dataset(data) as dataset, pytest.raises(CheckpointError, match=message):
        open_model("theirs:faces", dataset)
    del sys.modules["theirs"]


def test_what_is_wrong_is_said_in_one_line_with_what_to_do(data, tmp_path, monkeypatch):
    path = tmp_path / "x.onnx"
    path.write_bytes(b"no model")
    with load_dataset(data) as dataset:
        with pytest.raises(CheckpointError, match="cannot be read as an ONNX model"):
            open_model(path, dataset)
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(CheckpointError, match=r"install it \(pip install onnxruntime\)"):
            open_model(path, dataset)
    with pytest.raises(CheckpointError, match="No module named 'nowhere'; call the command where"):
        open_model("nowhere:faces")
    assert "name a data set, too" in " ".join(call("evaluate", path, code=1).split())
