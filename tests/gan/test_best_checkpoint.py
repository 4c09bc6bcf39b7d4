"""The checkpoint that is best by people held out: kept beside the newest, whatever happens."""

from pathlib import Path

import pytest

from gan.errors import CheckpointError
from gan.runs.checkpoints import best_good_checkpoint, list_checkpoints, load_model, step_of
from gan.training.instruments import SCORE, Instruments
from gan.training.loop import train
from tests.gan.conftest import tiny
from tests.gan.runs import flip
from tests.system.commands import gan

SCORES = {2: 1.0, 3: 0.1, 4: 3.0, 5: 0.1, 6: 2.0, 8: 2.5}  # by the iteration


@pytest.fixture(autouse=True)
def scores(monkeypatch):
    monkeypatch.setattr(Instruments, "measure", lambda self, state: {SCORE: SCORES[state.step]})


def steps(run: Path) -> list[int]:
    return [step_of(path) for path in list_checkpoints(run)]


def trained(run: Path, data: Path, *, keep: int = 1, resume: bool = False, **training) -> Path:
    config = tiny(**training)
    output = config.output.model_copy(update={"keep": keep, "picture_every": 50})
    config = config.model_copy(update={"output": output})
    return train(config, data, run, resume=resume, device="cpu").run


def test_it_stays_while_older_and_worse_ones_go(tiny_dataset, tmp_path):
    """Of regular checkpoints: figures of other iterations are no checkpoint's."""
    run = trained(tmp_path / "run", tiny_dataset)
    assert steps(run) == [2, 6]
    assert load_model(run).provenance["step"] == 6
    assert load_model(run, checkpoint="best").provenance["step"] == 2


def test_a_resumed_run_keeps_it(tiny_dataset, tmp_path):
    run = trained(tmp_path / "run", tiny_dataset, iterations=4)
    trained(run, tiny_dataset, resume=True, iterations=8)
    assert steps(run) == [2, 8]
    assert step_of(best_good_checkpoint(run)) == 2


def test_if_it_is_damaged_the_next_best_takes_its_place(tiny_dataset, tmp_path):
    run = trained(tmp_path / "run", tiny_dataset, keep=3)
    flip(run / "checkpoints/step-00000002/model.safetensors")
    with pytest.warns(UserWarning, match="step-00000002: model.safetensors is damaged"):
        assert step_of(best_good_checkpoint(run)) == 6


def test_commands_take_it_by_an_option(tiny_dataset, tmp_path):
    run = trained(tmp_path / "run", tiny_dataset)
    for command in (["sample", run, "-n", 1, "-o", tmp_path / "faces"], ["report", run]):
        assert gan(*command, "--checkpoint", "best").exit_code == 0
    assert "It was trained for 2 iterations" in (run / "report.html").read_text()


def test_a_run_that_looked_at_nobody_has_none(tiny_dataset, tmp_path):
    config = tiny(iterations=2)
    output = config.output.model_copy(update={"instruments_every": 0})
    config = config.model_copy(update={"output": output})
    run = train(config, tiny_dataset, tmp_path / "run", device="cpu").run
    with pytest.raises(CheckpointError, match=r"no checkpoint has a score .* take the newest"):
        load_model(run, checkpoint="best")
