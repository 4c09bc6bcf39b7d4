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
    """Train the networks that judge decoupling on DATASET, several for each factor.

    They learn from the people that lie beside a benchmark for that, in NAME.judges.h5; without
    such a file from DATASET itself. `gan evaluate` and `gan compare` train them when they need
    them; trained before, they are there for all models. They are kept in the cache; an interrupted
    training goes on.

    Example: gan judge faces.h5 --device cuda
    """
    from gan.cache import cache_folder
    from gan.datasets.store import load_dataset
    from gan.evaluation.choice import choose_metrics
    from gan.evaluation.embedding.judge import obtain_judges
    from gan.evaluation.embedding.material import judge_data
    from gan.evaluation.metric import METRICS, Unmeasurable
    from gan.evaluation.metrics.decoupling import Decoupling
    from gan.runs.directory import pick_device
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import Stages

    (metric,) = choose_metrics("decoupling", (), overrides, ())
    asking = METRICS.build(metric.name, metric.options)
    assert isinstance(asking, Decoupling)
    accuracy, false = dict[str, list[float]](), dict[str, list[float]]()
    left_out = dict[str, str]()
    with (
        load_dataset(dataset) as opened,
        judge_data(opened, asking.data) as people,
        Stages() as bar,
    ):
        for factor in factors or people.labels:
            try:
                trained = obtain_judges(
                    people,
                    factor,
                    asking.settings,
                    asking.judges,
                    cache_folder(),
                    device=pick_device(device),
                    progress=bar.update,
                )
            except Unmeasurable as reason:
                left_out[factor] = str(reason)
                continue
            accuracy[factor] = [judge.threshold.accuracy for judge in trained]
            false[factor] = [judge.threshold.false_accepted for judge in trained]
        source = people.path
    lines = [f"learned from {source}"]
    for factor, values in accuracy.items():
        right = ", ".join(f"{value:.1%}" for value in values)
        wrong = ", ".join(f"{value:.1%}" for value in false[factor])
        lines.append(f"{factor}: right on {right} of held-out pairs; falsely accepted {wrong}")
    lines += [f"{factor}: no judge: {why}" for factor, why in left_out.items()]
    facts = {"dataset": dataset, "learned_from": source, "accuracy": accuracy}
    tell("\n".join(lines), facts | {"false_acceptances": false, "left_out": left_out}, as_json)
