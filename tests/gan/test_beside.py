"""Checkpoints and pictures are written beside the training: whole, in order, one at a time."""

import threading
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import gan.runs.resuming as resuming
from gan.datasets.store import load_dataset
from gan.errors import CheckpointError
from gan.runs.beside import Beside
from gan.runs.checkpoints import MODEL, STATE, list_checkpoints
from gan.training.checkpoint import save_checkpoint
from gan.training.loop import start, train
from gan.training.step import iterate
from tests.gan.conftest import tiny

WRITE = resuming.write_checkpoint


@pytest.fixture(autouse=True)
def no_picture(monkeypatch):
    white = np.zeros((2, 2, 3), dtype=np.uint8)
    monkeypatch.setattr("gan.training.loop.draw_progress", lambda shown, dataset, run: white)


def test_a_late_checkpoint_holds_what_was_when_it_was_due(tiny_dataset, tmp_path, monkeypatch):
    """The bytes of one written at once, though the weights have moved on since."""
    steps = []

    def late(run, step, **contents):
        if step == 2:
            limit = time.monotonic() + 60
            while steps[-1] < 4 and time.monotonic() < limit:
                time.sleep(0.01)
        return WRITE(run, step, **contents)

    monkeypatch.setattr(resuming, "write_checkpoint", late)
    config = tiny(iterations=5)
    output = config.output.model_copy(update={"keep": 9})
    config = config.model_copy(update={"output": output})
    before = threading.active_count()
    run = train(
        config,
        tiny_dataset,
        tmp_path / "run",
        device="cpu",
        progress=lambda stage, done, total: steps.append(done),
    ).run
    assert threading.active_count() == before
    state = start(config, load_dataset(tiny_dataset), torch.device("cpu"))
    for _ in range(2):
        iterate(state)
    at_once = save_checkpoint(state, tmp_path / "other")
    written = run / "checkpoints" / at_once.name
    assert (written / MODEL).read_bytes() == (at_once / MODEL).read_bytes()
    ours, theirs = load_file(written / STATE), load_file(at_once / STATE)
    training = [name for name in theirs if not name.startswith("random.")]  # torch's, numpy's
    for name in training:
        torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=0)


def test_what_fails_beside_the_training_stops_it(tiny_dataset, tmp_path, monkeypatch):
    def fail(run, step, **contents):
        if step:
            raise CheckpointError(f"no room for {step}")
        return WRITE(run, step, **contents)

    monkeypatch.setattr(resuming, "write_checkpoint", fail)
    run = tmp_path / "run"
    with pytest.raises(CheckpointError, match="no room for 2"):
        train(tiny(), tiny_dataset, run, device="cpu")
    assert [path.name for path in list_checkpoints(run)] == ["step-00000000"]


def test_one_job_at_a_time_in_order():
    """The next one waits, so that there is one copy; an error comes with the next call."""
    done, go_on = [], threading.Event()

    def slow():
        go_on.wait(60)
        done.append("slow")

    with Beside() as beside:
        beside.submit(slow)
        beside.check()
        waiting = threading.Thread(target=lambda: beside.submit(lambda: done.append("next")))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        assert done == []
        go_on.set()
        waiting.join()
        beside.wait()
        assert done == ["slow", "next"]
        beside.submit(lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            beside.submit(lambda: done.append("never"))
    assert done == ["slow", "next"]
