"""A study carried out by Snakemake: all jobs, then the report of those models that came through."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from gan.errors import CheckpointError, WorkflowError
from gan.runs.lock import one_writer
from gan.study.folder import (
    DIVERGED,
    FILE,
    INTERRUPTED,
    Failure,
    is_measured,
    missing_models,
    read_failure,
    save_study,
)
from gan.study.job_choice import with_needs
from gan.study.plan import ORACLE, Plan, StudyJob
from gan.workflow.engine import (
    Call,
    Change,
    Job,
    run_snakemake,
    snakemake_arguments,
)

SNAKEFILE = "study.smk"


@runtime_checkable
class Board(Protocol):
    """Whoever shows how far a study is; jobs that do not begin were done before."""

    def start(self, jobs: Sequence[StudyJob]) -> None:
        """Take the jobs that are asked for, with all that they need."""

    def change(self, job: StudyJob, kind: str) -> None:
        """A job is "begun", "done", "failed" or "stopped", which goes on another day."""


class Study(NamedTuple):
    """A study in its folder.

    Attributes
    ----------
    asked : what `study.json` says of it
    settings : what the workflow reads
    device : "auto", "cpu", "cuda" or "cuda:N"
    """

    folder: Path
    plan: Plan
    asked: dict[str, Any]
    settings: dict[str, Any]
    device: str = "auto"


class Outcome(NamedTuple):
    """How a study ended: jobs that were done, that were there already, that failed and why."""

    interrupted: bool
    computed: tuple[str, ...]
    there: tuple[str, ...]
    failed: dict[str, str]
    diverged: bool


def carry_out(
    study: Study, chosen: Sequence[StudyJob], call: Call, board: Board, *, partial: bool = False
) -> Outcome:
    """Do jobs and all that they need; then report on the models that came through.

    Ctrl-C or SIGTERM stops the jobs, which save; the same call goes on from there. A training
    whose loss is not finite, or that has not labels enough, leaves the rest going, and the report
    lacks that model.

    Parameters
    ----------
    partial
        The report holds what is measured, not all models.

    Raises
    ------
    CheckpointError
        A report is asked for, and nothing is measured.
    WorkflowError
        A job failed for another reason than a loss that is not finite.
    """
    jobs = with_needs(study.plan, chosen)
    record = _Record(study, jobs, board)
    reports = [job for job in chosen if job.kind == "report"]
    others = [job for job in chosen if job.kind != "report"]
    board.start(jobs)
    with one_writer(study.folder):
        save_study(study.folder, study.asked, study.settings)
        (study.folder / "jobs").mkdir(exist_ok=True)
        first = others if partial else chosen
        interrupted = bool(first) and record.run(first, call, {})
        late = reports if partial or (record.failures and record.diverged) else []
        if late and not interrupted and (record.diverged or not record.failures):
            measured = [job for job in study.plan.jobs() if is_measured(study.folder, job)]
            places = {job.source for job in measured}
            late = [job for job in late if job.source in places]
            if not late and partial:
                raise CheckpointError(
                    f"{study.folder}: no model is measured yet: run the evaluations first"
                )
            interrupted = bool(late) and record.run(late, call, _reported(record, measured))
    return record.outcome(interrupted)


def survey(
    study: Study, chosen: Sequence[StudyJob], call: Call, folder: Path, settings: Path
) -> dict[str, Job]:
    """Return the jobs that a call would run, by target; nothing is changed.

    Parameters
    ----------
    folder
        In which Snakemake looks; it may write what it remembers into it.
    settings
        A folder with the `study.json` that would be written.
    """
    doing = dict[str, Job]()

    def watch(change: Change) -> None:
        doing[change.job.mark] = change.job

    targets = [job.target for job in chosen]
    arguments = snakemake_arguments(
        SNAKEFILE, folder, settings / FILE, targets, call, _settings(study, call)
    )
    ending = run_snakemake(arguments, watch)
    if not ending.ok:
        raise WorkflowError(f"{study.folder}: {ending.why}")
    return doing


def _settings(study: Study, call: Call) -> dict[str, Any]:
    return {"threads": call.threads_of_a_job, "device": study.device}


def _reported(record: "_Record", measured: Sequence[StudyJob]) -> dict[str, Any]:
    """Return the settings of a report on some models: who takes part, and why others do not."""
    study = record.study
    suffix = {seed: text for text, seed in study.plan.suffixes().items()}
    members: dict[str, list[list[str]]] = {source.place: [] for source in study.plan.sources}
    for job in measured:
        members[job.source].append([str(job.trial), suffix[int(job.seed or 0)]])
    speaking = [trial.name for trial in study.plan.trials if trial.data == "speaking"]
    three = [
        name
        for name in speaking
        if all((study.folder / f"{place}jobs/{name}.done").exists() for place in members)
    ]
    notes = missing_models(study.plan, measured, record.failures)
    oracles = [
        job.source
        for job in study.plan.jobs()
        if job.label == ORACLE and (study.folder / job.target).exists()
    ]
    return {"members": members, "three": three, "notes": notes, "oracles": oracles}


class _Record:
    """What has happened to the jobs of a study in one call."""

    def __init__(self, study: Study, jobs: Sequence[StudyJob], board: Board) -> None:
        self.study, self.board = study, board
        self.jobs = {job.target: job for job in jobs}
        # Another version of the software measures anew what a report needs.
        self.known = {job.target: job for job in study.plan.jobs()}
        self.began, self.done = set[str](), list[str]()
        self.failures = dict[str, Failure]()

    @property
    def diverged(self) -> bool:
        """Whether something failed, but nothing that a report cannot do without."""
        jobs = {job.name: job for job in self.known.values()}
        return bool(self.failures) and all(
            failure.code == DIVERGED or self.study.plan.is_spared(jobs[name])
            for name, failure in self.failures.items()
        )

    def run(self, jobs: Sequence[StudyJob], call: Call, settings: Mapping[str, Any]) -> bool:
        """Run jobs and what they need; return whether a request to stop came."""
        folder = self.study.folder
        arguments = snakemake_arguments(
            SNAKEFILE,
            folder,
            folder / FILE,
            [job.target for job in jobs],
            call,
            {**_settings(self.study, call), **settings},
        )
        ending = run_snakemake(arguments, self._watch, folder / "jobs/workflow.log")
        if not ending.ok and not ending.interrupted and not self.failures:
            raise WorkflowError(f"{folder}: {ending.why}")
        return ending.interrupted

    def _watch(self, change: Change) -> None:
        job = self.known.get(change.job.mark)
        if job is None or (change.kind == "failed" and job.name in self.failures):
            return
        if change.kind == "begun":
            self.began.add(job.name)
        elif change.kind == "done":
            self.done.append(job.name)
        kind: str = change.kind
        if kind == "failed":
            self.failures[job.name] = read_failure(self.study.folder, job)
            if self.failures[job.name].code == INTERRUPTED:
                kind = "stopped"
        self.board.change(job, kind)

    def outcome(self, interrupted: bool) -> Outcome:
        """Return how it ended."""
        held_up = set(self.failures)
        for job in self.jobs.values():  # in the order in which they need each other
            if held_up.intersection(job.needs) and job.name not in self.done:
                held_up.add(job.name)
        there = []
        if not interrupted:
            there = [j.name for j in self.jobs.values() if j.name not in self.began | held_up]
        failed = {name: failure.why for name, failure in self.failures.items()}
        return Outcome(
            interrupted,
            tuple(self.done),
            tuple(there),
            {} if interrupted else failed,
            self.diverged,
        )
