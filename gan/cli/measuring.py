"""The options that `gan evaluate` and `gan compare` have in common."""

import click

from gan.cli.options import LARGEST_SEED, Decorator, option
from meshkit.cli.parameters import options


def measuring_options(*, by_default: str) -> Decorator:
    """Return a decorator that adds them; `by_default` names the metrics taken without a list."""
    return options(
        click.option(
            "--metrics",
            "only",
            metavar="LIST",
            help="Measure only these, separated by commas; `gan plugins metrics` lists all.  "
            f"[default: {by_default}]",
        ),
        option(
            "--samples",
            click.IntRange(20, 1_000_000),
            1000,
            "Number of generated faces, and at most of training faces they are held against.",
            metavar="N",
        ),
        option(
            "--pairs",
            click.IntRange(2, 10_000_000),
            10_000,
            "Number of pairs of faces for each diversity.",
            metavar="N",
        ),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="METRIC.OPTION=VALUE",
            help="Set one option of a metric, as in sparse.priors=[0,1] or decoupling.steps=300.",
        ),
        click.option("--fresh", is_flag=True, help="Measure again what was measured before."),
        # The pictures of a comparison count on from it.
        option("--seed", click.IntRange(0, LARGEST_SEED - 1000), 0, "Seed of all random numbers."),
        option("--device", str, "auto", "Where to search and judge: auto, cpu, cuda or cuda:N."),
    )
