"""`gan evaluate` as a user calls it."""

import json
import shutil

import numpy as np
import pytest

from gan.evaluation import Evaluation
from tests.gan.conftest import blobs
from tests.system.json_page import assert_documented

FEW = ("--samples", 20, "--pairs", 20)


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def test_tables_and_file(gan, run):
    result = gan("evaluate", run, *FEW, "--seed", 3)
    assert result.exit_code == 0, result.output
    for text in (
        "iteration 6, against 60 training meshes of blobs.h5; 20 samples, 20 pairs, seed 3",
        "diversity, same expression, mm",
        "labels: expression: ",
        "not measured: model-free: the data set holds no linear modes",
    ):
        assert text in result.stdout
    found = Evaluation.load(run / "evaluation.json")
    assert (found.seed, found.n_samples, found.model["step"]) == (3, 20, 6)


def test_json_is_the_file(gan, run, tmp_path):
    result = gan("evaluate", run, *FEW, "--json", "-o", tmp_path / "e.json")
    found = json.loads(result.stdout)
    assert found == json.loads((tmp_path / "e.json").read_text())
    assert_documented("gan evaluate", found)
    assert not (run / "evaluation.json").exists()


def test_other_data_is_said(gan, run, tmp_path):
    other = blobs(tmp_path / "other.h5", provenance={"source": "others"}, split=np.zeros(72, int))
    result = gan("evaluate", run, other, *FEW)
    assert result.exit_code == 0, result.output
    assert f"note: {run} was trained on other data than {other}" in result.stderr
    assert "against 72 training meshes of other.h5" in result.stdout


def test_what_does_not_fit_is_named(fails, run, tmp_path):
    coarse = blobs(tmp_path / "coarse.h5", rings=5)
    assert "coarse.h5: other topology" in fails("evaluate", run, coarse, *FEW)
    text = tmp_path / "text.h5"
    text.write_text("no data")
    assert "text.h5: not an HDF5 file" in fails("evaluate", run, text, *FEW)
    assert "Is a directory" in fails("evaluate", run, tmp_path, *FEW)
    assert "No such file" in fails("evaluate", run, tmp_path / "none.h5", *FEW)
    assert "no such run directory" in fails("evaluate", tmp_path / "none", *FEW)
    assert not (run / "evaluation.json").exists()


def test_data_that_has_moved_is_asked_for(fails, run):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"dataset": "/nowhere/faces.h5"}))
    assert "/nowhere/faces.h5, the data set of" in fails("evaluate", run, *FEW)


def test_a_place_that_cannot_be_written_is_found_before_the_work(fails, run, tmp_path, monkeypatch):
    monkeypatch.setattr("gan.evaluation.suite._measure", lambda *_: pytest.fail("worked"))
    assert "is a folder" in fails("evaluate", run, *FEW, "-o", tmp_path)
    assert "does not exist" in fails("evaluate", run, *FEW, "-o", tmp_path / "no" / "e.json")


def test_only_the_metrics_that_are_named(gan, run):
    result = gan("evaluate", run, *FEW, "--metrics", "generalisation,diversity")
    assert result.exit_code == 0, result.output
    found = Evaluation.load(run / "evaluation.json")
    assert list(found.metrics) == ["generalisation", "diversity"]
    assert "generalisation: held out: 12 meshes of 1 subjects, test split" in result.stdout
    assert "percentile bootstrap, 1000 resamples, seed 0" in result.stdout
    again = gan("evaluate", run, *FEW, "--metrics", "generalisation,diversity", "--json")
    assert json.loads(again.stdout) == found.as_dict()


def test_options_of_metrics(gan, fails, run, tmp_path, monkeypatch):
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))
    stopped = ("--set", "decoupling.width=2", "--set", "decoupling.blocks=[1]")
    few = ("--set", "decoupling.image=16", "--set", "decoupling.steps=50", "--budget", 1e-9)
    result = gan("evaluate", run, *FEW, "--metrics", "decoupling", *stopped, *few)
    assert result.exit_code == 0, result.output
    assert "judge of expression has learned for 1 of 50 steps" in result.stdout
    for wrong, message in (
        (
            ("--set", "sparse.steps=3"),
            "'sparse', which is not among the metrics that are taken: distribution",
        ),
        (("--set", "distribution"), "expected METRIC.OPTION=VALUE"),
        (("--set", "distribution.x=3"), "metric 'distribution' has no option 'x'"),
        (("--budget", 1), "--budget is for decoupling, which is not among the metrics"),
    ):
        assert message in fails("evaluate", run, *FEW, "--metrics", "distribution", *wrong)
    judge = ("--metrics", "decoupling", "--set", "decoupling.shift=30")
    assert "shift must be a quarter of the image or less, 28" in fails(
        "evaluate", run, *FEW, *judge
    )
    assert "unknown metric 'beauty'" in fails("evaluate", run, "--metrics", "beauty")
