"""`gan compare` as a user calls it."""

import csv
import json
import shutil

import numpy as np
import pytest

from gan.baselines.config import baseline_config
from gan.baselines.train import train_baseline
from gan.evaluation import Evaluation
from gan.study.figures import Figure
from tests.gan.conftest import blobs
from tests.system.json_page import assert_documented

FEW = ("--samples", 20, "--pairs", 20, "--metrics", "specificity,diversity", "--no-figures")


@pytest.fixture(scope="session")
def linear(tmp_path_factory):
    """Return the run of a baseline, trained on the data of `trained`."""
    folder = tmp_path_factory.mktemp("linear")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHKIT_GAN_CACHE", str(folder / "cache"))
        config = baseline_config("3dmm", ["threads=1"])
        train_baseline(config, blobs(folder / "blobs.h5"), folder / "run", device="cpu")
    return folder / "run"


@pytest.fixture
def runs(trained, linear, tmp_path):
    shutil.copytree(trained, tmp_path / "first")
    shutil.copytree(linear, tmp_path / "second")
    return tmp_path / "first", tmp_path / "second"


@pytest.fixture
def faces(tmp_path):
    return blobs(tmp_path / "faces.h5")


def test_runs_of_both_commands_end_in_one_folder(gan, runs, faces, tmp_path, monkeypatch):
    out = tmp_path / "compared"
    result = gan("compare", *runs, faces, *FEW, "-o", out)
    assert result.exit_code == 0, result.output
    assert f"written to {out}/report.html" in result.stdout
    assert "8. Specificity: this model is among the best.\n   ours NOT MEASURED" in result.stdout
    assert {p.name for p in out.iterdir()} == {
        *(
            "report.html",
            "comparison.json",
            "figures.json",
            "table1.csv",
            "table1.tex",
            "table2.csv",
            "table2.tex",
        )
    }
    gan("evaluate", runs[1], faces, *FEW[:-1])
    alone = Evaluation.load(runs[1] / "evaluation.json")
    with (out / "table1.csv").open() as file:
        rows = {(r["model"], r["quantity"]): r for r in csv.DictReader(file)}
    assert (
        float(rows["3dmm", "specificity"]["mean"])
        == alone.metrics["specificity"].values["model"].mean
    )
    assert {model for model, _ in rows} == {"training", "ours", "3dmm"}

    # All of it is kept in the runs: nothing is measured again.
    monkeypatch.setattr("gan.evaluation.metrics.diversity.model_diversity", lambda *_, **__: 1 / 0)
    again = gan("compare", *runs, faces, *FEW, "-o", out, "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == json.loads((out / "comparison.json").read_text())
    of_curves = frozenset({"quantity", "shares", "lines"})  # no model has fewer labels here
    assert_documented("gan compare", json.loads(again.stdout), rare=of_curves)
    with pytest.raises(AssertionError, match="division by zero"):
        gan("compare", *runs, faces, *FEW, "--fresh", "-o", out)


def test_another_topology_is_named_with_its_run_before_anything_is_measured(
    fails, runs, faces, tmp_path, monkeypatch
):
    monkeypatch.setattr("gan.evaluation.suite._measure", lambda *_: pytest.fail("worked"))
    coarse = blobs(tmp_path / "coarse.h5", rings=5)
    line = fails("compare", *runs, coarse, *FEW, "-o", tmp_path / "out")
    assert "coarse.h5: other topology" in line
    assert f"leave {runs[1]} out, or name its own data set" in line
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_is_one_line(fails, gan, runs, faces, tmp_path):
    assert "no-run: no such run directory" in fails("compare", tmp_path / "no-run", faces, *FEW)
    assert "No such file" in fails("compare", *runs, tmp_path / "none.h5", *FEW)
    assert "is given twice" in fails("compare", runs[0], runs[0], faces, *FEW)
    assert "unknown metric 'beauty'" in fails("compare", *runs, faces, "--metrics", "beauty")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years")
    assert "holds other files than a comparison" in fails("compare", *runs, faces, *FEW, "-o", mine)
    assert (mine / "thesis.tex").read_text() == "years"
    assert gan("compare", faces).exit_code == 2


def test_damage_in_a_checkpoint_is_said(fails, runs, faces, tmp_path):
    for path in (runs[1] / "checkpoints").rglob("model.safetensors"):
        path.write_bytes(b"")
    line = fails("compare", *runs, faces, *FEW, "-o", tmp_path / "out")
    assert f"{runs[1]}: every checkpoint is damaged" in line


def few_with_figures():
    return [option for option in FEW if option != "--no-figures"]


def test_figures_are_drawn_of_every_model_and_other_data_is_said(gan, runs, tmp_path, monkeypatch):
    def draw(members, dataset, *, seed, watch, comparison, three_factor_run):
        watch("faces")
        text = f"{[member.name for member in members]} {seed} {three_factor_run}"
        yield Figure("faces", "Faces", text, np.zeros((4, 4, 3), np.uint8))

    monkeypatch.setattr("gan.study.figures.draw_figures", draw)
    other = blobs(tmp_path / "other.h5", split=np.zeros(72, int))
    out = tmp_path / "out"
    more = (*few_with_figures(), "--seed", 3, "--three-factors", "r3", "-o", out)
    more += ("--note", "CoMA: it diverged", "--note", "MAE: no time")
    result = gan("compare", f"mine={runs[0]}", runs[1], other, *more)
    assert result.exit_code == 0, result.output
    assert f"note: {runs[0]} was trained on other data than {other}" in result.stderr
    page = (out / "report.html").read_text()
    assert "[&#39;3dmm&#39;, &#39;mine&#39;] 3 r3" in page
    assert "CoMA: it diverged; MAE: no time" in page
    assert "<img" in page
    assert [p.name for p in (out / "figures").glob("*")] == ["faces.png"]
    assert (out / "report.html").read_text(encoding="utf-8").count("data-face=") == 1
    assert gan("compare", runs[1], other, *FEW, "-o", out).exit_code == 0
    assert not (out / "figures").exists()
    assert "<script" not in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_figures_of_a_study_fit_in(gan, runs, faces, tmp_path):
    result = gan("compare", *runs, faces, *few_with_figures(), "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert list((tmp_path / "out" / "figures").glob("*.png"))
