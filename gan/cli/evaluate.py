"""`gan evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gan.cli.measuring import measuring_options
from gan.cli.options import ANY, load_run, out_option, run_argument
from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.datasets.store import Dataset
    from gan.sections import MetricConfig


@click.command()
@run_argument
@click.argument("dataset", required=False, type=ANY)
@measuring_options(
    by_default="diversity, specificity, model-free, energy, labels, and those that the run's "
    "configuration names"
)
@click.option(
    "--metric",
    "names",
    multiple=True,
    metavar="NAME",
    help="Measure this one as well; may be given several times.",
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MIN",
    help="Stop training the judges of decoupling after so many minutes; the next call goes on.",
)
@json_option
@out_option(
    "File to write.  [default: RUN/evaluation.json; of what is no run, NAME.evaluation.json]",
    type=ANY,
    metavar="FILE",
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
    device: str,
    as_json: bool,
    out: Path | None,
) -> None:
    """Measure the model of RUN against DATASET; by default, the data it was trained on.

    RUN is a folder of `gan train` or `gan baseline`, model.safetensors of `gan export`, an ONNX
    decoder, PACKAGE.MODULE:FUNCTION that returns a model, or meshes that one has made: a folder or
    an HDF5 file. All but a run need DATASET.

    Without --metrics this takes diversity, specificity, Laplacian energy, whether the codes of
    labels make faces that look like the labels and, where the data set holds the linear modes of
    its source, which part of a face each code moves. Lengths are in mm. Brackets are bootstrap
    intervals.

    The result is written to a file that `gan report` shows. What was measured of a run is kept in
    RUN/evaluation and is not measured again.

    \b
    Example, with the metrics that take longer:
        gan evaluate runs/a faces.h5 --metrics specificity,generalisation,sparse,decoupling
    """  # noqa: D301 (click reads the character)
    from gan.evaluation import evaluate as measure
    from gan.evaluation.kept import kept_in
    from gan.report.tables import print_evaluation
    from gan.runs.directory import pick_device
    from gan.runs.opening import is_run
    from meshkit.cli.messages import print_json
    from meshkit.cli.progress import Stages
    from meshkit.files import atomic_path

    path = out or evaluation_file(run)
    with atomic_path(path) as aside, open_data(run, dataset) as opened:
        model = load_run(run, opened)
        metrics = chosen_metrics(run, only, names, overrides, budget)
        with Stages() as bar:
            evaluation = measure(
                model,
                opened,
                n_samples=samples,
                n_pairs=pairs,
                seed=seed,
                metrics=metrics,
                device=pick_device(device),
                kept=kept_in(run, model, opened, fresh=fresh) if is_run(run) else None,
                progress=bar.update,
            )
        if model.provenance.get("dataset", opened.fingerprint) != opened.fingerprint:
            click.echo(f"note: {run} was trained on other data than {opened.path}", err=True)
        evaluation.save(aside)
    if as_json:
        print_json(evaluation.as_dict())
    else:
        print_evaluation(evaluation, title=str(run))
        click.echo(f"written to {path}")


def chosen_metrics(
    run: Path,
    only: str | None,
    names: tuple[str, ...],
    overrides: tuple[str, ...],
    budget: float | None,
) -> "list[MetricConfig]":
    """Return the metrics that are named, or else the usual ones and the configuration's.

    Raises
    ------
    ConfigError
        An override is no METRIC.OPTION=VALUE, or of a metric that is not taken.
    """
    from gan.baselines.config import is_baseline
    from gan.config import load_config
    from gan.errors import ConfigError
    from gan.evaluation.choice import choose_metrics
    from gan.evaluation.metric import default_metrics

    usual, file = list(default_metrics()), run / "config.toml"
    if file.exists() and not is_baseline(file):  # those have no metrics of their own
        usual += load_config(None, file).metrics
    if budget is not None:
        if "decoupling" not in {metric.name for metric in choose_metrics(only, names, (), usual)}:
            raise ConfigError("--budget is for decoupling, which is not among the metrics")
        overrides = (*overrides, f"decoupling.budget={budget!r}")
    return choose_metrics(only, names, overrides, usual)


def evaluation_file(run: Path) -> Path:
    """Return where the evaluation of a model is written if nobody says where."""
    from gan.runs.opening import is_run

    if is_run(run):
        return run / "evaluation.json"
    name = str(run).partition(":")[2] or run.name  # of a function, or of what lies there
    return (run.parent if run.exists() else Path()) / f"{name}.evaluation.json"


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
    from gan.runs.opening import is_run

    if dataset is not None:
        return load_dataset(dataset)
    if not is_run(run) and (run.exists() or ":" in str(run)):
        raise DatasetError(f"{run} does not say on which data it was trained: name a data set, too")
    path = read_run(run).dataset
    if not path.exists():
        raise DatasetError(
            f"{path}, the data set of {run}, is not there any more; name the data set to measure "
            "against"
        )
    return load_dataset(path)
