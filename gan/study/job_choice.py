"""Which jobs of a plan are done: those that are named, and all that they need."""

from collections.abc import Sequence

from gan.study.plan import EVALUATE, JobKind, Plan, StudyJob

GROUPS: dict[str, JobKind] = {"trainings": "training", "evaluations": "evaluation"}


def choose_jobs(plan: Plan, only: Sequence[str]) -> tuple[StudyJob, ...]:
    """Return the jobs that are named: by themselves, by model or source, as a group; all if none.

    Raises
    ------
    ValueError
        There is no such job; the message lists them.
    """
    jobs = plan.jobs()
    groups: dict[str, set[str]] = {}
    for job in jobs:
        trial = plan.trial(job.trial) if job.trial else None
        prefix = EVALUATE if job.kind == "evaluation" else ""
        names = [f"{prefix}{trial.name}" if trial else job.label, job.source.rstrip("/")]
        names += [group for group, kind in GROUPS.items() if kind == job.kind]
        if trial and trial.label_share < 1:
            names.append(f"{prefix}labels")
        elif trial and trial.kind in ("ablation", "baseline"):
            names.append(f"{prefix}{trial.kind}s")
        for name in filter(None, names):
            groups.setdefault(name, set()).add(job.name)
    known = {job.name: {job.name} for job in jobs} | groups
    for name in only:
        if name not in known:
            raise ValueError(f"there is no stage {name!r}; known are {', '.join(known)}")
    chosen = set[str]().union(*(known[name] for name in only))
    return tuple(job for job in jobs if not only or job.name in chosen)


def with_needs(plan: Plan, chosen: Sequence[StudyJob]) -> tuple[StudyJob, ...]:
    """Return jobs and all that they need; a report that is chosen takes what is there."""
    jobs, names = {job.name: job for job in plan.jobs()}, {job.name for job in chosen}
    waiting = [job for job in chosen if job.kind != "report"]
    while waiting:
        needed = [name for name in waiting.pop().needs if name not in names]
        names.update(needed)
        waiting += [jobs[name] for name in needed]
    return tuple(job for job in jobs.values() if job.name in names)
