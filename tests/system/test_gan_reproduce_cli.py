"""`gan reproduce` and `gan ablate` as users call them."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from gan.study.figures import sparse as sparse_module
from gan.study.figures import studio as studio_module
from tests.gan.study.small_study import ABLATIONS, NETWORK, TABLE, write_data, write_table
from tests.system.json_page import assert_documented

BARE = (
    TABLE.replace("ablations = true\n", "").split("[mini.trainings.coma]")[0]
    + (TABLE[TABLE.index("[mini.evaluation]") :])
)


def no_picture(state, dataset, run):
    return np.zeros((2, 2, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(cache))
    monkeypatch.setattr("gan.training.loop.draw_progress", no_picture)
    monkeypatch.setattr("gan.study.study.provenance", lambda: {"commit": "c"})
    monkeypatch.setattr(studio_module, "TILE", (34, 30))
    monkeypatch.setattr(sparse_module, "_STEPS", 4)
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    write_table(tmp_path, BARE)


STUDY = ("reproduce", "--sizes", "sizes.toml", "--size", "mini", "--data", "blobs.h5", "-o", "s")


def test_a_dry_run_says_everything_and_writes_nothing(gan):
    before = sorted(Path().rglob("*"))
    done = gan(*STUDY, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "data                               there" in done.stdout
    assert "gan train DATA --preset small --set 'training.iterations=4'" in done.stdout
    assert "in all; nothing was done" in done.stdout
    found = json.loads(gan(*STUDY, "--dry-run", "--json").stdout)
    assert [stage["status"] for stage in found["stages"]][:3] == ["done", "left", "left"]
    assert found["configurations"]["ours"]["training"]["iterations"] == 4
    assert found["minutes_left"] > 0.5
    assert sorted(Path().rglob("*")) == before


def test_one_command_from_data_to_report_and_again(gan):
    done = gan(*STUDY, "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["report"] == "s/report.html"
    assert_documented("gan reproduce", facts)
    assert {"3dmm", "ours", "judges", "evaluate-ours", "report"} <= set(facts["computed"])
    assert "[2/8] 3dmm: done in" in done.stderr
    again = gan("reproduce", "-o", "s")
    assert again.exit_code == 0, again.output
    assert again.stdout == "s/report.html: 0 stages done, 8 were there\n"


def test_interrupted_it_says_how_to_go_on(gan, monkeypatch):
    import gan.study.stages as stages_module

    train = stages_module.train

    def kill(*arguments, watch, **options):
        def and_kill(state):
            watch(state)
            if state.step == 2:
                os.kill(os.getpid(), signal.SIGINT)

        return train(*arguments, watch=and_kill, **options)

    monkeypatch.setattr(stages_module, "train", kill)
    done = gan(*STUDY, "--only", "data", "--only", "ours")
    assert done.exit_code == 130, done.output
    assert done.stderr.splitlines()[-1] == "continue with: gan reproduce -o s"
    monkeypatch.setattr(stages_module, "train", train)
    again = gan("reproduce", "-o", "s", "--only", "ours")
    assert again.exit_code == 0, again.output
    assert again.stdout == "s: 1 stages done, 0 were there\n"


def test_ablations_side_by_side(gan):
    sets = [word for line in NETWORK for word in ("--set", line)]
    command = ("ablate", "blobs.h5", "-o", "a", *sets, "--sizes", "sizes.toml", "--size", "mini")
    done = gan(*command, "--threads", "1", "--only", "ours", "--only", "no-feature-loss")
    assert done.exit_code == 0, done.output
    assert {run.name for run in Path("a/runs").iterdir()} == {"ours", "no-feature-loss"}
    assert "without feature loss" in Path("a/report.html").read_text()
    facts = json.loads(gan(*command, "--threads", "1", "--only", "ours", "--json").stdout)
    assert "ours" in facts["found"]
    assert_documented("gan ablate", facts)
    left = json.loads(gan(*command, "--dry-run", "--json").stdout)
    assert_documented("gan ablate --dry-run", left)
    status = {stage["name"]: stage["status"] for stage in left["stages"]}
    assert [status[name] for name in ("ours", *ABLATIONS)] == [
        "done",
        "left",
        "left",
        "left",
        "done",
    ]


def test_what_is_wrong_is_said_in_one_line(fails, gan):
    Path("novel").mkdir()
    Path("novel/chapter.txt").write_text("")
    assert "--size huge: known are tiny, small, full" in fails(
        "reproduce", "--size", "huge", "-o", "s"
    )
    assert "head.npz: No such file" in fails("reproduce", "-o", "s", "--model", "head.npz")
    assert "faces.h5: No such file" in fails("reproduce", "-o", "s", "--data", "faces.h5")
    assert "novel holds chapter.txt, but no study" in fails("reproduce", "-o", "novel")
    assert "blobs.h5 is a file: name a folder" in fails(*STUDY[:-1], "blobs.h5")
    assert "--only fun: known are data" in fails(*STUDY, "--only", "fun")
    assert "--restart mine: models are 3dmm, ours" in fails(*STUDY, "--restart", "mine")
    assert "unknown preset 'tall'" in fails("ablate", "blobs.h5", "--preset", "tall")
    assert "expected key=value" in fails("ablate", "blobs.h5", "--set", "fast")
    assert not Path("s").exists()
    gan(*STUDY, "--only", "data")
    assert "holds a study with seed 0, not 4" in fails("reproduce", "-o", "s", "--seed", "4")
    Path("s/study.json").write_text("{")
    assert "s/study.json is damaged" in fails("reproduce", "-o", "s")


def test_a_restarted_run_is_kept(gan):
    gan(*STUDY, "--only", "data", "--only", "3dmm")
    shutil.rmtree("s/runs/3dmm/checkpoints")
    done = gan(*STUDY, "--only", "3dmm", "--restart", "3dmm")
    assert done.exit_code == 0, done.output
    assert sorted(run.name for run in Path("s/runs").iterdir()) == ["3dmm", "3dmm.old-1"]
