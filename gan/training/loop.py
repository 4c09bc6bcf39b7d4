"""Iterate: start or resume a run, step, log, save; survive interruption."""

import contextlib
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from gan import parallel
from gan.cache import cache_folder
from gan.config import Config, dump_config
from gan.datasets.store import Dataset, load_dataset
from gan.errors import CheckpointError, ConfigError, TrainingDiverged
from gan.runs.checkpoints import set_aside_newer, what_remains
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
    check_finite,
    list_checkpoints,
    newest_good_checkpoint,
    restore,
    save_checkpoint,
)
from gan.training.determinism import reproducible
from gan.training.periodic import draw_progress
from gan.training.problem import prepare
from gan.training.randomness import seeded
from gan.training.rollback import roll_back, rollback_notes
from gan.training.state import TrainState, build_state
from gan.training.step import iterate
from meshkit.files import clean_stale
from meshkit.mesh import Mesh

__all__ = ["Outcome", "RunRecord", "pick_device", "read_run", "start", "train"]

Watcher = Callable[[TrainState], None]  # called after every iteration
Teller = Callable[[str], None]  # called with a line about what is being done


def train(
    config: Config,
    dataset: Dataset | Path | str,
    run: Path | str,
    *,
    resume: bool = False,
    device: str = "auto",
    watch: Watcher | None = None,
    tell: Teller = lambda line: None,
) -> Outcome:
    """Train a face model into the directory `run`.

    The first Ctrl-C or SIGTERM saves a checkpoint and returns; a second Ctrl-C stops at once.

    Parameters
    ----------
    resume : continue from the newest whole checkpoint of `run`; on a CPU with as many threads,
        and with `training.deterministic` on a GPU, the weights come out as if the run had never
        stopped, bit for bit. The configuration may differ in the keys of
        `gan.training.changes.CHANGEABLE`. A run without a checkpoint starts from the beginning.
    device : "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N".

    Raises
    ------
    CheckpointError
        `run` holds a run already and `resume` is false; every checkpoint is damaged, or the newest
        whole one is of another template, data set or configuration; the disk is full.
    DatasetError, MeshError
        The data cannot be trained on.
    TrainingDiverged
        A term is not finite; the last checkpoint is good.
    """
    run = Path(run)
    opened = load_dataset(dataset) if not isinstance(dataset, Dataset) else dataset
    if not resume:
        _refuse_a_run(run)
    with (
        parallel.processes(device) as own_device,
        reproducible(config.training.deterministic),
        seeded(config.training.seed),
    ):
        state = start(config, opened, pick_device(own_device))
        writes = parallel.rank() == 0
        with (
            one_writer(run) if writes else contextlib.nullcontext(),
            stop_requests() as stop,
            _naming_what_remains(run),
        ):
            if resume:
                _resume(state, run, tell)
            elif writes:
                _refuse_a_run(run)
            if writes:
                _describe_run(state, opened, run)
            reason = _iterate_until(state, opened, run, stop, watch, tell)
    return Outcome(run, state.step, state.iterations, state.minutes, reason)


def start(config: Config, dataset: Dataset, device: torch.device) -> TrainState:
    """Build the state of iteration 0; nothing is written but the cache."""
    if device.type == "cpu":
        torch.set_num_threads(config.training.threads or parallel.processors())
    _check_shares(config)
    with parallel.first_process_first():
        clean_stale(cache_folder() / dataset.fingerprint[:16])
        return build_state(config, prepare(dataset, config, device), device)


def _check_shares(config: Config) -> None:
    """Refuse a batch whose pairs cannot be shared out evenly among the processes."""
    n, batch = parallel.world(), config.training.batch
    share = 2 * n * max(1, len(config.factors) - 1)
    if n > 1 and batch % share:
        raise ConfigError(
            f"training.batch: {batch} is not a multiple of {share}, which {n} processes need for "
            f"the pairs of {len(config.factors)} factors"
        )


def _describe_run(state: TrainState, dataset: Dataset, run: Path) -> None:
    problem = state.problem
    write_run_files(
        run,
        dataset,
        config=dump_config(state.config),
        training_meshes=len(problem.indices),
        device=state.device,
        template=Mesh(problem.template, problem.faces, UV=problem.UV),
    )


