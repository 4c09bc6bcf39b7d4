"""The stages of a study one after the other: what is there is found, the rest is done."""

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NamedTuple, Protocol, runtime_checkable

import torch

from gan.errors import TrainingDiverged
from gan.parallel import processors
from gan.runs.interruption import stop_requests
from gan.runs.lock import one_writer
from gan.study.plan import EVALUATE, Stage
from gan.study.stages import Interrupted, note_training, run_stage
from gan.study.study import Found, Study


@runtime_checkable
class Board(Protocol):
    """Whoever shows how far a study is."""

    def start(self, stages: Sequence[Stage], found: Sequence[Found]) -> None:
        """Take what there is to do, and what of it is there."""

    def begin(self, k: int) -> None:
        """Stage k begins."""

    def report(self, what: str, done: int, total: int) -> None:
        """Say what the stage is doing, how far it is, of how much (0: unknown)."""

    def end(self, k: int, found: Found, how: str) -> None:
        """Stage k is over: "done", "found" (it was there already), "failed" or "left out"."""


class Outcome(NamedTuple):
    """How a study ended: what was computed, what was there, what failed and why."""

    interrupted: bool
    computed: tuple[str, ...]
    found: tuple[str, ...]
    failed: dict[str, str]


def survey(study: Study, stages: Sequence[Stage]) -> list[Found]:
    """Return what is there of each stage; nothing is changed.

    Raises
    ------
    CheckpointError, DatasetError
        Something is there that is not the study's; the message says what differs and what to do.
    """
    return [study.find(stage) for stage in stages]


def reproduce(study: Study, stages: Sequence[Stage], board: Board) -> Outcome:
    """Do the stages that are not done, in order, into the study's folder.

    Ctrl-C or SIGTERM saves what is under way and returns; the same call goes on from there. A
    training whose loss is not finite is noted, and the study goes on without that model.

    Raises
    ------
    CheckpointError, DatasetError, OSError
        As `gan.study.stages.run_stage`.
    """
    torch.set_num_threads(study.threads or processors())
    everything = survey(study, stages)  # before the first hour is spent
    computed, found = list[str](), list[str]()
    with one_writer(study.folder):
        study.record.save(study.folder)
        board.start(stages, everything)
        try:
            for k, stage in enumerate(stages):
                how = _step(study, stage, k, board)
                board.end(k, study.find(stage) if how != "left out" else everything[k], how)
                if how in ("done", "found"):
                    (computed if how == "done" else found).append(stage.name)
                study.record.save(study.folder)
        except (Interrupted, KeyboardInterrupt):
            study.record.save(study.folder)
            return Outcome(True, tuple(computed), tuple(found), study.failed)
    return Outcome(False, tuple(computed), tuple(found), study.failed)


def _step(study: Study, stage: Stage, k: int, board: Board) -> str:
    """Do a stage, unless it is done; return how it ended."""
    if stage.kind == "evaluation" and stage.name.removeprefix(EVALUATE) in study.failed:
        return "left out"
    if study.find(stage).status == "done":
        if stage.kind == "training" and stage.name not in study.record.stages:
            note_training(study, stage)
        return "found"
    board.begin(k)
    with _stoppable(stage) as stop:

        def report(what: str, done: int, total: int) -> None:
            board.report(what, done, total)
            if stop.is_set():
                raise Interrupted(stage.name)

        try:
            run_stage(study, stage, report)
        except TrainingDiverged as error:
            if stage.kind != "training":
                raise
            study.failed[stage.name] = f"its training diverged: {error}"
            return "failed"
    return "done"


@contextlib.contextmanager
def _stoppable(stage: Stage) -> Iterator[threading.Event]:
    """Yield an event that the first signal sets; a training hears signals itself, and saves.

    Until it listens, and where this is not the main thread, a signal ends it as it always does.
    """
    if stage.kind != "training":
        with stop_requests() as stop:
            yield stop
        return
    never = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield never
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield never
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
