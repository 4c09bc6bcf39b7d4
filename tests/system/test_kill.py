"""SIGKILL at any instant: what is resumed ends as if nothing had been, bit for bit.

Every life of a run has the same command line, with --resume, as a batch system would repeat it.
"""

import signal
import time
from pathlib import Path

import numpy as np
import pytest

from gan.config import dump_config
from gan.runs.checkpoints import list_checkpoints, step_of
from meshkit.files import ASIDE
from tests.gan.conftest import blobs, tiny
from tests.gan.runs import assert_same_run, logged
from tests.system.fork_server import ForkServer

ENDLESS = 1_000_000  # iterations: the run has no end of its own


@pytest.fixture(scope="module")
def server():
    with ForkServer() as running:
        yield running


class Life:
    """A run that is killed and resumed."""

    def __init__(self, server: ForkServer, folder: Path) -> None:
        self.server, self.folder, self.run = server, folder, folder / "run"
        config = tiny(iterations=ENDLESS)
        output = {"picture_every": ENDLESS, "checkpoint_every": 3, "log_every": 1}
        output = config.output.model_copy(update=output)
        (folder / "run.toml").write_text(dump_config(config.model_copy(update={"output": output})))
        self.data = blobs(folder / "blobs.h5")
        self.kills = 0

    def live(self, iterations: int, *, run: Path | None = None, **death) -> bool:
        """Start or resume; return whether it was killed."""
        run = run or self.run
        command = ["train", self.data, "--config", self.folder / "run.toml", "--out", run]
        command += ["--resume", "--device", "cpu", "--set", f"training.iterations={iterations}"]
        output = self.folder / "output.txt"
        cache = str(self.folder / "cache")
        code = self.server.run(*command, output=output, cache=cache, run=str(run), **death)
        assert code in (0, -signal.SIGKILL), output.read_text()
        self.kills += code != 0
        return code != 0

    def step(self) -> int:
        found = list_checkpoints(self.run)
        return step_of(found[-1]) if found else 0

    def finish(self) -> None:
        """Resume a last time; compare with a run that was left in peace."""
        end = self.step() + 4
        assert not self.live(end)
        assert not self.live(end, run=self.folder / "whole")
        assert_same_run(self.run, self.folder / "whole")
        assert [row["step"] for row in logged(self.run)] == list(range(1, end + 1))
        assert_nothing_left(self.run)


def assert_nothing_left(run: Path) -> None:
    names = {path.name for path in run.rglob("*")}
    assert not [name for name in names if name.startswith(".") or ASIDE.fullmatch(name)]
    assert not [name for name in names if name.startswith("damaged")], "no kill damages a file"


@pytest.fixture
def life(server, tmp_path):
    return Life(server, tmp_path)


def test_killed_four_times(life):
    """In the first checkpoint's tensors, before a rename, while it computes, before a removal."""
    assert life.live(ENDLESS, half=2)
    assert life.step() == 0
    assert not list_checkpoints(life.run)
    assert life.live(ENDLESS, event=60)
    assert life.step() > 0
    assert life.live(ENDLESS, half=3)
    assert life.live(ENDLESS, after=1.0)
    life.finish()
    assert life.kills == 4


@pytest.mark.slow
def test_killed_at_fifty_random_instants(life, record_property):
    rng = np.random.default_rng(4)
    life.live(3, run=life.folder / "warm")  # the server has loaded everything
    began = time.monotonic()
    life.live(3)
    reach = 2 * (time.monotonic() - began)
    while life.kills < 50:
        before = life.step()
        assert life.live(ENDLESS, after=float(rng.uniform(0.0, reach)))
        # Some lives end before they get anywhere, on a machine that is busy now and idle then.
        reach *= 0.7 if life.step() > before else 1.15
    record_property("step", life.step())
    assert life.step() > 20, "the kills left no time to train"
    life.finish()


@pytest.mark.slow
def test_killed_before_every_change_of_a_file(life):
    """From the making of the folder to the removal of the third checkpoint."""
    for event in range(1, 90):
        assert life.live(ENDLESS, event=event)
    life.finish()


@pytest.mark.slow
def test_killed_within_every_tensor_file(life):
    for number in (1, 2, 3, 4, 5, 6):
        assert life.live(ENDLESS, half=number)
    life.finish()