def _refuse_a_run(run: Path) -> None:
    if list_checkpoints(run):
        raise CheckpointError(f"{run} holds a run already: continue it with --resume")


def _resume(state: TrainState, run: Path, tell: Teller) -> None:
    """Set the state, in place, to the newest good checkpoint of the run, if it has any."""
    if not list_checkpoints(run):
        tell(f"{run}: no checkpoint yet: starting from iteration 0")
        return
    good = newest_good_checkpoint(run)
    parallel.wait_for_all()  # all have chosen the same one
    changes = restore(state, good)
    if state.step > state.iterations:
        raise CheckpointError(
            f"{good}: the run is at iteration {state.step} already, beyond the "
            f"{state.iterations} of this configuration"
        )
    for path in set_aside_newer(run, good) if parallel.rank() == 0 else ():
        tell(f"{run}: the damaged checkpoint is now {path.name}; delete it when you like")
    for change in changes:
        tell(f"{run}: {change}")
    tell(f"{run}: going on from iteration {state.step} of {state.iterations} ({good.name})")


@contextlib.contextmanager
def _naming_what_remains(run: Path) -> Iterator[None]:
    """Turn a write that failed into one line that names the file and the newest checkpoint."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename or run}: {error.strerror or error}"
        raise CheckpointError(f"{what}: the training stops; {what_remains(run)}") from error


def _iterate_until(
    state: TrainState,
    dataset: Dataset,
    run: Path,
    stop: threading.Event,
    watch: Watcher | None,
    tell: Teller,
) -> str:
    limit = state.config.training.max_minutes
    with _open_log(state, run) as log:
        while state.step < state.iterations:
            try:
                _advance(state, dataset, run, log)
                if watch is not None:
                    watch(state)
                late = limit is not None and state.minutes >= limit
                if parallel.anywhere(stop.is_set() or late):
                    tell(f"{run}: saving iteration {state.step}")
                    _save(state, run, log)
                    break
            except TrainingDiverged as error:
                roll_back(state, run, error)
                if log is not None:
                    log.rewind(state.step)
    if state.step >= state.iterations:
        return "done"
    return "interrupted" if parallel.anywhere(stop.is_set()) else "out of time"


@contextlib.contextmanager
def _open_log(state: TrainState, run: Path) -> Iterator[MetricsLog | None]:
    """Open the log in the process that writes; save a run's first checkpoint."""
    if parallel.rank() > 0:
        yield None
        return
    if not list_checkpoints(run):
        save_checkpoint(state, run)  # at once: whether it can be written shows now
    with MetricsLog(run, state.step, tensorboard=state.config.output.tensorboard) as log:
        yield log


def _save(state: TrainState, run: Path, log: MetricsLog | None) -> None:
    """Save a checkpoint after the log, for whose lines it vouches; others only look at theirs."""
    state.watch.confirm()
    if log is None:
        check_finite(state)
        return
    log.sync()
    save_checkpoint(state, run)


def _advance(state: TrainState, dataset: Dataset, run: Path, log: MetricsLog | None) -> None:
    """Run one iteration and write what is due; the checkpoint last, since it vouches for all."""
    output = state.config.output
    began = time.monotonic()
    iterate(state)
    state.minutes += (time.monotonic() - began) / 60
    last = state.step == state.iterations
    logs, draws, saves = (
        last or state.step % every == 0
        for every in (output.log_every, output.picture_every, output.checkpoint_every)
    )
    if logs or draws or saves:
        state.watch.confirm()
    if logs and log is not None:
        terms = {name: term.item() for name, term in state.latest.items()}
        log.write(state.step, state.minutes, terms, rollback_notes(state, output.log_every))
    if draws and log is not None:
        try:
            log.picture(state.step, draw_progress(state, dataset, run))
        except OSError as error:
            what = f"{error.filename or run / 'pictures'}: {error.strerror or error}"
            warnings.warn(f"{what}: the training goes on without this picture", stacklevel=2)
    if saves:
        _save(state, run, log)
