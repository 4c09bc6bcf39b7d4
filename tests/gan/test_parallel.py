"""Several processes are one: the same weights as a single process with the whole batch."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from gan import parallel
from gan.config import dump_config, parse_config
from gan.datasets.store import load_dataset
from gan.errors import ConfigError, PeerLost
from gan.models.contract import Factor
from gan.runs.checkpoints import STATE, load_model, newest_good_checkpoint, step_of
from gan.training.buckets import OverlappedMeans
from gan.training.codes import draw_codes, draw_fixed_codes, share_of_codes
from gan.training.loop import start, train
from tests.gan.conftest import tiny
from tests.gan.runs import flip, logged, newest
from tests.gan.two_processes import outcome, run

ROOT = Path(__file__).parents[2]


def every_loss() -> str:
    """A configuration whose terms compare samples of a batch in every way that there is."""
    tree = tiny(batch=16).model_dump(mode="json", exclude_none=True)
    for factor in tree["factors"]:
        factor["losses"] = {
            "classification": 1.0,
            "feature": 1.0,
            "code-regression": 0.5,
            "supervised-contrastive": {"weight": 0.5, "projection": 4},
        }
    return dump_config(parse_config(tree, "the test"))


def start_processes(*command: object, world: int = 2) -> list[subprocess.Popen]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = os.environ | {
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    return [
        subprocess.Popen(
            [sys.executable, *map(str, command)],
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]


def test_two_processes_equal_one(tiny_dataset, tmp_path):
    """Penalty, pairs, contrast, labels, noise, order of the data: all as in one process."""
    config = tmp_path / "config.toml"
    config.write_text(every_loss())
    out = tmp_path / "weights"
    alone = outcome(run(config, tiny_dataset, save=tmp_path / "run"))
    both = start_processes(
        "-m", "tests.gan.two_processes", config, tiny_dataset, tmp_path / "run", out
    )
    for process in both:
        said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    first, second = (torch.load(f"{out}.{rank}", weights_only=True) for rank in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    torch.testing.assert_close(first, alone, rtol=1e-8, atol=1e-9)
    resumed = torch.load(f"{out}.resumed.1", weights_only=True)
    torch.testing.assert_close(resumed, alone, rtol=1e-8, atol=1e-9)


def test_shares_keep_the_pairs(monkeypatch):
    """Partners in a share are partners in the whole batch; the shares together are the batch."""
    factors = tuple(Factor(name, 2, ("a", "b")) for name in ("one", "two", "three"))
    rng = torch.Generator().manual_seed(0)
    whole = draw_codes(factors, draw_fixed_codes(factors, rng), 1, "two", 24, rng=rng)
    seen = []
    for rank in range(3):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        monkeypatch.setattr(parallel, "world", lambda: 3)
        monkeypatch.setattr("gan.training.codes.world", lambda: 3)
        share = share_of_codes(whole)
        for name, columns in (("one", slice(0, 2)), ("three", slice(4, 6))):
            first, last = share.pairs[name]
            assert last - first == 2
            partners = share.z[4 + first : 4 + last]
            torch.testing.assert_close(share.z[first:last, columns], partners[:, columns])
        seen.append(share.z)
    every = torch.cat(seen)
    by_noise = [z[z[:, -1].argsort()] for z in (every, whole.z)]
    torch.testing.assert_close(by_noise[0], by_noise[1], rtol=0, atol=0)


def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch, tiny_dataset):
    monkeypatch.setattr(parallel, "world", lambda: 3)
    with pytest.raises(ConfigError, match="8 is not a multiple of 6, which 3 processes need"):
        start(tiny(), load_dataset(tiny_dataset), torch.device("cpu"))


@pytest.mark.parametrize(
    ("name", "found", "message"),
    [("cuda:1", 2, "cannot share one GPU"), ("cuda", 1, "finds 1 GPUs; start 1")],
)
def test_devices_of_processes(monkeypatch, name, found, message):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: found)
    with pytest.raises(ValueError, match=message):
        parallel.local_device(name)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert parallel.local_device("cuda") == "cuda:1"
    assert parallel.local_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")  # by a scheduler: one GPU for each task
    assert parallel.local_device("cuda") == "cuda:0"


def test_whoever_lost_the_others_does_not_wait_for_them(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(parallel.dist, "init_process_group", lambda *_, **__: None)
    left = []
    monkeypatch.setattr(parallel.dist, "destroy_process_group", lambda: left.append(True))

    def leave(cause):
        with parallel.processes("cpu"):
            try:
                raise cause
            except (PeerLost, ValueError):
                sys.exit(1)

    for cause in (PeerLost("gone"), ValueError("orderly")):
        with pytest.raises(SystemExit):
            leave(cause)
    assert left == [True]


STUCK = """
import sys, time
from gan import parallel
parallel.SECONDS_TO_NOTICE = 1
with parallel.processes("cpu"):
    parallel.wait_for_all()
    print("ready", flush=True)
    time.sleep(600)  # as for a GPU that waits for a peer
