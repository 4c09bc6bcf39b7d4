"""`gan reproduce`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.study.plan import Stage
    from gan.study.reproduce import Outcome
    from gan.study.study import Study

PATH = click.Path(path_type=Path, readable=False)
DIVERGED = 3  # exit code: the report is there, but a model is missing


def study_options(command: Any) -> Any:
    """Add what `gan reproduce` and `gan ablate` have in common."""
    for option in reversed(
        (
            click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="[default: 0]"),
            click.option(
                "--restart",
                multiple=True,
                metavar="MODEL",
                help="Train this model anew; its old run is kept under another name.",
            ),
            click.option(
                "--threads",
                type=click.IntRange(0),
                default=0,
                metavar="N",
                help="Of torch on a CPU; 0: as many as cores.  [default: 0]",
            ),
            click.option(
                "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
            ),
            click.option(
                "--dry-run", is_flag=True, help="Say what would be done, what is there, and stop."
            ),
            json_option,
        )
    ):
        command = option(command)
    return command


@click.command()
@click.option("-o", "--out", type=PATH, required=True, metavar="DIR", help="Folder of the study.")
@click.option("--size", metavar="NAME", help="tiny, small or full.  [default: small]")
@click.option(
    "--model",
    type=PATH,
    metavar="FACE_MODEL.npz",
    help="Whose faces the data shows.  [default: the embedded procedural head]",
)
@click.option("--data", type=PATH, metavar="FILE", help="An open-faces file that is there already.")
@click.option(
    "--only",
    multiple=True,
    metavar="STAGE",
    help="Do this stage alone (see --dry-run), or trainings, baselines, ablations, evaluations.",
)
@click.option("--sizes", type=PATH, metavar="FILE", help="Budgets in place of the built-in ones.")
@study_options
def reproduce(
    out: Path,
    size: str | None,
    model: Path | None,
    data: Path | None,
    only: tuple[str, ...],
    sizes: Path | None,
    seed: int | None,
    restart: tuple[str, ...],
    threads: int,
    device: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train, measure and compare everything that the paper claims: one command, one report.

    Makes the open-faces data, trains our model, its four ablations and three baselines, and a model
    of three factors; measures all alike; draws the figures; writes DIR/report.html with the tables
    and a verdict on each claim. What is in DIR is not done again: the same command, or just
    `gan reproduce -o DIR`, goes on where it was, and runs of `gan train` and `gan baseline` in
    DIR/runs/NAME count if their configuration is the study's.

    \b
    Sizes: tiny takes minutes and means nothing, small two hours of two CPU cores, full a day of a
    GPU. Exit codes: 0 done, 1 error, 3 a training diverged, 130 interrupted. Example:

    gan reproduce --size small --model ict_face.npz -o study
    """  # noqa: D301 (click reads the character)
    from gan.study.data import Sources, settle_sources
    from gan.study.plan import choose_stages, plan_study
    from gan.study.record import open_record, read_record
    from gan.study.sizes import named_size
    from gan.study.study import Study

    before = read_record(out)
    known: dict[str, Any] = before.asked if before is not None else {}
    size = size or known.get("size", "small")
    seed = seed if seed is not None else known.get("seed", 0)
    table = sizes or (Path(known["sizes"]) if known.get("sizes") else None)
    asked = {"command": "reproduce", "size": size, "seed": seed}
    asked["sizes"] = str(table.resolve()) if table is not None else None
    plan = plan_study(size, named_size(size, table), seed=seed, threads=threads, table=table)
    stages = choose_stages(plan, only)
    record = open_record(out, asked)
    sources = settle_sources(Sources(model, data), record)
    study = Study(out, plan, sources, record, device=device, threads=threads)
    carry_out(study, stages, restart, dry_run=dry_run, as_json=as_json)


def carry_out(
    study: "Study",
    stages: "tuple[Stage, ...]",
    restart: tuple[str, ...],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Do the stages, or say what they are; exit as the study ended."""
    from gan.cli.notices import shown_at_once
    from gan.cli.study_board import StudyBoard
    from gan.study.reproduce import reproduce as run_study
    from gan.study.restart import set_aside
    from gan.study.study import REPORT
    from meshkit.cli.messages import tell

    set_aside(study, restart, dry_run=dry_run)
    if dry_run:
        _describe(study, stages, as_json)
        return
    with shown_at_once(), StudyBoard() as board:
        outcome = run_study(study, stages, board)
    page = study.folder / REPORT
    wrote = "report" in (*outcome.computed, *outcome.found)
    facts = {
        "folder": study.folder,
        "report": page if wrote else None,
        "interrupted": outcome.interrupted,
        "computed": outcome.computed,
        "found": outcome.found,
        "failed": outcome.failed,
    }
    tell(_summary(study, outcome, page if wrote else None), facts, as_json)
    for name, why in outcome.failed.items():
        click.echo(f"{name}: {why}", err=True)
    if outcome.interrupted:
        click.echo(f"continue with: {_again(study)}", err=True)
        sys.exit(130)
    if outcome.failed:
        sys.exit(DIVERGED)


def _summary(study: "Study", outcome: "Outcome", page: Path | None) -> str:
    counted = f"{len(outcome.computed)} stages done, {len(outcome.found)} were there"
    if outcome.interrupted:
        return f"{study.folder}: interrupted; {counted}"
    return f"{page or study.folder}: {counted}"


def _again(study: "Study") -> str:
    if study.record.asked["command"] == "reproduce":
        return f"gan reproduce -o {study.folder}"
    return "the same command"


def _describe(study: "Study", stages: "tuple[Stage, ...]", as_json: bool) -> None:
    """Print the stages, what is there of each, about how long the rest takes, and the budgets."""
    from gan.cli.study_board import span
    from gan.study.reproduce import survey
    from meshkit.cli.messages import print_json

    found = survey(study, stages)
    left = sum(there.left for there in found)
    commands = {trial.name: trial.command for trial in study.plan.trials}
    if as_json:
        rows = [
            {
                "name": stage.name,
                "status": there.status,
                "minutes_left": there.left,
                "command": commands.get(stage.name),
            }
            for stage, there in zip(stages, found, strict=True)
        ]
        configs = {t.name: t.config.model_dump(mode="json") for t in study.plan.trials}
        facts = {"folder": study.folder, "size": study.plan.size, "seed": study.plan.seed}
        print_json({**facts, "stages": rows, "minutes_left": left, "configurations": configs})
        return
    for stage, there in zip(stages, found, strict=True):
        time = "there" if there.status == "done" else f"about {span(there.left)}"
        time += ", begun" if there.status == "begun" else ""
        click.echo(f"{stage.name:34} {time:20} {commands.get(stage.name, '')}".rstrip())
    click.echo(f"about {span(left)} in all; nothing was done")
