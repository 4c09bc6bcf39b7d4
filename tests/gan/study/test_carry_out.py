"""A study as a workflow: which commands are called, what is there, what fails, what goes on.

The commands only say that they were called; `tests/system` runs the real ones.
"""

import os
import shutil
import signal

import pytest

from gan.errors import CheckpointError, WorkflowError
from gan.study.carry_out import survey
from gan.study.folder import forget_lost_runs, save_study, set_aside
from gan.study.job_choice import choose_jobs
from gan.workflow.engine import Call
from tests.gan.study.small_study import (
    BARE,
    MODELS,
    calls_of,
    do,
    open_study,
    write_stub,
    write_table,
)

JOBS = ("data", "oracle", "3dmm", "ours", "judges", "evaluate-3dmm", "evaluate-ours", "report")


@pytest.fixture
def bare(tmp_path):
    """A study of two models whose commands are a stub."""
    gan = str(write_stub(tmp_path))
    return open_study(tmp_path / "s", write_table(tmp_path, BARE), gan=gan)


def test_every_job_is_a_command_and_is_done_once(bare, tmp_path):
    outcome = do(bare)
    assert sorted(outcome.computed) == sorted(JOBS)
    assert (outcome.there, outcome.failed) == ((), {})
    calls = calls_of(tmp_path)
    assert calls[0] == (
        "data make --benchmark open-faces --size tiny --seed 0 --interaction 1 --jobs 1 "
        "-o data/open-faces.h5"
    )
    train = next(call for call in calls if call.startswith("train"))
    assert train.startswith("train data/open-faces.h5 --preset small --set training.iterations=4")
    assert train.endswith(
        "--set training.seed=0 --set training.threads=1 --device cpu --resume --out runs/ours"
    )
    (judge,) = [call for call in calls if call.startswith("judge")]
    assert "sparse" not in judge
    assert "--set decoupling.image=16" in judge
    assert calls.index(judge) < min(k for k, c in enumerate(calls) if c.startswith("evaluate"))
    assert calls[-1].startswith("compare 3dmm=runs/3dmm ours=runs/ours data/open-faces.h5")
    assert calls[-1].endswith("--no-figures -o comparison")
    again = do(bare)
    assert (again.computed, sorted(again.there)) == ((), sorted(JOBS))
    assert calls_of(tmp_path) == []
    _a_lost_run_is_trained_anew(bare, tmp_path)


def _a_lost_run_is_trained_anew(study, tmp_path):
    shutil.rmtree(study.folder / "runs/ours")
    forget_lost_runs(study.folder, study.plan)
    outcome = do(study)
    assert sorted(outcome.computed) == ["evaluate-ours", "ours", "report"]
    set_aside(study.folder, study.plan, ["ours"])
    assert (study.folder / "runs/ours.old-1").is_dir()
    assert "ours" in do(study).computed
    with pytest.raises(CheckpointError, match="no model 'mine' to restart; models are 3dmm, ours"):
        set_aside(study.folder, study.plan, ["mine"])


def test_a_training_that_diverges_leaves_the_rest_going(bare, tmp_path):
    (tmp_path / "fail-ours").write_text("3")
    outcome = do(bare)
    assert outcome.failed == {"ours": "its training diverged: iteration 3: adversarial is nan"}
    assert outcome.diverged
    assert "report" in outcome.computed
    assert not {"ours", "evaluate-ours"} & {*outcome.computed, *outcome.there}
    compare = calls_of(tmp_path)[-1]
    assert compare.startswith("compare 3dmm=runs/3dmm data/open-faces.h5")
    assert "--note Ours: its training diverged: iteration 3: adversarial is nan" in compare
    (tmp_path / "fail-ours").unlink()
    outcome = do(bare)
    assert sorted(outcome.computed) == ["evaluate-ours", "ours", "report"]
    assert "--note" not in calls_of(tmp_path)[-1]


def test_a_report_does_without_the_oracle(bare, tmp_path):
    (tmp_path / "fail-oracle").write_text("1")
    outcome = do(bare)
    assert list(outcome.failed) == ["oracle"]
    assert "report" in outcome.computed
    (tmp_path / "fail-oracle").unlink()
    assert sorted(do(bare).computed) == ["oracle", "report"]


def test_another_failure_makes_no_report(bare, tmp_path):
    (tmp_path / "fail-3dmm").write_text("1")
    outcome = do(bare)
    assert outcome.failed == {"3dmm": "iteration 3: adversarial is nan"}
    assert not outcome.diverged
    assert "evaluate-ours" in outcome.computed
    assert "report" not in {*outcome.computed, *outcome.there}
    calls_of(tmp_path)
    assert do(bare, "report").computed == ("report",)
    assert "--note 3DMM: not measured yet" in calls_of(tmp_path)[-1]


def test_a_report_needs_something_measured(bare):
    with pytest.raises(CheckpointError, match="no model is measured yet"):
        do(bare, "report")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_jobs_save_and_the_same_call_goes_on(bare, tmp_path, number):
    (tmp_path / "wait-ours").touch()

    def interrupt(job, kind):
        if (job.name, kind) == ("ours", "begun"):
            while (tmp_path / "wait-ours").exists():  # until the command listens
                pass
            os.kill(os.getpid(), number)

    outcome = do(bare, "ours", on_change=interrupt)
    assert outcome.interrupted
    assert outcome.computed == ("data",)
    assert (bare.folder / "jobs/ours.log").read_text().split() == ["saved", "exit", "code", "130"]
    assert do(bare, "ours").computed == ("ours",)


def test_what_snakemake_complains_of_is_an_error(bare):
    with pytest.raises(WorkflowError, match=r"s: .*nonsense"):
        do(bare, call=Call(more=("--nonsense",)))


def test_a_cluster_gets_every_job_with_what_it_needs(tmp_path):
    """Two sources, two seeds, given to Slurm: nothing runs, all is said."""
    (tmp_path / "ict.npz").write_bytes(b"a face model")
    models = (f"ict@0.5={tmp_path / 'ict.npz'}", "procedural")
    study = open_study(
        tmp_path / "s", write_table(tmp_path), gan="gan", models=models, seeds=(0, 5)
    )
    study = study._replace(device="cuda")
    save_study(study.folder, study.asked, study.settings)
    call = Call("slurm", cores=20, dry_run=True, more=("--retries", "3"))
    doing = survey(study, choose_jobs(study.plan, ()), call, study.folder, study.folder)
    each = 3 + 2 * 2 * len(MODELS) + 1  # data, oracle, judges; trainings, measurements; report
    assert len(doing) == 2 * each == len(study.plan.jobs())
    assert not (study.folder / "ict@0.5").exists()
    job = doing["ict@0.5/jobs/ours-seed5.done"]
    assert (job.rule, job.threads) == ("train", 8)
    assert job.resources == {"mem_mb": 16000, "gpu": 1, "runtime": 62}
    assert "gan train ict@0.5/data/open-faces.h5 --preset small" in job.command
    assert "--set training.seed=5" in job.command
    assert "--out ict@0.5/runs/ours-seed5" in job.command
    data = doing["ict@0.5/data/open-faces.h5"]
    assert "--interaction 0.5" in data.command
    assert f"--model {tmp_path}/ict.npz" in data.command
    assert "gpu" not in data.resources
    report = doing["procedural/comparison/report.html"].command
    for run in ("coma=procedural/runs/coma", "coma=procedural/runs/coma-seed5"):
        assert f" {run} " in report
