"""`gan judge`."""

from pathlib import Path

import click

from meshkit.cli.parameters import json_option


@click.command()
@click.argument("dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--factor",
    "factors",
    multiple=True,
    metavar="NAME",
    help="Train the judge of this factor.  [default: of all that have labels enough]",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="decoupling.OPTION=VALUE",
    help="Set one option, as for gan evaluate: decoupling.steps=300.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@json_option
def judge(
    dataset: Path,
    factors: tuple[str, ...],
    overrides: tuple[str, ...],
    device: str,
    as_json: bool,
) -> None:
    """Train the networks that judge decoupling on DATASET, one for each factor.

    `gan evaluate` and `gan compare` train them when they need them; trained before, they are there
    for all models. They are kept in the cache; an interrupted training goes on.

    Example: gan judge faces.h5 --device cuda
    """
    from gan.cache import cache_folder
    from gan.cli.stage_bar import StageBar
    from gan.datasets.store import load_dataset
    from gan.evaluation.choice import choose_metrics
    from gan.evaluation.embedding.judge import obtain_judge
    from gan.evaluation.metric import METRICS, Unmeasurable
    from gan.evaluation.metrics.decoupling import Decoupling
    from gan.runs.directory import pick_device
    from meshkit.cli.messages import tell

    (metric,) = choose_metrics("decoupling", (), overrides, ())
    asking = METRICS.build(metric.name, metric.options)
    assert isinstance(asking, Decoupling)
    accuracy, left_out = dict[str, float](), dict[str, str]()
    with load_dataset(dataset) as opened, StageBar() as bar:
        for factor in factors or opened.labels:
            try:
                trained = obtain_judge(
                    opened,
                    factor,
                    asking.settings,
                    cache_folder(),
                    device=pick_device(device),
                    progress=bar.update,
                )
                accuracy[factor] = trained.figures.accuracy.mean
            except Unmeasurable as reason:
                left_out[factor] = str(reason)
    lines = [
        f"{factor}: right on {value:.1%} of held-out pairs" for factor, value in accuracy.items()
    ]
    lines += [f"{factor}: no judge: {why}" for factor, why in left_out.items()]
    facts = {"dataset": dataset, "accuracy": accuracy, "left_out": left_out}
    tell("\n".join(lines), facts, as_json)
