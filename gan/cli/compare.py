"""`gan compare`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gan.cli.measuring import measuring_options
from gan.cli.options import ANY, NewFolder, out_option

if TYPE_CHECKING:
    from gan.datasets.store import Dataset
    from gan.study.figures.figure import Figure
    from gan.study.member import Member
    from gan.study.results import Comparison
    from meshkit.cli.progress import Stages


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="[NAME=]RUN...")
@click.argument("dataset", type=ANY)
@out_option("Folder to write.", "comparison", type=NewFolder(), metavar="DIR")
@measuring_options(
    by_default="diversity, specificity, model-free, energy, labels, decoupling, "
    "distribution, transfer, neutralisation, generalisation, sparse"
)
@click.option("--figures/--no-figures", default=True, show_default=True, help="Draw the models.")
@click.option(
    "--three-factors",
    type=ANY,
    metavar="RUN",
    help="Also draw this model of three factors or more, of the same topology, on any data.",
)
@click.option(
    "--note",
    "notes",
    multiple=True,
    metavar="TEXT",
    help="A line for the page, on a model that takes no part: 'CoMA: its training diverged'.",
)
@click.option("--json", "as_json", is_flag=True, help="Print comparison.json instead of a summary.")
def compare(
    runs: tuple[str, ...],
    dataset: Path,
    out: Path,
    only: str | None,
    samples: int,
    pairs: int,
    overrides: tuple[str, ...],
    fresh: bool,
    seed: int,
    device: str,
    figures: bool,
    three_factors: Path | None,
    notes: tuple[str, ...],
    as_json: bool,
) -> None:
    """Measure several RUNs in the same way on DATASET, and judge the paper's claims.

    RUNs are folders of `gan train` and `gan baseline`, or any model that `gan evaluate` takes;
    those from outside are measured, not drawn. Which model of the tables a run is follows
    from its configuration or from its folder's name. NAME=RUN says it outright: ours, ours-plus,
    no-regularizer, no-identity-classifier, no-expression-classifier, no-feature-loss, 3dmm,
    copula, mae, coma, swap-vae, or any other name. Runs that differ only in their seed are
    averaged. What `gan evaluate` measured before is not measured again, and an interrupted
    comparison continues.

    DIR gets report.html, table1 and table2 as .csv and .tex, comparison.json, and the pictures.

    \b
    Example:
        gan compare runs/small runs/plus runs/3dmm runs/coma runs/mae faces.h5 -o compared
    """  # noqa: D301 (click reads the character)
    from gan.datasets.store import load_dataset
    from gan.evaluation.choice import choose_metrics
    from gan.evaluation.metric import default_metrics
    from gan.report.folder import written_folder
    from gan.runs.directory import pick_device
    from gan.runs.opening import is_ours
    from gan.study.export import as_record
    from gan.study.figures.figure import Figure
    from gan.study.identify import members_of
    from gan.study.moving_face import moving_face
    from gan.study.page import is_comparison, write_comparison
    from gan.study.results import CompareSettings
    from gan.study.results import compare as measure
    from meshkit.cli.messages import print_json, warnings_on
    from meshkit.cli.progress import Stages

    settings = CompareSettings(
        n_samples=samples,
        n_pairs=pairs,
        seed=seed,
        metrics=tuple(choose_metrics(only, (), overrides, default_metrics(compare=True))),
        device=pick_device(device),
        fresh=fresh,
    )
    members = members_of(runs)
    with (
        written_folder(out, is_comparison, "a comparison") as aside,
        load_dataset(dataset) as opened,
        warnings_on(out),
        Stages() as bar,
    ):
        comparison = measure(members, opened, settings, progress=bar.update)
        shown = {result.name for result in comparison.results}
        pictured = [m for m in members if m.name in shown and is_ours(m.run)]
        drawn = _draw(pictured, opened, comparison, three_factors, bar) if figures else []
        if notes:
            drawn.append(Figure("missing", "Models that are not here", "; ".join(notes), None))
        viewer = moving_face(comparison) if figures else None
        write_comparison(comparison, aside, drawn, viewer=viewer)
    for run in comparison.strangers():
        click.echo(f"note: {run.run} was trained on other data than {dataset}", err=True)
    if as_json:
        print_json(as_record(comparison))
    else:
        _print(comparison)
        click.echo(f"written to {out}/report.html")


def _draw(
    members: "list[Member]",
    dataset: "Dataset",
    comparison: "Comparison",
    three_factors: Path | None,
    bar: "Stages",
) -> "list[Figure]":
    from gan.study.figures import draw_figures

    watch = lambda what: bar.update(f"drawing: {what}", 0, 0)  # noqa: E731
    seed = comparison.settings.seed
    figures = draw_figures(
        members,
        dataset,
        seed=seed,
        watch=watch,
        three_factor_run=three_factors,
        comparison=comparison,
    )
    return list(figures)


def _print(comparison: "Comparison") -> None:
    """Print the means of Table 1, and the verdicts."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gan.report.tables import written
    from gan.study.latex import MAX_COLUMNS
    from gan.study.tables import blocks, table1
    from gan.study.verdicts import judge_claims

    console, table = Console(highlight=False), table1(comparison)
    for block in blocks(table.columns, MAX_COLUMNS):
        grid = Table(box=None, pad_edge=False, header_style="bold")
        grid.add_column("")
        for k in block:
            q = table.columns[k]
            grid.add_column(Text(f"{q.title}\n{q.unit}"), justify="right")
        for row in table.rows_in(block):
            cells = [(row.cells[k], table.columns[k]) for k in block]
            texts = [
                Text(written(c.value, q.unit)[0], style="bold" if c.best else "")
                if c.value
                else Text("–")
                for c, q in cells
            ]
            grid.add_row(Text(row.title), *texts)
        console.print(grid, Text(""))
    for note in table.notes:
        console.print(Text(note), soft_wrap=True)
    claims: dict[str, Text] = {}
    for ruling in judge_claims(comparison):
        line = claims.setdefault(
            ruling.claim.statement, Text(f"\n{ruling.claim.number}. {ruling.claim.statement}\n  ")
        )
        line.append(f" {ruling.subject} ").append(ruling.verdict, style="bold")
    for line in claims.values():
        console.print(line, soft_wrap=True)
