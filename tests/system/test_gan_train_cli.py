"""`gan train` as users call it: what it writes, how it stops, one line for what is wrong."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gan.config import dump_config
from tests.gan.conftest import blobs, tiny
from tests.system.commands import gan


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def dataset(tmp_path) -> Path:
    return blobs(tmp_path / "blobs.h5")


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(dump_config(tiny()))
    return path


def test_a_run_from_start_to_resumption(dataset, config, tmp_path):
    done = gan(
        "train", dataset, "--config", config, "--out", "run", "--set", "training.iterations=3"
    )
    assert done.exit_code == 0, done.output
    assert "run: done after 3 of 3 iterations" in done.output
    again = gan("train", "--resume", "--config", config, "--out", "run")
    assert again.exit_code == 0, again.output
    assert "done after 6 of 6" in again.output
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_resume_alone_takes_the_runs_own_configuration(dataset, config):
    gan("train", dataset, "--config", config, "--out", "run", "--set", "training.max_minutes=1e-9")
    more = gan("train", "--resume", "--out", "run")
    assert "out of time after 2 of 6" in more.output, more.output


def test_dry_run_writes_nothing(dataset, config, tmp_path):
    done = gan("train", dataset, "--config", config, "--out", "run", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "[training]" in done.output
    assert "60 training meshes, 217 vertices" in done.output
    assert "expression: 3 classes, 75.0% labelled" in done.output
    assert not (tmp_path / "run").exists()


def test_ctrl_c_saves_and_says_how_to_go_on(dataset, config, tmp_path):
    command = [sys.executable, "-m", "gan", "train", str(dataset), "--config", str(config)]
    command += ["--out", "run", "--set", "training.iterations=100000"]
    process = subprocess.Popen(
        command,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    while not list((tmp_path / "run" / "checkpoints").glob("step-*")):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "interrupted after" in out
    assert "gan train --resume --out run" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--preset", "huge"], 1, "unknown preset 'huge'; known: demo, small, plus, paper"),
        (["--set", "training.bat=3"], 1, "unknown key 'training.bat'"),
        (["--set", "generator.name=gpt"], 1, "unknown generator 'gpt'; known: mlp"),
        (["--set", "training.batch=512"], 1, "fewer than a batch of 512"),
        (["--set", "factors=[{name='mood',code_size=2}]"], 1, "no labels for 'mood'; it has"),
        (["--device", "tpu"], 1, "unknown device 'tpu'"),
        (["--resume", "--out", "nowhere"], 2, "nowhere is not a run directory"),
        (["--config", "absent.toml"], 2, "does not exist"),
    ],
)
def test_a_wrong_option_gets_one_line(dataset, config, tmp_path, arguments, code, message):
    own = [] if "--preset" in arguments or "--resume" in arguments else ["--config", str(config)]
    if "--config" in arguments:
        own = []
    done = gan("train", dataset, *own, *arguments)
    assert done.exit_code == code, done.output
    assert message in " ".join(done.output.split())
    assert "Traceback" not in done.output
    assert not list(tmp_path.rglob("metrics.jsonl"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("hello\n")


@pytest.mark.parametrize("damage", [truncate, empty, text])
def test_a_damaged_data_set_gets_one_line(dataset, config, damage, tmp_path):
    damage(dataset)
    done = gan("train", dataset, "--config", config, "--out", "run")
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: {dataset}")
    assert done.output.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_an_out_that_is_a_file_is_refused(dataset, config, tmp_path):
    (tmp_path / "run").write_text("mine")
    done = gan("train", dataset, "--config", config, "--out", "run")
    assert done.exit_code == 2
    assert (tmp_path / "run").read_text() == "mine"


def test_help_loads_nothing_heavy():
    code = "import sys\nfrom gan.cli import main\n"
    code += "main(['train', '--help'], standalone_mode=False)\n"
    code += "assert not {'torch', 'h5py', 'scipy', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
