"""`gan reproduce` and `gan ablate` as users call them."""

import importlib.util
import json
import os
import signal
from pathlib import Path

import pytest

from gan.datasets.store import load_dataset
from gan.runs.checkpoints import load_model
from tests.gan.study.small_study import (
    ABLATIONS,
    BARE,
    METRICS,
    NETWORK,
    TABLE,
    calls_of,
    write_data,
    write_stub,
    write_table,
)
from tests.system.json_page import assert_documented

STUDY = ("reproduce", "--sizes", "sizes.toml", "--size", "mini", "-o", "s", "--device", "cpu")
STUDY += ("--seeds", "0")
GIVEN = (*STUDY, "--data", "blobs.h5", "--threads", "1", "--cores", "2")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    write_table(tmp_path, BARE)


@pytest.fixture
def stub(tmp_path, monkeypatch) -> Path:
    """The workflow calls a stub in place of `gan`."""
    monkeypatch.setattr("gan.workflow.engine.GAN", str(write_stub(tmp_path)))
    return tmp_path


def test_a_dry_run_says_everything_and_writes_nothing(gan):
    before = sorted(Path().rglob("*"))
    done = gan(*GIVEN, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "gan train DATA --preset small --set training.iterations=4" in done.stdout
    assert "in all; nothing was done" in done.stdout
    facts = json.loads(gan(*GIVEN, "--executor", "slurm", "--dry-run", "--json").stdout)
    assert_documented("gan reproduce --dry-run", facts)
    assert {stage["status"] for stage in facts["stages"]} == {"left"}
    (ours,) = [stage for stage in facts["stages"] if stage["name"] == "ours"]
    assert "-m gan train" in ours["calls"]
    assert ours["resources"]["mem_mb"] == 16000
    assert facts["configurations"]["ours"]["training"]["iterations"] == 4
    assert sorted(Path().rglob("*")) == before


def test_one_command_from_data_to_report_and_again(gan):
    """The real commands; a training that was cut off by hand is gone on with, and counts."""
    words = [word for line in NETWORK for word in ("--set", line)]
    words += ["--set", "training.max_minutes=1e-9"]
    gan("train", "blobs.h5", "--preset", "small", *words, "--device", "cpu", "--out", "s/runs/ours")
    done = gan(*GIVEN, "--json")
    assert done.exit_code == 0, done.output + "".join(
        p.read_text() for p in Path("s").glob("jobs/*.log")
    )
    facts = json.loads(done.stdout)
    assert facts["report"] == "s/comparison/report.html"
    assert_documented("gan reproduce", facts)
    assert {"3dmm", "ours", "judges", "evaluate-ours", "report"} <= set(facts["computed"])
    assert "3dmm: done in" in done.stderr
    page = Path(facts["report"]).read_text()
    assert "3DMM" in page
    assert "Models that are not here" not in page
    assert "going on from iteration 1 of 4" in Path("s/jobs/ours.log").read_text()
    assert load_model("s/runs/ours").provenance["step"] == 4
    again = gan("reproduce", "-o", "s", "--device", "cpu", "--threads", "1")
    assert again.exit_code == 0, again.output
    assert again.stdout == "s/comparison/report.html: 0 jobs done, 6 were there\n"
    Path("s/runs/3dmm/config.toml").write_text('kind = "3dmm"\nidentity_size = 9\n')
    refused = gan("reproduce", "-o", "s")
    assert "identity_size is 9, not 3" in refused.stderr


def test_interrupted_it_says_how_to_go_on(gan, stub, monkeypatch):
    (stub / "wait-ours").touch()

    def interrupt(board, job, kind):
        if (job.name, kind) == ("ours", "begun"):
            while (stub / "wait-ours").exists():
                pass
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("gan.cli.study_board.StudyBoard.change", interrupt)
    done = gan(*GIVEN, "--only", "ours")
    assert done.exit_code == 130, done.output
    assert done.stderr.splitlines()[-1] == "continue with: gan reproduce -o s"


def test_a_model_that_diverged_is_exit_code_3(gan, stub):
    (stub / "fail-3dmm").write_text("3")
    done = gan(*GIVEN)
    assert done.exit_code == 3, done.output
    assert "3dmm: its training diverged: iteration 3" in done.stderr
    assert "s/comparison/report.html: 4 jobs done" in done.stdout


def test_ablations_side_by_side(gan, stub):
    command = ("ablate", "blobs.h5", "-o", "a", "--set", "training.iterations=4", "--device", "cpu")
    command += ("--sizes", "sizes.toml", "--size", "mini", "--threads", "1", "--seeds", "0")
    done = gan(*command, "--only", "ours", "--only", "no-feature-loss", "--json")
    assert done.exit_code == 0, done.output
    assert_documented("gan ablate", json.loads(done.stdout))
    trained = [call for call in calls_of(stub) if call.startswith("train")]
    assert len(trained) == 2
    assert all("--set training.iterations=4" in call for call in trained)
    left = json.loads(gan(*command, "--dry-run", "--json").stdout)
    assert_documented("gan ablate --dry-run", left)
    status = {stage["name"]: stage["status"] for stage in left["stages"]}
    assert [status[name] for name in ("ours", *ABLATIONS)] == ["done", *["left"] * 3, "done"]


def test_what_is_wrong_is_said_in_one_line(fails, gan, monkeypatch):
    Path("novel").mkdir()
    Path("novel/chapter.txt").write_text("")
    assert "no size 'huge'; known are tiny, small, full" in fails(
        "reproduce", "--size", "huge", "-o", "s"
    )
    assert "head.npz: No such file" in fails("reproduce", "-o", "s", "--model", "head.npz")
    assert "faces.h5: No such file" in fails("reproduce", "-o", "s", "--data", "faces.h5")
    assert "novel holds chapter.txt, but no study" in fails("reproduce", "-o", "novel")
    assert "blobs.h5 is a file: name a folder" in fails("reproduce", "-o", "blobs.h5")
    assert "no stage 'fun'; known are data" in fails(*STUDY, "--only", "fun")
    assert "no model 'mine' to restart; models are 3dmm, ours" in fails(*STUDY, "--restart", "mine")
    assert "unknown preset 'tall'" in fails("ablate", "blobs.h5", "--preset", "tall")
    assert "expected key=value" in fails("ablate", "blobs.h5", "--set", "fast")
    assert "give different whole numbers" in gan(*STUDY, "--seeds", "0,0").stderr
    find = importlib.util.find_spec
    absent = lambda name: None if name == "snakemake" else find(name)  # noqa: E731
    monkeypatch.setattr("importlib.util.find_spec", absent)
    assert "pip install 'meshkit-gan[study]'" in fails(*STUDY, "--dry-run")
    assert not Path("s").exists()
    Path("s").mkdir()
    Path("s/study.json").write_text("{")
    assert "s/study.json is damaged" in fails("reproduce", "-o", "s")


@pytest.mark.slow
def test_from_nothing_to_a_report_with_three_factors(gan, tmp_path):
    names = ("identity", "expression", "viseme")
    factors = "".join(f'[[factors]]\nname = "{name}"\ncode_size = 3\n' for name in names)
    (tmp_path / "three.toml").write_text(factors)
    three = [line for line in NETWORK if "code_size" not in line and "batch" not in line]
    whole = TABLE.replace("ablations = true\n", "").replace("figures = false\n", "")
    whole = whole.replace('["specificity",', '["sparse", "model-free", "specificity",')
    judged = str([line for line in METRICS if line.startswith("decoupling")])
    whole = whole.replace(judged, str(METRICS)) + (
        '[mini.trainings.three-factors]\npreset = "small"\nconfig = "three.toml"\n'
        f'data = "speaking"\nset = {three}\nminutes = 0.5\n'
    )
    write_table(tmp_path, whole)
    done = gan(*STUDY, "--json")
    assert done.exit_code == 0, done.output
    for name in ("sparse-reconstruction-free", "three-factors", "three-factors-crossed"):
        assert Path(f"s/comparison/figures/{name}.png").stat().st_size > 1000, name
    with load_dataset(Path("s/data/speaking.h5")) as opened:
        assert len(opened.labels) == 3
