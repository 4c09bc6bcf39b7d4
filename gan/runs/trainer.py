"""The one trainer: start or resume a run, step, log, save; survive interruption and divergence."""

import contextlib
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from gan import parallel
from gan.errors import CheckpointError, TrainingDiverged
from gan.progress import Progress, silent
from gan.runs.beside import Beside
from gan.runs.checkpoints import (
    list_checkpoints,
    newest_good_checkpoint,
    set_aside_newer,
    what_remains,
)
from gan.runs.directory import Outcome
from gan.runs.interruption import stop_requests
from gan.runs.lock import one_writer
from gan.runs.log import MetricsLog
from gan.runs.resuming import check_finite, checkpoint_job, restore, save
from gan.runs.rollback import roll_back, rollback_notes
from gan.runs.tf32 import tf32
from gan.runs.trainable import Habits, Position, Trainable

Teller = Callable[[str], None]  # called with a line about what is being done


def train_into(
    run: Path,
    trained: Trainable,
    habits: Habits,
    *,
    resume: bool,
    describe: Callable[[], None] = lambda: None,
    measure: Callable[[Outcome], None] = lambda outcome: None,
    progress: Progress = silent,
    tell: Teller = lambda line: None,
) -> Outcome:
    """Train into the directory `run`, which one process at a time may do.

    The first Ctrl-C or SIGTERM saves a checkpoint and returns; a second Ctrl-C stops at once.

    Parameters
    ----------
    resume : continue from the newest whole checkpoint; a run without one starts from the beginning
    describe : write what the directory says about itself; called once nothing is refused any more
    measure : look at what was trained, and write it; called at the end unless it was interrupted

    Raises
    ------
    CheckpointError
        `run` holds a run already and `resume` is false; every checkpoint is damaged, or the newest
        whole one does not fit; the disk is full; another process trains into the directory.
    TrainingDiverged
        A term is not finite; the last checkpoint is good.
    """
    if not resume:
        refuse_a_run(run)
    writes = parallel.rank() == 0
    with one_writer(run) if writes else contextlib.nullcontext():
        with stop_requests() as stop, _naming_what_remains(run):
            if resume:
                go_on_from_newest(trained, run, tell)
            else:
                refuse_a_run(run)
            if writes:
                describe()
            reason = iterate_until(trained, run, habits, stop.is_set, progress, tell)
        outcome = Outcome(run, trained.at.step, trained.steps, trained.at.minutes, reason)
        if writes and reason != "interrupted":
            measure(outcome)
    return outcome


def refuse_a_run(run: Path) -> None:
    """Raise CheckpointError if the directory has checkpoints; for all processes at once."""
    if parallel.from_first(lambda: bool(list_checkpoints(run))):
        raise CheckpointError(f"{run} holds a run already", remedy="resume-run")


def go_on_from_newest(trained: Trainable, run: Path, tell: Teller = lambda line: None) -> None:
    """Set a training, in place, to the newest good checkpoint of a run, if it has any."""
    good = parallel.from_first(
        lambda: newest_good_checkpoint(run) if list_checkpoints(run) else None
    )
    if good is None:
        tell(f"{run}: no checkpoint yet: starting from {trained.unit} 0")
        return
    changes = restore(trained, good)
    step, steps = trained.at.step, trained.steps
    if step > steps:
        raise CheckpointError(
            f"{good}: the run is at {trained.unit} {step} already, beyond the {steps} of this "
            "configuration"
        )
    for path in set_aside_newer(run, good) if parallel.rank() == 0 else ():
        tell(f"{run}: the damaged checkpoint is now {path.name}; delete it when you like")
    for change in changes:
        tell(f"{run}: {change}")
    tell(f"{run}: going on from {trained.unit} {step} of {steps} ({good.name})")


