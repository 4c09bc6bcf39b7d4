"""`gan reproduce`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan.cli.workflow_options import workflow_options

if TYPE_CHECKING:
    from gan.study.carry_out import Outcome, Study
    from gan.study.plan import Plan, StudyJob
    from gan.workflow.engine import Call, Job

PATH = click.Path(path_type=Path, readable=False)
DIVERGED = 3  # exit code: the report is there, but a model is missing
SEEDS = (0, 1, 2)  # with one, the noise of training is not seen


def study_options(command: Any) -> Any:
    """Add what `gan reproduce` and `gan ablate` have in common."""
    for option in reversed(
        (
            click.option(
                "--seeds",
                "--seed",
                metavar="LIST",
                help="Train every model with each of these.  [default: 0,1,2]",
            ),
            click.option(
                "--restart",
                multiple=True,
                metavar="MODEL",
                help="Train this model anew; its old run is kept under another name.",
            ),
            click.option(
                "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
            ),
        )
    ):
        command = option(command)
    return command


def read_seeds(text: str | None) -> list[int] | None:
    """Return the seeds of a list like 0,1,2; None where none is given."""
    if text is None:
        return None
    try:
        seeds = [int(word) for word in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise click.BadParameter(f"{text!r}: give different whole numbers, as in 0,1,2")
    return seeds


def read_labels(text: str | None) -> list[float]:
    """Return the percentages of a list like 0,2,5,10,50; none where no list is given."""
    try:
        percent = [float(word) for word in text.split(",")] if text else []
    except ValueError:
        percent = [-1.0]
    if not all(0 <= p <= 100 for p in percent):
        raise click.BadParameter(f"{text!r}: give percentages, as in 0,2,5,10,50")
    return percent


@click.command()
@click.option("-o", "--out", type=PATH, required=True, metavar="DIR", help="Folder of the study.")
@click.option("--size", metavar="NAME", help="tiny, small or full.  [default: small]")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="[NAME[@X]=]FACE_MODEL.npz",
    help="Whose faces the data shows, and how far identity and expression interact, from 0 to 1: "
    "--model ict@0=ict.npz --model ict@1=ict.npz.  [default: procedural@1, the embedded head]",
)
@click.option(
    "--data",
    multiple=True,
    metavar="[NAME=]FILE",
    help="An open-faces file that is there already.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="JOB",
    help="Do this job and what it needs (see --dry-run), or trainings, baselines, ablations, "
    "evaluations. report: of what is measured.",
)
@click.option("--sizes", type=PATH, metavar="FILE", help="Budgets in place of the built-in ones.")
@click.option(
    "--labels",
    metavar="LIST",
    help="Train every model with these shares of the expression labels, too, in percent: "
    "0,2,5,10,50.",
)
@study_options
@workflow_options
def reproduce(
    out: Path,
    size: str | None,
    models: tuple[str, ...],
    data: tuple[str, ...],
    only: tuple[str, ...],
    sizes: Path | None,
    labels: str | None,
    seeds: str | None,
    restart: tuple[str, ...],
    device: str,
    cores: int,
    threads: int,
    executor: str,
    dry_run: bool,
    as_json: bool,
    more: tuple[str, ...],
) -> None:
    """Train, measure and compare everything that the paper claims: one command, one report.

    Makes the open-faces data, trains our model, its ablations, the baselines, and a model of three
    factors, each with three seeds; measures all alike; draws the figures; writes
    DIR/comparison/report.html with the tables and a verdict on each claim. What is in DIR is not
    done again: the same command, or just `gan reproduce -o DIR`, goes on where it was, and runs of
    `gan train` and `gan baseline` in DIR/runs/NAME count if their configuration is the study's.

    The study is a Snakemake workflow: --executor slurm gives its jobs to a cluster, and what
    follows -- goes to Snakemake.

    \b
    Sizes: tiny takes minutes and means nothing, small hours of two CPU cores, full days of a GPU.
    Exit codes: 0 done, 1 error, 3 a training diverged, 130 interrupted. Examples:

    gan reproduce --size small --model ict_face.npz -o study

    gan reproduce --size full --executor slurm -o big -- --retries 3
    """  # noqa: D301 (click reads the character)
    from gan.study.folder import read_asked
    from gan.study.plan import plan_study
    from gan.study.sizes import named_size
    from gan.study.sources import as_sources, read_sources, settle_sources
    from gan.workflow.engine import Call

    before = read_asked(out)
    known: dict[str, Any] = before or {}
    size = size or known.get("size", "small")
    table = sizes or (Path(known["sizes"]) if known.get("sizes") else None)
    budget = named_size(size, table)
    given = read_sources(models, data, budget.sources, table.parent if table else Path())
    asked: dict[str, Any] = {
        "command": "reproduce",
        "size": size,
        "seeds": read_seeds(seeds) or known.get("seeds", list(SEEDS)),
        "labels": sorted({*read_labels(labels), *known.get("labels", [])}),
        "sizes": str(table.resolve()) if table is not None else None,
        "sources": settle_sources(given, known.get("sources", {})),
    }
    plan = plan_study(
        size,
        budget,
        seeds=asked["seeds"],
        sources=as_sources(asked["sources"]),
        table=table,
        label_shares=[percent / 100 for percent in asked["labels"]],
    )
    call = Call(executor, cores, threads, dry_run, more)
    carry_out(out, plan, asked, before, only, restart, call, device=device, as_json=as_json)


def carry_out(
    folder: Path,
    plan: "Plan",
    asked: dict[str, Any],
    before: dict[str, Any] | None,
    only: Sequence[str],
    restart: tuple[str, ...],
    call: "Call",
    *,
    device: str,
    as_json: bool,
) -> None:
    """Do the jobs of a study, or say what they are; exit as the study ended."""
    from gan.cli.study_board import StudyBoard
    from gan.provenance import provenance
    from gan.runs.directory import pick_device
    from gan.study.carry_out import Study
    from gan.study.carry_out import carry_out as run_study
    from gan.study.folder import check_asked, forget_lost_runs, set_aside
    from gan.study.job_choice import choose_jobs
    from gan.study.plan import workflow_settings
    from gan.study.trained import check_runs
    from gan.workflow.engine import GAN

    if call.is_local:
        pick_device(device)
    versions = provenance()
    version = versions["meshkit-gan"] + (f" {versions['commit']}" if "commit" in versions else "")
    check_asked(folder, asked, before)
    study = Study(folder, plan, asked, workflow_settings(plan, GAN, version), device)
    chosen = choose_jobs(plan, only)
    set_aside(folder, plan, restart, dry_run=call.dry_run)
    if not (call.dry_run and restart):  # a dry run leaves the old runs where they are
        check_runs(folder, plan)
    if call.dry_run:
        _describe(study, chosen, call, as_json)
        return
    forget_lost_runs(folder, plan)
    with StudyBoard(folder, plan, call.jobs_at_a_time) as board:
        outcome = run_study(study, chosen, call, board, partial=bool(only))
    _conclude(study, outcome, as_json)


def _conclude(study: "Study", outcome: "Outcome", as_json: bool) -> None:
    from gan.study.plan import PAGE
    from meshkit.cli.messages import tell

    ended = {*outcome.computed, *outcome.there}
    pages = [
        study.folder / f"{source.place}{PAGE}"
        for source in study.plan.sources
        if f"{source.place}report" in ended
    ]
    facts = {
        "folder": study.folder,
        "report": pages[0] if pages else None,
        "reports": pages,
        "interrupted": outcome.interrupted,
        "computed": outcome.computed,
        "found": outcome.there,
        "failed": outcome.failed,
    }
    counted = f"{len(outcome.computed)} jobs done, {len(outcome.there)} were there"
    where = ", ".join(map(str, pages)) or str(study.folder)
    line = f"{study.folder}: interrupted; {len(outcome.computed)} jobs done"
    tell(line if outcome.interrupted else f"{where}: {counted}", facts, as_json)
    for name, why in outcome.failed.items():
        click.echo(f"{name}: {why}", err=True)
    if outcome.interrupted:
        again = f"gan reproduce -o {study.folder}"
        ours = study.asked["command"] == "reproduce"
        click.echo(f"continue with: {again if ours else 'the same command'}", err=True)
        sys.exit(130)
    if outcome.failed:
        sys.exit(DIVERGED if outcome.diverged else 1)


def _describe(study: "Study", chosen: "Sequence[StudyJob]", call: "Call", as_json: bool) -> None:
    """Print the jobs, what is there of each, about how long the rest takes, and the budgets."""
    from gan.cli.study_board import time_left
    from gan.study.folder import status_of
    from gan.study.job_choice import with_needs
    from meshkit.cli.messages import print_json
    from meshkit.cli.progress import span

    doing = _survey(study, chosen, call)
    commands = {trial.name: trial.command for trial in study.plan.trials}
    rows = list[dict[str, Any]]()
    for job in with_needs(study.plan, chosen):
        status = status_of(study.folder, job, set(doing))
        planned = doing.get(job.target)
        rows.append(
            {
                "name": job.name,
                "status": status,
                "minutes_left": 0.0 if status == "done" else job.minutes,
                "command": commands.get(str(job.trial)) if job.kind == "training" else None,
                "calls": planned.command if planned else None,
                "threads": planned.threads if planned else None,
                "resources": planned.resources if planned else None,
            }
        )
    left = time_left([row["minutes_left"] for row in rows], call.jobs_at_a_time)
    if as_json:
        configs = {t.name: t.config.model_dump(mode="json") for t in study.plan.trials}
        facts = {"folder": study.folder, "size": study.plan.size, "seeds": study.plan.seeds}
        print_json({**facts, "stages": rows, "minutes_left": left, "configurations": configs})
        return
    for row in rows:
        time = "there" if row["status"] == "done" else f"about {span(row['minutes_left'])}"
        time += ", begun" if row["status"] == "begun" else ""
        click.echo(f"{row['name']:34} {time:20} {row['command'] or ''}".rstrip())
    click.echo(f"about {span(left)} in all; nothing was done")


def _survey(study: "Study", chosen: "Sequence[StudyJob]", call: "Call") -> "dict[str, Job]":
    """Return the jobs that would be run; a folder that no workflow ran in yet stays untouched."""
    from tempfile import TemporaryDirectory

    from gan.study.carry_out import survey
    from gan.study.folder import save_study

    with TemporaryDirectory() as elsewhere:
        settings = Path(elsewhere)
        save_study(settings, study.asked, study.settings)
        ran = (study.folder / ".snakemake").is_dir()
        return survey(study, chosen, call, study.folder if ran else settings, settings)
