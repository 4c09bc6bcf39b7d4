"""`gan train --resume` as users meet it: what it says, what it refuses, how it ends."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import gan.training.checkpoint as checkpoint
from gan.cli import main
from gan.config import dump_config
from gan.training.loop import train
from tests.gan.conftest import blobs, tiny
from tests.gan.runs import flip, newest, rewrite


def gan(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def no_picture(state, dataset, run):
    return np.zeros((2, 2, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHKIT_GAN_CACHE", str(folder / "cache"))
        patch.setattr("gan.training.loop.draw_progress", no_picture)
        train(tiny(), blobs(folder / "blobs.h5"), folder / "run", device="cpu")
    (folder / "tiny.toml").write_text(dump_config(tiny()))
    return folder


@pytest.fixture(autouse=True)
def own_folder(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(finished / "cache"))
    monkeypatch.setattr("gan.training.loop.draw_progress", no_picture)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(finished / "run", "run")


@pytest.mark.parametrize("words", [["run", "--resume"], ["--resume", "--out", "run"]])
def test_a_run_is_named_either_way(words):
    done = gan("train", *words, "--set", "training.iterations=7")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("run: done after 7 of 7 iterations")
    assert done.stderr.splitlines() == [
        "run: training.iterations: 6 -> 7",
        "run: going on from iteration 6 of 7 (step-00000006)",
    ]


def test_a_damaged_checkpoint_is_said():
    flip(newest(Path("run")) / "model.safetensors")
    done = gan("train", "run", "--resume")
    assert done.exit_code == 0, done.output
    warning, aside, going = done.stderr.splitlines()
    assert warning.startswith(
        "warning: run/checkpoints/step-00000006: model.safetensors is damaged"
    )
    assert "going back to step-00000004" in warning
    assert "the damaged checkpoint is now damaged-step-00000006" in aside
    assert going == "run: going on from iteration 4 of 6 (step-00000004)"


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("")])
def test_a_configuration_that_is_gone_is_the_checkpoints(damage):
    before = Path("run/config.toml").read_text()
    damage(Path("run/config.toml"))
    done = gan("train", "run", "--resume")
    assert done.exit_code == 0, done.output
    assert "run/config.toml was gone or empty: it is that of step-00000006 again" in done.stderr
    assert Path("run/config.toml").read_text() == before


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("")])
def test_without_its_record_a_run_asks_for_the_data_set(damage):
    damage(Path("run/run.json"))
    done = gan("train", "run", "--resume")
    assert done.exit_code == 1
    assert "run/run.json is gone or empty: name the data set" in done.stderr


def test_switches_end_in_the_configuration():
    done = gan("train", "run", "--resume", "--deterministic", "--on-divergence", "rollback")
    assert done.exit_code == 0, done.output
    text = Path("run/config.toml").read_text()
    assert "deterministic = true" in text
    assert 'on_divergence = "rollback"' in text


def test_a_full_command_line_starts_or_goes_on(finished):
    command = ["train", finished / "blobs.h5", "--config", finished / "tiny.toml", "--resume"]
    for says in ("new: no checkpoint yet: starting from iteration 0", "going on from iteration 6"):
        done = gan(*command, "--out", "new")
        assert done.exit_code == 0, done.output
        assert says in done.stderr


def refused(done: Result, code: int, says: str) -> None:
    assert done.exit_code == code, done.output
    assert says in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.output
    if code != 2:
        assert done.stderr.splitlines()[-1].startswith("Error: ")


def test_a_data_set_that_is_gone_is_named():
    record = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps(record | {"dataset": "/absent/faces.h5"}))
    done = gan("train", "run", "--resume")
    refused(done, 1, "run was trained on /absent/faces.h5, which is gone: name its new place")


def test_a_key_that_may_not_change_is_named():
    done = gan("train", "run", "--resume", "--set", "optimizer.rate_d=1")
    refused(done, 1, "optimizer.rate_d: 0.0001 -> 1.0: a resumed run may change training.iterat")


def test_a_run_needs_resume():
    refused(gan("train", "run"), 2, "run is a folder: to continue the run in it, add --resume")
    refused(gan("train", "run", "--resume", "--out", "other"), 2, "two runs are named")


def test_divergence_has_an_exit_code_of_its_own(finished, monkeypatch):
    real = checkpoint.iterate

    def explode(state):
        with torch.no_grad():
            state.discriminator.critic.last.weight[0, 0] = torch.inf
        return real(state)

    monkeypatch.setattr(checkpoint, "iterate", explode)
    done = gan("train", "run", "--resume", "--set", "training.iterations=9")
    refused(done, 3, "iteration 6:")
    assert "step-00000006 remains; remedy: --resume goes on from it; --on-div" in done.stderr


class Bomb:
    """Makes a file called `boom` when it is unpickled."""

    def __reduce__(self):
        return (open, ("boom", "w"))


@pytest.mark.parametrize(
    "name",
    ["state.json", "state.safetensors", "model.safetensors", "run.json", "config.toml"],
)
@pytest.mark.parametrize("protocol", [0, 5])
def test_pickles_in_place_of_a_runs_files_are_refused(name, protocol):
    """Even with the checksums made right."""
    (checkpoint,) = Path("run/checkpoints").glob("step-00000006")
    shutil.rmtree("run/checkpoints/step-00000004")
    path = checkpoint / name if (checkpoint / name).exists() else Path("run") / name
    path.write_bytes(pickle.dumps(Bomb(), protocol))
    if name.endswith("safetensors"):
        rewrite(checkpoint)
    if name != "model.safetensors":  # a resumed run writes it, and does not read it
        refused(gan("train", "run", "--resume"), 1, name)
    sampled = gan("sample", "run", "--n", 1, "--out", "faces")
    assert "Traceback" not in sampled.output
    assert not Path("boom").exists()


def test_pickles_among_the_derived_data_are_refused(finished, tmp_path, monkeypatch):
    cache = shutil.copytree(finished / "cache", tmp_path / "cache")
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(cache))
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(pickle.dumps(Bomb(), 0))
    done = gan("train", "run", "--resume")
    assert "Traceback" not in done.output
    assert isinstance(done.exception, SystemExit | None)
    assert not Path("boom").exists()
