"""What a study's folder says, and what it may hold: runs by hand, studies of former versions."""

import json

import pytest

from gan.config import dump_config, load_config
from gan.errors import CheckpointError, DatasetError
from gan.study.folder import check_asked, read_asked, read_failure, save_study
from gan.study.plan import Plan
from gan.study.sources import Source, as_sources, read_sources, settle_sources
from gan.study.trained import check_runs, share_done
from tests.gan.study.small_study import NETWORK, small_plan, write_table

HABITS = ("output.keep=3", "output.log_every=2", "training.on_divergence=rollback")


@pytest.fixture
def plan(tmp_path) -> Plan:
    return small_plan(write_table(tmp_path), seeds=(0, 5))


def write_run(folder, name, text):
    run = folder / "runs" / name
    run.mkdir(parents=True)
    (run / "config.toml").write_text(text)
    return run


def network(*overrides):
    return dump_config(load_config("small", None, [*NETWORK, *overrides]))


def test_a_run_trained_by_hand_counts_with_habits_of_its_own(tmp_path, plan):
    write_run(tmp_path, "ours", network("training.threads=1", *HABITS))
    write_run(tmp_path, "ours-seed5", network("training.seed=5"))
    check_runs(tmp_path, plan)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "ours",
            network("generator.hidden=9", "optimizer.rate_d=3e-4"),
            r"runs/ours has another configuration than the study: generator.hidden is 9, not 16; "
            rf"optimizer.rate_d is 0.0003, not {load_config('small').optimizer.rate_d}$",
        ),
        ("ours", 'kind = "coma"\n', 'kind is "coma", not "a run of gan train"'),
        ("coma", network(), 'kind is "a run of gan train", not "coma"'),
        ("coma", 'kind = "coma"\nrate = 0.5\n', "rate is 0.5, not 0.001"),
        ("ours-seed5", network(), "training.seed is 0, not 5$"),
    ],
)
def test_another_configuration_is_refused_by_its_key(tmp_path, plan, name, text, says):
    if "rate = 0.5" in text:
        text = text + "identity_size = 3\nexpression_size = 4\nepochs = 2\n"
        text += "batch = 8\nfilters = [4, 6]\nterms = 3\n"
    write_run(tmp_path, name, text)
    with pytest.raises(CheckpointError, match=says):
        check_runs(tmp_path, plan)


def test_a_folder_without_a_run_is_refused(tmp_path, plan):
    (tmp_path / "runs/ours").mkdir(parents=True)
    check_runs(tmp_path, plan)
    (tmp_path / "runs/ours/thesis.tex").write_text("")
    with pytest.raises(CheckpointError, match=r"runs/ours is no run .it has no config.toml"):
        check_runs(tmp_path, plan)


def test_how_far_a_training_is(tmp_path, plan):
    run = write_run(tmp_path, "coma", "")
    trial = plan.trial("coma")
    assert share_done(trial, run) == 0
    (run / "run.json").write_text('{"training_meshes": 40}')  # 2 epochs of 5 steps
    (run / "metrics.jsonl").write_text('{"step": 1}\n{"step": 4, "seconds": 9}\n{"st')
    assert share_done(trial, run) == 0.4
    limited = trial._replace(config=trial.config.model_copy(update={"max_minutes": 0.2}))
    assert share_done(limited, run) == pytest.approx(0.75)


def test_a_study_says_what_it_was_asked(tmp_path):
    asked = {"command": "reproduce", "size": "mini", "seeds": [0], "sources": {}}
    assert read_asked(tmp_path) is None
    save_study(tmp_path, asked, {"models": {}})
    before = read_asked(tmp_path)
    assert before == asked
    check_asked(tmp_path, {**asked, "seeds": [0, 1, 2]}, before)
    with pytest.raises(CheckpointError, match="holds a study with seeds 0, not 4"):
        check_asked(tmp_path, {**asked, "seeds": [4]}, before)
    with pytest.raises(CheckpointError, match="a study with size 'mini', not 'full'"):
        check_asked(tmp_path, {**asked, "size": "full"}, before)


@pytest.mark.parametrize("version", [1, 9])
def test_a_study_of_another_version_is_refused_by_name(tmp_path, version):
    (tmp_path / "study.json").write_text(json.dumps({"format": f"meshkit-gan study {version}"}))
    with pytest.raises(CheckpointError, match=rf"'meshkit-gan study {version}', this software"):
        read_asked(tmp_path)


def test_sources_stay_what_they_were(tmp_path):
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    one.write_bytes(b"1")
    two.write_bytes(b"2")
    known = settle_sources(read_sources([str(one)], [], {}, tmp_path), {})
    assert settle_sources((), known) == known
    with pytest.raises(DatasetError, match=r"two.npz is another face model than .*one.npz"):
        settle_sources(read_sources([str(two)], [], {}, tmp_path), known)
    with pytest.raises(DatasetError, match="one source, without a name"):
        settle_sources(read_sources([f"b={two}"], [], {}, tmp_path), known)
    with pytest.raises(DatasetError, match="began with data of its own"):
        settle_sources(read_sources([], [str(two)], {}, tmp_path), known)
    named = settle_sources(read_sources([f"a={one}"], [], {}, tmp_path), {})
    both = settle_sources(read_sources([f"b={two}", "procedural"], [], {}, tmp_path), named)
    assert list(both) == ["a", "b", "procedural"]
    assert settle_sources((), {}) == {"": Source().as_record()}


@pytest.mark.parametrize(
    ("model", "name", "interaction"),
    [
        ("ict@0={}", "ict@0", 0.0),
        ("ict={}", "ict", 1.0),
        ("procedural@0.5", "procedural@0.5", 0.5),
        ("head@1=procedural", "head@1", 1.0),
        ("procedural", "", 1.0),
    ],
)
def test_a_source_has_a_dial(tmp_path, model, name, interaction):
    file = tmp_path / "ict.npz"
    file.write_bytes(b"1")
    (source,) = read_sources([model.format(file)], [], {}, tmp_path)
    assert (source.name, source.interaction) == (name, interaction)
    assert source.model == (file if "ict" in model else None)
    known = settle_sources([source], {})
    assert as_sources(known) == (source,)
    with pytest.raises(DatasetError, match=r"began with interaction"):
        settle_sources([source._replace(interaction=0.25)], known)
    with pytest.raises(ValueError, match=r"'x@2': what follows @ is an interaction from 0 to 1"):
        read_sources([f"x@2={file}"], [], {}, tmp_path)


def test_a_failure_is_the_last_thing_that_a_log_says(tmp_path, plan):
    (job,) = [job for job in plan.jobs() if job.name == "ours"]
    assert "did not start" in read_failure(tmp_path, job).why
    log = tmp_path / job.log
    log.parent.mkdir()
    log.write_text("warning: x\nError: step 3: critic is nan\nexit code 3\n")
    assert read_failure(tmp_path, job) == (3, "its training diverged: step 3: critic is nan")
    log.write_text("some output\n")
    assert read_failure(tmp_path, job) == (None, "some output")
