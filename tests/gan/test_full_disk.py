"""Writes that fail: one line that names the file and what remains, or a picture less."""

import errno
import os
import resource
from contextlib import contextmanager

import numpy as np
import pytest

import gan.runs.log
import gan.training.loop as loop
from gan.errors import CheckpointError
from gan.progress import silent
from gan.runs.checkpoints import list_checkpoints, newest_good_checkpoint, step_of
from gan.training.loop import train
from tests.gan.conftest import tiny
from tests.gan.runs import assert_same_run, logged


@pytest.fixture(autouse=True)
def no_picture(monkeypatch):
    white = np.zeros((2, 2, 3), dtype=np.uint8)
    monkeypatch.setattr(loop, "draw_progress", lambda state, dataset, run: white)


@contextmanager
def no_file_above(size: int):
    """Let the kernel refuse to write past a size, in Python as in Rust and C."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refuse(config, data, run, *, resume=False, progress=silent) -> str:
    with pytest.raises(CheckpointError) as caught:
        train(config, data, run, device="cpu", resume=resume, progress=progress)
    message = str(caught.value)
    assert "\n" not in message
    return message


def go_on(config, data, run, tmp_path) -> None:
    """With room again the run ends as if nothing had been."""
    train(config, data, run, resume=bool(list_checkpoints(run)), device="cpu")
    train(config, data, tmp_path / "whole", device="cpu")
    assert_same_run(run, tmp_path / "whole")
    assert not [path.name for path in run.rglob(".*")]


@pytest.mark.parametrize("size", [0, 200, 40_000])
def test_a_checkpoint_that_does_not_fit(tiny_dataset, tmp_path, size):
    """From iteration 3 on, no file may be larger than this."""
    run, limit = tmp_path / "run", []

    def shrink(stage, done, total):
        if done == 3:
            limit.append(no_file_above(size))
            limit[0].__enter__()

    config = tiny()
    output = config.output.model_copy(update={"log_every": 9, "instruments_every": 0})
    config = config.model_copy(update={"output": output})
    try:
        message = refuse(config, tiny_dataset, run, progress=shrink)
    finally:
        limit[0].__exit__(None, None, None)
    assert "step-00000004 could not be written" in message
    assert "File too large" in message
    assert "step-00000002 remains" in message
    assert step_of(newest_good_checkpoint(run)) == 2
    go_on(config, tiny_dataset, run, tmp_path)


def test_a_log_that_is_full(tiny_dataset, tmp_path, monkeypatch):
    """A line that was cut short is dropped, and written again when there is room."""
    run, real = tmp_path / "run", gan.runs.log.MetricsLog.write

    def write(self, step, minutes, terms, notes=None):
        if step == 4:
            self._file.write(b'{"step": 4, "sec')
            self._file.close()
            self._file = open("/dev/full", "ab", buffering=0)  # noqa: SIM115
        real(self, step, minutes, terms, notes)

    with monkeypatch.context() as patch:
        patch.setattr(gan.runs.log.MetricsLog, "write", write)
        message = refuse(tiny(), tiny_dataset, run)
    assert message.startswith(f"{run}/metrics.jsonl: No space left on device: the training stops")
    assert "step-00000002 remains" in message
    go_on(tiny(), tiny_dataset, run, tmp_path)


def test_a_line_that_is_written_in_part(tiny_dataset, tmp_path):
    run = tmp_path / "run"
    with gan.runs.log.MetricsLog(_made(run), 0, tensorboard=False) as log:
        log.write(1, 0.0, {"x": 1.0})
        size = (run / "metrics.jsonl").stat().st_size
        with no_file_above(size + 5), pytest.raises(OSError, match="No space left") as caught:
            log.write(2, 0.0, {"x": 2.0})
    assert caught.value.filename == str(run / "metrics.jsonl")
    with gan.runs.log.MetricsLog(run, 1, tensorboard=False) as log:
        log.write(2, 0.0, {"x": 3.0})
    assert [row["x"] for row in logged(run)] == [1.0, 3.0]


def _made(folder):
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["config.toml", "run.json", "template.obj"])
def test_what_is_written_first_does_not_fit(tiny_dataset, tmp_path, monkeypatch, name):
    run, full = tmp_path / "run", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    replace = os.replace

    def fail(self, target):
        if target.name == name:
            raise full
        replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", fail)
        message = refuse(tiny(), tiny_dataset, run)
    assert message == (
        f"{run / name}: No space left on device: the training stops; the run has no checkpoint yet"
    )
    go_on(tiny(), tiny_dataset, run, tmp_path)


def test_a_picture_less(tiny_dataset, tmp_path, monkeypatch):
    def fail(state, dataset, run):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(run / "pictures" / "x.png"))

    monkeypatch.setattr(loop, "draw_progress", fail)
    run = tmp_path / "run"
    with pytest.warns(UserWarning, match=r"x\.png: No space.* goes on without this picture"):
        outcome = train(tiny(), tiny_dataset, run, device="cpu")
    assert outcome.reason == "done"


def test_tensorboard_is_no_reason_to_stop(tiny_dataset, tmp_path, monkeypatch):
    """Its files grow past the limit; the log's lines and the checkpoints do not."""
    config = tiny()
    output = config.output.model_copy(update={"tensorboard": True, "picture_every": 1})
    config = config.model_copy(update={"output": output})
    noise = np.random.default_rng(0).integers(0, 255, (512, 512, 3)).astype(np.uint8)
    monkeypatch.setattr(loop, "draw_progress", lambda state, dataset, run: noise)
    with (
        no_file_above(600_000),
        pytest.warns(UserWarning, match="tensorboard: .*: nothing more for TensorBoard") as said,
    ):
        outcome = train(config, tiny_dataset, tmp_path / "run", device="cpu")
    assert outcome.reason == "done"
    assert len([one for one in said if "TensorBoard" in str(one.message)]) == 1
    assert [row["step"] for row in logged(outcome.run)] == [1, 2, 3, 4, 5, 6]
