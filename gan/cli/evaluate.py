"""`gan evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gan.datasets.store import Dataset
    from gan.sections import MetricConfig

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("run", type=PATH)
@click.argument("dataset", required=False, type=PATH)
@click.option(
    "--samples",
    type=click.IntRange(20, 1_000_000),
    default=1000,
    show_default=True,
    metavar="N",
    help="Generated faces for specificity and energy; the other samples follow.",
)
@click.option(
    "--pairs",
    type=click.IntRange(2, 10_000_000),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Pairs for each diversity.",
)
@click.option(
    "--metrics",
    "only",
    metavar="LIST",
    help="Only these, separated by commas: specificity, diversity, labels, model-free, or any of "
    "`gan plugins`: generalisation, coverage, sparse, decoupling.  [default: the first four, and "
    "those of the run's configuration]",
)
@click.option(
    "--metric",
    "names",
    multiple=True,
    metavar="NAME",
    help="A further metric (see `gan plugins`), beside those of the run's configuration.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="METRIC.OPTION=VALUE",
    help="Set one option of a metric, as in sparse.priors=[0,1] or decoupling.steps=300.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MIN",
    help="Minutes for training the judges of decoupling; called again, it goes on from there.",
)
@click.option("--fresh", is_flag=True, help="Compute anew what was computed before.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option(
    "-o", "--out", type=PATH, help="File to write.  [default: RUN/evaluation.json]", metavar="FILE"
)
def evaluate(
    run: Path,
    dataset: Path | None,
    samples: int,
    pairs: int,
    only: str | None,
    names: tuple[str, ...],
    overrides: tuple[str, ...],
    budget: float | None,
    fresh: bool,
    seed: int,
    as_json: bool,
    out: Path | None,
) -> None:
    """Measure the model of RUN against DATASET, by default the data it was trained on.

    Diversity, specificity, Laplacian energy, whether labels' codes generate what the labels say,
    and, where the data set holds linear modes of its source, what each code moves. Lengths are in
    mm; brackets are bootstrap intervals. The result is written to a file that `gan report` shows;
    its parts are kept in RUN/evaluation, so that none is computed twice.

    \b
    Example, with the metrics that take longer:
        gan evaluate runs/a faces.h5 --metrics specificity,generalisation,sparse,decoupling
    """  # noqa: D301 (click reads the character)
    from gan.cli.stage_bar import StageBar
    from gan.evaluation.of_run import evaluate_run
    from gan.report.tables import print_evaluation
    from gan.runs.checkpoints import load_model
    from meshkit.cli.messages import about, print_json
    from meshkit.files import atomic_path

    with about(run):
        model = load_model(run)
    path = out or run / "evaluation.json"
    with atomic_path(path) as aside, open_data(run, dataset) as opened:
        basic, metrics = chosen_metrics(run, only, names, overrides, budget)
        with StageBar() as bar:
            found = evaluate_run(
                run,
                model,
                opened,
                n_samples=samples,
                n_pairs=pairs,
                seed=seed,
                metrics=metrics,
                basic=basic,
                fresh=fresh,
                watch=lambda stage: bar.update(stage, 0, 0),
                progress=bar.update,
            )
        if model.provenance.get("dataset") != opened.fingerprint:
            click.echo(f"note: {run} was trained on other data than {opened.path}", err=True)
        found.save(aside)
    if as_json:
        print_json(found.as_dict())
    else:
        print_evaluation(found, title=str(run))
        click.echo(f"written to {path}")


def chosen_metrics(
    run: Path,
    only: str | None,
    names: tuple[str, ...],
    overrides: tuple[str, ...],
    budget: float | None,
) -> "tuple[tuple[str, ...], list[MetricConfig]]":
    """Return the basic metrics and the further ones: those named, else the configuration's too.

    Raises
    ------
    ConfigError
        An override is no METRIC.OPTION=VALUE, or of a metric that is not taken.
    """
    from gan.baselines.config import is_baseline
    from gan.config import load_config
    from gan.errors import ConfigError
    from gan.evaluation.of_run import choose_metrics

    file = run / "config.toml"
    configured = {}
    if file.exists() and not is_baseline(file):  # those have no metrics of their own
        configured = {m.name: m for m in load_config(None, file).metrics}
    if budget is not None:
        _, further = choose_metrics(only, names, (), configured)
        if "decoupling" not in {metric.name for metric in further}:
            raise ConfigError("--budget is for the metric decoupling, which is not asked for")
        overrides = (*overrides, f"decoupling.budget={budget!r}")
    return choose_metrics(only, names, overrides, configured)


def open_data(run: Path, dataset: Path | None) -> "Dataset":
    """Open the data set named, or else the one that the run was trained on.

    Raises
    ------
    DatasetError
        None is named, and that of the run is not where it was.
    """
    from gan.datasets.store import load_dataset
    from gan.errors import DatasetError
    from gan.runs.directory import read_run

    if dataset is not None:
        return load_dataset(dataset)
    path = read_run(run).dataset
    if not path.exists():
        raise DatasetError(f"{path}, the data set of {run}, is not there any more: name its place")
    return load_dataset(path)
