"""Iterate: start or resume a run, step, log, save; survive interruption."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import torch

from gan.config import Config, dump_config
from gan.datasets.store import Dataset, load_dataset
from gan.errors import CheckpointError
from gan.provenance import provenance
from gan.training.checkpoint import (
    list_checkpoints,
    newest_good_checkpoint,
    restore,
    save_checkpoint,
)
from gan.training.periodic import MetricsLog, draw_progress
from gan.training.problem import prepare
from gan.training.state import TrainState, build_state
from gan.training.step import iterate
from meshkit.files import atomic_path
from meshkit.io import save_mesh
from meshkit.mesh import Mesh


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    run: Path
    step: int
    iterations: int
    minutes: float
    reason: str  # "done", "interrupted" or "out of time"


@dataclass(frozen=True)
class RunRecord:
    """What a run's directory says about its origin: `run.json`."""

    dataset: Path
    fingerprint: str
    training_meshes: int
    device: str
    versions: dict[str, str]


def read_run(run: Path) -> RunRecord:
    """Read `run.json`.

    Raises
    ------
    CheckpointError
        The folder is not a run, or the file is damaged.
    """
    try:
        record = json.loads((run / "run.json").read_text())
        return RunRecord(Path(record.pop("dataset")), **record)
    except FileNotFoundError:
        raise CheckpointError(f"{run} is not a run directory: it has no run.json") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{run}/run.json is damaged: {error}") from None


Watcher = Callable[[TrainState], None]  # called after every iteration


def train(
    config: Config,
    dataset: Dataset | Path | str,
    run: Path | str,
    *,
    resume: bool = False,
    device: str = "auto",
    watch: Watcher | None = None,
) -> Outcome:
    """Train a face model into the directory `run`.

    The first Ctrl-C or SIGTERM saves a checkpoint and returns; a second Ctrl-C stops at once.

    Parameters
    ----------
    resume : continue from the newest whole checkpoint of `run`, with the configuration given
        here; on a CPU the weights come out as if the run had never stopped, bit for bit.
    device : "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N".

    Raises
    ------
    CheckpointError
        `run` holds a run already and `resume` is false, or the checkpoint does not fit.
    DatasetError, MeshError
        The data cannot be trained on.
    TrainingDiverged
        A term is not finite; the last checkpoint is good.
    """
    run = Path(run)
    opened = load_dataset(dataset) if not isinstance(dataset, Dataset) else dataset
    if not resume and list_checkpoints(run):
        raise CheckpointError(f"{run} holds a run already: continue it with --resume")
    state = start(config, opened, pick_device(device))
    if resume:
        restore(state, newest_good_checkpoint(run))
    with _one_writer(run), _stop_requests() as stop:
        _write_run_files(state, opened, run)
        reason = _iterate_until(state, opened, run, stop, watch)
    return Outcome(run, state.step, state.iterations, state.minutes, reason)


def start(config: Config, dataset: Dataset, device: torch.device) -> TrainState:
    """Build the state of iteration 0; nothing is written but the cache."""
    if device.type == "cpu":
        torch.set_num_threads(config.training.threads or os.cpu_count() or 1)
    return build_state(config, prepare(dataset, config, device), device)


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is CUDA where there is one.

    Raises
    ------
    ValueError
        CUDA is asked for and absent, or the name is unknown.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.split(":")[0] not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {name!r}; known: auto, cpu, cuda, cuda:N")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("--device cuda: this torch finds no GPU; use --device cpu")
    return torch.device(name)


def _iterate_until(
    state: TrainState,
    dataset: Dataset,
    run: Path,
    stop: threading.Event,
    watch: Watcher | None,
) -> str:
    output, limit = state.config.output, state.config.training.max_minutes
    with MetricsLog(run, state.step, tensorboard=output.tensorboard) as log:
        while state.step < state.iterations:
            began = time.monotonic()
            iterate(state)
            state.minutes += (time.monotonic() - began) / 60
            if state.step % output.log_every == 0 or state.step == state.iterations:
                log.write(state.step, state.minutes, {n: t.item() for n, t in state.latest.items()})
            if state.step % output.checkpoint_every == 0:
                save_checkpoint(state, run)
            if state.step % output.picture_every == 0 or state.step == state.iterations:
                log.picture(state.step, draw_progress(state, dataset, run))
            if watch is not None:
                watch(state)
            if stop.is_set() or (limit is not None and state.minutes >= limit):
                break
    save_checkpoint(state, run)
    if state.step >= state.iterations:
        return "done"
    return "interrupted" if stop.is_set() else "out of time"


def _write_run_files(state: TrainState, dataset: Dataset, run: Path) -> None:
    """Write what the run's directory says about itself."""
    with atomic_path(run / "config.toml") as aside:
        aside.write_text(dump_config(state.config))
    record = {
        "dataset": str(dataset.path.resolve()),
        "fingerprint": dataset.fingerprint,
        "training_meshes": len(state.problem.indices),
        "device": str(state.device),
        "versions": provenance(),
    }
    with atomic_path(run / "run.json") as aside:
        aside.write_text(json.dumps(record, indent=1) + "\n")
    problem = state.problem
    save_mesh(run / "template.obj", Mesh(problem.template, problem.faces, UV=problem.UV))


@contextmanager
def _one_writer(run: Path) -> Iterator[None]:
    """Make the run's directory and hold its lock, so that two processes never write into it."""
    run.mkdir(parents=True, exist_ok=True)
    path = run / ".lock"
    if path.exists() and _alive(path.read_text()):
        raise CheckpointError(f"{run} is being trained by process {path.read_text().strip()}")
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _alive(pid: str) -> bool:
    if not pid.strip().isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Turn the first SIGINT or SIGTERM into a request to stop; the second acts as ever."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def ask(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[number])

    for number in numbers:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number in numbers:
            signal.signal(number, before[number])
