"""A loss that is not finite: the training stops before the step, or rolls back, the same each time.

The divergence is real: at one iteration the critic's last weight is made infinite, as long as the
rates are not yet low enough.
"""

import os
import signal
import time
import warnings

import numpy as np
import pytest
import torch

import gan.training.checkpoint as checkpoint
from gan.errors import TrainingDiverged
from gan.runs.checkpoints import list_checkpoints, read_record, step_of
from gan.runs.rollback import MAX_ROLLBACKS
from gan.training.loop import train
from tests.gan.conftest import tiny
from tests.gan.runs import assert_same_run, flip, logged, newest, weights

ITERATE = checkpoint.iterate


@pytest.fixture(autouse=True)
def no_picture(monkeypatch):
    white = np.zeros((2, 2, 3), dtype=np.uint8)
    monkeypatch.setattr("gan.training.loop.draw_progress", lambda state, dataset, run: white)


def explode(monkeypatch, where: dict[int, float]) -> None:
    """Let iteration k diverge while the rates' factor is above `where[k]`."""

    def iterate(state):
        if state.rate_factor > where.get(state.step, 1):
            with torch.no_grad():
                state.discriminator.critic.last.weight[0, 0] = torch.inf
        return ITERATE(state)

    monkeypatch.setattr(checkpoint, "iterate", iterate)


def after_each(monkeypatch, look) -> None:
    """Let `look` see, and change, the state after every iteration."""
    inner = checkpoint.iterate

    def iterate(state):
        terms = inner(state)
        look(state)
        return terms

    monkeypatch.setattr(checkpoint, "iterate", iterate)


def long(**training):
    """Ten iterations, a checkpoint every four, a line every two."""
    config = tiny(iterations=10, **training)
    output = config.output.model_copy(
        update={"checkpoint_every": 4, "instruments_every": 4, "log_every": 2}
    )
    return config.model_copy(update={"output": output})


def test_it_stops_before_the_step_and_says_what_remains(tiny_dataset, tmp_path, monkeypatch):
    explode(monkeypatch, {6: 0})
    run = tmp_path / "run"
    message = r"iteration 6: \S+ is (nan|-?inf); step-00000004 remains"
    with pytest.raises(TrainingDiverged, match=message) as caught:
        train(long(), tiny_dataset, run, device="cpu")
    assert caught.value.remedy == "roll-back"
    assert [row["step"] for row in logged(run)] == [2, 4, 6]
    assert [step_of(path) for path in list_checkpoints(run)] == [0, 4]
    assert all(torch.isfinite(w).all() for w in weights(run).values())


def test_it_rolls_back_and_halves_both_rates(tiny_dataset, tmp_path, monkeypatch):
    explode(monkeypatch, {6: 0.3})  # twice: at 1 and at 1/2
    rates = {}

    def look(state):
        rates[state.step] = [
            o.param_groups[0]["lr"] for o in (state.optimizer_d, state.optimizer_g)
        ]

    after_each(monkeypatch, look)

    run = tmp_path / "run"
    config = long(on_divergence="rollback")
    with pytest.warns(UserWarning, match="back to iteration 4, rates x") as said:
        outcome = train(config, tiny_dataset, run, device="cpu")
    assert outcome.step == 10
    assert [str(one.message).rpartition(" ")[2] for one in said] == ["0.5", "0.25"]
    assert str(said[0].message).startswith("iteration 6: ")
    assert rates[4] == [1e-4, 1e-4]
    assert rates[5] == rates[10] == [2.5e-5, 2.5e-5]
    rows = {row["step"]: row for row in logged(run)}
    assert list(rows) == [2, 4, 6, 8, 10]
    assert "rollbacks" not in rows[4]
    first, second = rows[6]["rolled_back"]
    assert (first["to"], first["rate"], second["rate"]) == (4, 0.5, 0.25)
    assert first["why"].startswith("iteration 6: ")
    assert rows[10]["rollbacks"] == 2
    assert "rolled_back" not in rows[8]
    saved = read_record(newest(run))["state"]["map"]["rollbacks"]
    assert len(saved["list"]) == 2


@pytest.mark.parametrize("stops", [(3,), (5,), (6, 7), (9,)])
def test_an_interrupted_run_rolls_back_to_where_an_uninterrupted_one_does(
    tiny_dataset, tmp_path, monkeypatch, stops
):
    """Checkpoints that Ctrl-C leaves change nothing."""
    explode(monkeypatch, {2: 0.9, 7: 0.3})
    config, left = long(on_divergence="rollback"), set(stops)

    def interrupt(stage, done, total):
        if done in left:
            left.remove(done)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.warns(UserWarning, match="back to iteration"):
        train(config, tiny_dataset, tmp_path / "whole", device="cpu")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*back to iteration")  # not in every part
        parts = tmp_path / "parts"
        train(config, tiny_dataset, parts, device="cpu", progress=interrupt)
        for _ in stops:
            again = train(
                config, tiny_dataset, parts, device="cpu", progress=interrupt, resume=True
            )
    assert again.reason == "done"
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


def test_it_rolls_back_past_a_damaged_checkpoint(tiny_dataset, tmp_path, monkeypatch):
    explode(monkeypatch, {6: 0.9})

    def damage(state):
        if state.step == 5 and not state.rollbacks:
            written = tmp_path / "run" / "checkpoints" / "step-00000004"
            limit = time.monotonic() + 60
            while not written.exists() and time.monotonic() < limit:  # beside the training
                time.sleep(0.01)
            flip(written / "state.safetensors")

    after_each(monkeypatch, damage)
    config = long(on_divergence="rollback")
    with pytest.warns(UserWarning, match="back to") as said:
        outcome = train(config, tiny_dataset, tmp_path / "run", device="cpu")
    assert "is damaged (its checksum differs); going back to step-00000000" in str(said[0].message)
    assert "back to iteration 0, rates x 0.5" in str(said[1].message)
    assert [row["step"] for row in logged(outcome.run)] == [2, 4, 6, 8, 10]
    assert logged(outcome.run)[0]["rolled_back"][0]["to"] == 0


def test_it_gives_up_in_the_end(tiny_dataset, tmp_path, monkeypatch):
    explode(monkeypatch, {6: 0})
    with (
        pytest.warns(UserWarning, match="back to iteration 4") as said,
        pytest.raises(
            TrainingDiverged, match=r"rolled back 5 times already, the rates at 0\.03125"
        ),
    ):
        train(long(on_divergence="rollback"), tiny_dataset, tmp_path / "run", device="cpu")
    assert len(said) == MAX_ROLLBACKS


def test_a_weight_that_is_not_finite_rolls_back_at_the_checkpoint(
    tiny_dataset, tmp_path, monkeypatch
):
    """A gradient can overflow though no loss did; such weights are not saved."""

    def poison(state):
        if state.step == 7 and not state.rollbacks:
            with torch.no_grad():  # no loss sees it before the checkpoint of iteration 8
                state.average["W1"][0, 0] = torch.inf

    after_each(monkeypatch, poison)
    config = long(on_divergence="rollback")
    with pytest.warns(UserWarning, match=r"iteration 8: average\.W1 is not finite: back to .* 4"):
        outcome = train(config, tiny_dataset, tmp_path / "run", device="cpu")
    assert [row["step"] for row in logged(outcome.run)] == [2, 4, 6, 8, 10]
