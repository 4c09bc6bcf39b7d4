"""A study's folder: `study.json`, which says what the study is, and the runs and logs in it."""

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gan.errors import CheckpointError
from gan.runs.lock import one_writer
from gan.study.plan import EVALUATE, Plan, StudyJob
from meshkit.files import atomic_path

FILE = "study.json"
FORMAT = "meshkit-gan study 2"
_OWN = {FILE, "runs", "data", "jobs", "comparison", "figures", "figures.json"}
# Exit codes of our commands: a loss is not finite; a request to stop came, and all is saved.
DIVERGED, INTERRUPTED = 3, 130


class Failure(NamedTuple):
    """Why a job ended; `code` is the exit code of its command, None if it was killed."""

    code: int | None
    why: str


def read_asked(folder: Path) -> dict[str, Any] | None:
    """Return what the study of a folder was asked for; None where none has begun.

    Raises
    ------
    CheckpointError
        The file is damaged, or of another version of this software.
    """
    if folder.is_file():
        raise CheckpointError(f"{folder} is a file: name a folder")
    file = folder / FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise CheckpointError(
                f"{file}: format {content['format']!r}, this software reads {FORMAT!r}: delete the "
                "file; runs of the same configurations and data stay, and count"
            )
        return dict(content["asked"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(
            f"{file} is damaged ({error}): delete it; runs and data stay, and count"
        ) from None


def check_asked(folder: Path, asked: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Refuse a folder that holds another study, or something else; seeds may be added.

    Raises
    ------
    CheckpointError
        The message says what differs.
    """
    if before is None:
        names = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
        strange = [name for name in names if name[0] != "." and name not in _OWN]
        if strange and not any((folder / name / "data").is_dir() for name in strange):
            raise CheckpointError(
                f"{folder} holds {strange[0]}, but no study: name a new or an empty folder"
            )
        return
    for key, value in asked.items():
        known = before.get(key)
        # Sources have a check of their own, shares of labels are only added.
        if key in ("sources", "labels") or (key == "seeds" and value[: len(known or ())] == known):
            continue
        if known != value:
            raise CheckpointError(
                f"{folder} holds a study with {key} {_shown(known)}, not {_shown(value)}: "
                "choose another folder"
            )


def save_study(folder: Path, asked: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Write `study.json`, whole or not at all; what is the same stays untouched."""
    text = json.dumps({"format": FORMAT, "asked": asked, **settings}, indent=1) + "\n"
    file = folder / FILE
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(file, durable=True) as aside:
            aside.write_text(text, encoding="utf-8")


def set_aside(folder: Path, plan: Plan, names: Sequence[str], *, dry_run: bool = False) -> None:
    """Rename the runs of models, of all seeds and sources, so that they are trained anew.

    Raises
    ------
    CheckpointError
        There is no such model in the study, or its run is being trained.
    """
    known = [trial.name for trial in plan.trials]
    for name in names:
        if name not in known:
            raise CheckpointError(
                f"there is no model {name!r} to restart; models are {', '.join(known)}"
            )
    for job in plan.jobs():
        run = folder / job.run
        if dry_run or job.trial not in names or job.kind != "training":
            continue
        (folder / job.target).unlink(missing_ok=True)
        if run.exists():
            with one_writer(run):
                places = (run.with_name(f"{run.name}.old-{k}") for k in itertools.count(1))
                run.rename(next(place for place in places if not place.exists()))


def forget_lost_runs(folder: Path, plan: Plan) -> None:
    """Forget what was done for runs that somebody has removed."""
    for job in plan.jobs():
        if job.trial and not (folder / job.run).is_dir():
            (folder / job.target).unlink(missing_ok=True)


def status_of(folder: Path, job: StudyJob, doing: set[str]) -> Literal["done", "begun", "left"]:
    """Return what is there of a job; `doing` are the targets that would be made now."""
    if job.target not in doing:
        return "done"
    begun = job.kind == "training" and (folder / job.run / "checkpoints").is_dir()
    return "begun" if begun else "left"


def is_measured(folder: Path, job: StudyJob) -> bool:
    """Tell whether a measurement is done, of a run that is still there."""
    return (
        job.kind == "evaluation" and (folder / job.target).exists() and (folder / job.run).is_dir()
    )


def read_failure(folder: Path, job: StudyJob) -> Failure:
    """Return why a job failed, from the end of its log."""
    try:
        text = (folder / job.log).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return Failure(None, "it did not start: see jobs/workflow.log")
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    code = None
    if lines[-1].startswith("exit code "):
        code = int(lines.pop().removeprefix("exit code "))
    errors = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
    why = (errors or lines or ["nothing was said"])[-1]
    if code == DIVERGED and job.kind == "training":
        why = f"its training diverged: {why}"
    return Failure(code, why or f"it was stopped: see {job.log}")


def missing_models(
    plan: Plan, measured: Sequence[StudyJob], failures: Mapping[str, Failure]
) -> dict[str, list[str]]:
    """Return, by source, the models that a report lacks, each with the reason."""
    notes = {source.place: list[str]() for source in plan.sources}
    there = {job.name for job in measured}
    for job in plan.jobs():
        if job.kind == "evaluation" and job.name not in there:
            training = f"{job.source}{job.label.removeprefix(EVALUATE)}"
            failure = failures.get(training) or failures.get(job.name)
            title = plan.trial(str(job.trial)).title
            seed = f", seed {job.seed}" if len(plan.seeds) > 1 else ""
            why = failure.why if failure else "not measured yet"
            notes[job.source].append(f"{title}{seed}: {why}")
    return notes


def _shown(value: object) -> str:
    """Write a value of `study.json` for a message."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return repr(value)