"""


def test_a_killed_process_ends_those_that_cannot_notice():
    """Within seconds, with one line."""
    both = start_processes("-c", STUCK)
    for process in both:
        assert process.stdout.readline() == "ready\n"
    both[1].kill()
    said = both[0].communicate(timeout=30)[1]
    assert both[0].returncode == 1
    assert said.splitlines()[-1] == "stopped: another process of this training has ended"
    assert said.count("stopped") == 1
    both[1].communicate()


def test_gradients_are_sent_while_others_are_made(monkeypatch):
    """The last layer's before the first layer has one; all of them are means at the end."""
    weights = [torch.ones(2, 2, requires_grad=True) for _ in range(3)]
    unused = torch.ones(2, requires_grad=True)
    sent = []

    class Doubled:  # two processes alike
        def __init__(self, flat):
            sent.append([weight.grad is not None for weight in weights])
            self.flat = flat

        def wait(self):
            self.flat *= 2

    monkeypatch.setattr(parallel, "world", lambda: 2)
    monkeypatch.setattr(parallel, "begin_sum", Doubled)
    x = torch.tensor([1.0, 2.0])
    with OverlappedMeans([weights[0], unused, *weights[1:]], size=16):
        y = x
        for weight in weights:
            y = weight @ y
        y.sum().backward(inputs=[*weights, unused])
    assert sent[0] == [False, False, True]
    assert sent[-1] == [True, True, True]
    assert_close(weights[2].grad, torch.tensor([[6.0, 6.0]] * 2))
    assert unused.grad is None


def test_one_process_starts_no_group():
    with parallel.processes("cpu") as device:
        assert not torch.distributed.is_initialized()
    assert device == "cpu"


@pytest.mark.slow
def test_torchrun_trains_and_one_process_writes(tiny_dataset, tmp_path):
    """The same command under torchrun: one log, one lock, the same run to Adam's rounding."""
    config, out = tmp_path / "config.toml", tmp_path / "both"
    config.write_text(dump_config(tiny()))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "gan", "train", tiny_dataset, "--config", config, "--device", "cpu"]
    shared = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*map(str, command), "--out", str(out)],
        env=shared,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("done after 6 of 6 iterations") == 1
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 7))
    alone = train(tiny(), tiny_dataset, tmp_path / "alone", device="cpu").run
    rate = tiny().optimizer.rate_g
    torch.testing.assert_close(
        load_model(out).weights, load_model(alone).weights, rtol=0, atol=6 * rate
    )
    again = subprocess.run(
        [*map(str, command), "--out", str(out)],
        env=shared,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert again.returncode == 1
    assert again.stderr.count("holds a run already") == 1, again.stderr


@pytest.mark.slow
def test_processes_that_look_at_different_times_resume_alike(tiny_dataset, tmp_path):
    """From nothing, from a checkpoint, from one before a damaged one: process 0 decides for all."""
    config, out = tmp_path / "config.toml", tmp_path / "run"
    config.write_text(dump_config(tiny()))
    said = ["no checkpoint yet", "going on from iteration 2 ", "is damaged"]
    for steps, expected in zip((2, 4, 6), said, strict=True):
        if expected == "is damaged":
            flip(newest(out) / STATE)
        both = start_processes(
            *("-m", "tests.gan.delayed_process", steps, "train", tiny_dataset),
            *("--config", config, "--out", out, "--device", "cpu", "--resume"),
            *("--set", f"training.iterations={steps}"),
        )
        ends = [process.communicate(timeout=120) for process in both]
        assert [process.returncode for process in both] == [0, 0], ends
        assert expected in ends[0][1]
    assert [line["step"] for line in logged(out)] == list(range(1, 7))


@pytest.mark.slow
def test_processes_whose_launcher_is_killed_save_and_end(tiny_dataset, tmp_path):
    config, out = tmp_path / "config.toml", tmp_path / "run"
    config.write_text(dump_config(tiny(iterations=100_000)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "gan", "train", tiny_dataset, "--config", config, "--device", "cpu"]
    launcher = subprocess.Popen(
        [*map(str, command), "--out", str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    while not (out / "metrics.jsonl").exists():
        assert launcher.poll() is None
        time.sleep(0.1)
    launcher.kill()
    launcher.wait()
    limit = time.monotonic() + 60
    while (out / ".lock").exists():
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert step_of(newest_good_checkpoint(out)) > 0


@pytest.mark.slow
def test_a_process_that_dies_ends_the_others(tiny_dataset, tmp_path):
    """Within the patience of gloo for a lost connection, with one line that says so."""
    config, out = tmp_path / "config.toml", tmp_path / "run"
    config.write_text(dump_config(tiny(iterations=100_000)))
    both = start_processes(
        *("-m", "gan", "train", tiny_dataset, "--config", config, "--out", out, "--device", "cpu")
    )
    while not (out / "metrics.jsonl").exists():
        assert all(process.poll() is None for process in both)
        time.sleep(0.1)
    both[1].kill()
    both[1].communicate()
    _, said = both[0].communicate(timeout=120)
    assert both[0].returncode == 1
    assert said.splitlines()[-1] == "stopped: another process of this training has ended"
    assert said.count("stopped") == 1
