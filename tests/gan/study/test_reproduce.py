"""A study from data to report; what is there is not done again; what is cut off goes on."""

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

import gan.study.stages as stages_module
from gan.config import load_config
from gan.datasets.store import load_dataset
from gan.errors import CheckpointError, DatasetError, TrainingDiverged
from gan.evaluation.kept import model_fingerprint
from gan.runs.checkpoints import load_model
from gan.study.figures import sparse as sparse_module
from gan.study.figures import studio as studio_module
from gan.study.record import read_record
from gan.study.reproduce import survey
from gan.study.restart import set_aside
from gan.study.study import Study
from gan.training.loop import train
from tests.gan.conftest import blobs
from tests.gan.runs import logged, newest, rewrite
from tests.gan.study.small_study import (
    ABLATIONS,
    MODELS,
    NETWORK,
    carry_out,
    open_study,
    small_plan,
    write_data,
    write_table,
)

SOFTWARE = {"meshkit-gan": "1", "commit": "c", "torch": "2", "numpy": "2"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the data, the budgets, and a study from nothing to report."""
    folder = tmp_path_factory.mktemp("reproduce")
    with pytest.MonkeyPatch.context() as patch:
        _quickly(patch, folder)
        study = open_study(folder / "study", write_data(folder), write_table(folder))
        outcome = carry_out(study)
    assert not outcome.interrupted
    assert outcome.found == ("data",), "the data was given"
    return folder


@pytest.fixture(autouse=True)
def quickly(place, monkeypatch):
    _quickly(monkeypatch, place)


def no_picture(state, dataset, run):
    return np.zeros((2, 2, 3), dtype=np.uint8)


def _quickly(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setenv("MESHKIT_GAN_CACHE", str(folder / "cache"))
    # A commit beside the tests must not make everything stale.
    patch.setattr("gan.study.study.provenance", lambda: SOFTWARE)
    patch.setattr("gan.evaluation.kept.source_commit", lambda: SOFTWARE["commit"])
    patch.setattr("gan.training.loop.draw_progress", no_picture)
    patch.setattr(studio_module, "TILE", (34, 30))
    patch.setattr(sparse_module, "_STEPS", 4)


@pytest.fixture
def again(place, tmp_path) -> Study:
    """Return a copy of the finished study, opened anew."""
    shutil.copytree(place / "study", tmp_path / "study")
    return open_study(tmp_path / "study", place / "blobs.h5", place / "sizes.toml")


def fresh(place: Path, folder: Path) -> Study:
    return open_study(folder, place / "blobs.h5", place / "sizes.toml")


def test_a_study_ends_in_a_report(place):
    page = (place / "study/report.html").read_text()
    for title in ("3DMM", "CoMA", "Ours", "without regularizer", "without feature loss"):
        assert title in page
    assert "Models that are not here" not in page
    assert {run.name for run in (place / "study/runs").iterdir()} == set(MODELS)


def test_the_record_says_what_was_done_and_how(place):
    record = read_record(place / "study")
    assert record is not None
    with load_dataset(place / "blobs.h5") as data:
        for name in MODELS:
            stage = record.stages[name]
            assert stage["fingerprint"] == data.fingerprint
            assert stage["versions"].keys() >= {"meshkit-gan", "torch", "numpy"}
            assert (stage["seed"], stage["device"]) == (0, "cpu")
    assert record.stages["ours"]["steps"] == 4
    assert record.stages["judges"]["accuracy"].keys() == {"identity", "expression"}
    assert record.stages["ours"]["minutes"] > 0


def test_a_second_call_computes_nothing(place):
    def files() -> dict[Path, int]:
        every = (place / "study").rglob("*")
        return {p: p.stat().st_mtime_ns for p in every if p.is_file() and p.name != "study.json"}

    before, record = files(), (place / "study/study.json").read_text()
    outcome = carry_out(fresh(place, place / "study"))
    assert outcome.computed == ()
    assert files() == before
    assert (place / "study/study.json").read_text() == record


@pytest.mark.parametrize("name", ["ours", "coma"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_ends_as_an_unbroken_one(place, tmp_path, name, number):
    def interrupt(stage: str, done: int) -> None:
        if stage == name and done == 3:
            os.kill(os.getpid(), number)

    outcome = carry_out(fresh(place, tmp_path), "data", name, on_report=interrupt)
    assert outcome.interrupted
    found = survey(
        again := fresh(place, tmp_path), [s for s in again.plan.stages if s.name == name]
    )
    assert found[0].status == "begun"
    assert found[0].left < 0.5
    outcome = carry_out(again, name)
    assert outcome.computed == (name,)
    ours, theirs = tmp_path / "runs" / name, place / "study/runs" / name
    assert model_fingerprint(load_model(ours)) == model_fingerprint(load_model(theirs))
    assert [row["step"] for row in logged(ours)] == [row["step"] for row in logged(theirs)]


def test_an_interrupted_measurement_goes_on(place, again):
    shutil.rmtree(again.run("coma") / "evaluation")
    calls = list[str]()

    def interrupt(stage: str, done: int) -> None:
        calls.append(stage)
        os.kill(os.getpid(), signal.SIGTERM)

    outcome = carry_out(again, on_report=interrupt)
    assert outcome.interrupted
    assert calls == ["evaluate-coma"], "all else was there, and nothing came after"
    outcome = carry_out(fresh(place, again.folder))
    assert outcome.computed == ("evaluate-coma",)


def test_figures_are_drawn_when_a_model_changes(place, again):
    shutil.rmtree(again.run("coma"))
    outcome = carry_out(again, "figures", "report")
    assert outcome.computed == ("figures", "report")
    page = (again.folder / "report.html").read_text()
    assert "CoMA: not trained yet" in page
    assert carry_out(again, "figures", "report").computed == ()


def test_a_run_trained_by_hand_counts(place, tmp_path):
    habits = ("output.keep=3", "output.log_every=2", "training.on_divergence=rollback")
    config = load_config("small", None, [*NETWORK, "training.threads=1", *habits])
    (tmp_path / "runs").mkdir()
    train(config, place / "blobs.h5", tmp_path / "runs/ours", device="cpu")
    outcome = carry_out(fresh(place, tmp_path), "ours")
    assert outcome.found == ("ours",)
    record = read_record(tmp_path)
    assert record is not None
    assert record.stages["ours"]["steps"] == 4


def test_another_configuration_is_refused_by_its_key(place, again):
    text = (again.run("ours") / "config.toml").read_text()
    changed = text.replace("rate_d = 0.0002", "rate_d = 0.0003").replace(
        "hidden = 16", "hidden = 9"
    )
    (again.run("ours") / "config.toml").write_text(changed)
    says = (
        r"runs/ours has another configuration than the study: generator.hidden is 9, not 16; "
        r"optimizer.rate_d is 0.0003, not 0.0002; --restart ours trains it anew"
    )
    with pytest.raises(CheckpointError, match=says):
        carry_out(fresh(place, again.folder))
    study = fresh(place, again.folder)
    set_aside(study, ["ours"])
    assert carry_out(study, "ours").computed == ("ours",)
    assert (again.folder / "runs/ours.old-1/config.toml").read_text() == changed


def test_a_baseline_is_no_run_of_ours(place, again):
    shutil.rmtree(again.run("ours"))
    shutil.copytree(again.run("coma"), again.run("ours"))
    with pytest.raises(CheckpointError, match='kind is "coma", not "a run of gan train"'):
        carry_out(fresh(place, again.folder))


def test_a_run_on_other_data_is_refused(place, tmp_path):
    other = blobs(tmp_path / "other.h5", rings=6)
    shutil.copytree(place / "study/runs", tmp_path / "study/runs")
    with pytest.raises(CheckpointError, match=r"was trained on other data: blobs.h5 with finger"):
        carry_out(open_study(tmp_path / "study", other, place / "sizes.toml"))


def test_data_that_changed_since_is_refused(place, tmp_path):
    data = write_data(tmp_path)
    study = open_study(tmp_path / "study", data, place / "sizes.toml")
    carry_out(study, "data")
    blobs(data, rings=6)
    with pytest.raises(DatasetError, match=r"blobs.h5 has changed since the study began"):
        carry_out(open_study(tmp_path / "study", data, place / "sizes.toml"))


def test_a_folder_without_a_run_is_refused(place, tmp_path):
    (tmp_path / "runs/ours").mkdir(parents=True)
    (tmp_path / "runs/ours/thesis.tex").write_text("")
    with pytest.raises(CheckpointError, match=r"runs/ours is no run .it has no config.toml"):
        survey(study := fresh(place, tmp_path), study.plan.stages)


def test_a_stage_says_what_it_needs(place, tmp_path):
    study = fresh(place, tmp_path)
    for stage, needs in (
        ("evaluate-ours", "runs/ours is not trained yet"),
        ("judges", "no model is trained yet: nothing to judge"),
        ("figures", "no model is trained yet: nothing to draw"),
        ("report", "no model is measured yet"),
    ):
        with pytest.raises(CheckpointError, match=needs):
            carry_out(study, stage)


def test_a_training_that_diverges_is_missing_in_the_report(place, again, monkeypatch):
    shutil.rmtree(again.run("no-regularizer"))

    def explode(*arguments, **options):
        raise TrainingDiverged("iteration 3: adversarial is nan")

    monkeypatch.setattr(stages_module, "train", explode)
    outcome = carry_out(again)
    assert outcome.failed.keys() == {"no-regularizer"}
    assert outcome.computed == ("figures", "report")
    page = (again.folder / "report.html").read_text()
    assert "without regularizer: its training diverged: iteration 3: adversarial is nan" in page


@pytest.mark.parametrize("name", ABLATIONS)
def test_an_ablation_lacks_what_it_says(place, name):
    gone = {
        "no-regularizer": {"regularizer"},
        "no-identity-classifier": {"classification_identity", "feature_identity"},
        "no-expression-classifier": {"classification_expression", "feature_expression"},
        "no-feature-loss": {"feature_identity", "feature_expression"},
    }

    def terms(run: str) -> set[str]:
        rows = logged(place / "study/runs" / run)
        return {key.removeprefix("g/").removeprefix("d/") for row in rows for key in row}

    assert terms("ours") - terms(name) == gone[name]
    assert terms(name) <= terms("ours")


@pytest.mark.parametrize(
    ("minutes", "says"), [(9.0, "begun"), (0.02, "longer than the 0.02 asked for")]
)
def test_minutes_are_held_against_what_was_trained(place, again, minutes, says):
    """A run that was cut short goes on; one that was trained longer is another one."""
    stage = next(s for s in again.plan.stages if s.name == "coma")
    rewrite(newest(again.run("coma")), minutes=5.0)
    limited = again.plan.trial("coma").config.model_copy(
        update={"max_minutes": minutes, "epochs": 99}
    )
    config = again.run("coma") / "config.toml"
    config.write_text(config.read_text().replace("epochs = 2", "epochs = 99"))
    plan = small_plan(place / "sizes.toml")
    trials = tuple(t._replace(config=limited) if t.name == "coma" else t for t in plan.trials)
    study = open_study(again.folder, place / "blobs.h5", place / "sizes.toml")
    study.plan = plan._replace(trials=trials)
    if says == "begun":
        assert study.find(stage).status == "begun"
    else:
        with pytest.raises(CheckpointError, match=says):
            study.find(stage)