def iterate_until(
    trained: Trainable,
    run: Path,
    habits: Habits,
    stop: Callable[[], bool],
    progress: Progress = silent,
    tell: Teller = lambda line: None,
) -> str:
    """Step until the end, the end of the time, or until `stop` says so; return which it was."""
    at, saved = trained.at, time.monotonic()
    reason = "done"
    with _open_log(trained, run, habits) as log, tf32(False), Beside() as beside:
        while at.step < trained.steps and reason == "done":
            try:
                _advance(trained, run, habits, log, beside)
                beside.check()
                progress(trained.stage, at.step, trained.steps)
                asked, over = stop(), at.step == trained.steps
                late = habits.max_minutes is not None and at.minutes >= habits.max_minutes
                if not over and parallel.anywhere(asked or late):
                    tell(f"{run}: saving {trained.unit} {at.step}")
                    reason = "interrupted" if parallel.anywhere(asked) else "out of time"
                if over or reason != "done" or _is_due(at.step, habits, saved):
                    thorough = over or reason == "out of time"
                    wait = over or reason != "done"
                    _save(trained, run, habits, log, beside, thorough=thorough, wait=wait)
                    saved = time.monotonic()
            except TrainingDiverged as error:
                beside.wait()
                roll_back(trained, run, habits, error)
                reason = "done"
                if log is not None:
                    log.rewind(at.step)
    return reason


@contextlib.contextmanager
def _naming_what_remains(run: Path) -> Iterator[None]:
    """Turn a write that failed into one line that names the file and the newest checkpoint."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename or run}: {error.strerror or error}"
        raise CheckpointError(
            f"{what}: the training stops; {what_remains(run)}", remedy="resume-run"
        ) from error


@contextlib.contextmanager
def _open_log(trained: Trainable, run: Path, habits: Habits) -> Iterator[MetricsLog | None]:
    """Open the log in the process that writes; save a run's first checkpoint."""
    if parallel.rank() > 0:
        yield None
        return
    if trained.steps > 1 and not list_checkpoints(run):
        # At once: whether it can be written shows now.
        save(trained, run, habits, thorough=False)
    with MetricsLog(run, trained.at.step, tensorboard=habits.tensorboard) as log:
        yield log


@contextlib.contextmanager
def _counted(at: Position) -> Iterator[None]:
    """Count the block's time as time of training: steps, and the waits for a GPU to do them."""
    began = time.monotonic()
    try:
        yield
    finally:
        at.minutes += (time.monotonic() - began) / 60


def _advance(
    trained: Trainable, run: Path, habits: Habits, log: MetricsLog | None, beside: Beside
) -> None:
    """Take one step and write what is due of log and pictures."""
    at, every = trained.at, habits.picture_every
    with _counted(at):
        trained.advance()
        last = at.step == trained.steps
        logs = last or at.step % habits.log_every == 0
        draws = every > 0 and (last or at.step % every == 0)
        if logs or draws:
            trained.confirm()
    row = (trained.terms() if logs and log is not None else {}) | trained.after_step()
    if row and log is not None:
        log.write(at.step, at.minutes, row, rollback_notes(at, habits.log_every))
    if draws and log is not None and (draw := trained.picture(run)) is not None:
        _write(trained, partial(_draw, draw, run, log, at.step), beside)


def _draw(draw: Callable[[], np.ndarray], run: Path, log: MetricsLog, step: int) -> None:
    """Draw a picture, and show it; one that cannot be written is no reason to stop."""
    try:
        picture = draw()
    except OSError as error:
        what = f"{error.filename or run / 'pictures'}: {error.strerror or error}"
        warnings.warn(f"{what}: the training goes on without this picture", stacklevel=2)
    else:
        log.picture(step, picture)


def _write(trained: Trainable, job: Callable[[], object], beside: Beside) -> None:
    """Do a job beside the training, if that may go on meanwhile."""
    if trained.beside:
        beside.submit(job)
    else:
        job()


def _is_due(step: int, habits: Habits, saved: float) -> bool:
    """Tell whether a checkpoint is due, by the steps or by the clock."""
    if habits.checkpoint_every is not None and step % habits.checkpoint_every == 0:
        return True
    minutes = habits.checkpoint_minutes
    return minutes is not None and parallel.anywhere(time.monotonic() - saved > 60 * minutes)


def _save(
    trained: Trainable,
    run: Path,
    habits: Habits,
    log: MetricsLog | None,
    beside: Beside,
    *,
    thorough: bool,
    wait: bool,
) -> None:
    """Save a checkpoint after the log, for whose lines it vouches; others only look at theirs."""
    with _counted(trained.at):
        trained.confirm()
    if log is None:
        check_finite(trained)
        return
    log.sync()
    job = checkpoint_job(trained, run, habits, thorough=thorough, copy=trained.beside)
    _write(trained, job, beside)
    if wait:
        beside.wait()
