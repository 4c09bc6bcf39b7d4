"""Iterate: start or resume a run, step, log, save; survive interruption."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gan.config import Config, dump_config
from gan.datasets.store import Dataset, load_dataset
from gan.errors import CheckpointError
from gan.runs.directory import (
    Outcome,
    RunRecord,
    one_writer,
    pick_device,
    read_run,
    write_run_files,
)
from gan.runs.interruption import stop_requests
from gan.runs.log import MetricsLog
from gan.training.checkpoint import (
    list_checkpoints,
    newest_good_checkpoint,
    restore,
    save_checkpoint,
)
from gan.training.periodic import draw_progress
from gan.training.problem import prepare
from gan.training.state import TrainState, build_state
from gan.training.step import iterate
from meshkit.mesh import Mesh

__all__ = ["Outcome", "RunRecord", "pick_device", "read_run", "start", "train"]

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
    with one_writer(run), stop_requests() as stop:
        problem = state.problem
        write_run_files(
            run,
            opened,
            config=dump_config(config),
            training_meshes=len(problem.indices),
            device=state.device,
            template=Mesh(problem.template, problem.faces, UV=problem.UV),
        )
        reason = _iterate_until(state, opened, run, stop, watch)
    return Outcome(run, state.step, state.iterations, state.minutes, reason)


def start(config: Config, dataset: Dataset, device: torch.device) -> TrainState:
    """Build the state of iteration 0; nothing is written but the cache."""
    if device.type == "cpu":
        torch.set_num_threads(config.training.threads or os.cpu_count() or 1)
    return build_state(config, prepare(dataset, config, device), device)


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
