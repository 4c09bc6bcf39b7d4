"""The options that `gan evaluate` and `gan compare` have in common."""

from collections.abc import Callable
from typing import Any

import click


def measuring_options(*, by_default: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds them; `by_default` names the metrics taken without a list."""
    options = [
        click.option(
            "--metrics",
            "only",
            metavar="LIST",
            help="Measure only these, separated by commas; `gan plugins metrics` lists all.  "
            f"[default: {by_default}]",
        ),
        click.option(
            "--samples",
            type=click.IntRange(20, 1_000_000),
            default=1000,
            show_default=True,
            metavar="N",
            help="Number of generated faces, and at most of training faces they are held against.",
        ),
        click.option(
            "--pairs",
            type=click.IntRange(2, 10_000_000),
            default=10_000,
            show_default=True,
            metavar="N",
            help="Number of pairs of faces for each diversity.",
        ),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="METRIC.OPTION=VALUE",
            help="Set one option of a metric, as in sparse.priors=[0,1] or decoupling.steps=300.",
        ),
        click.option("--fresh", is_flag=True, help="Measure again what was measured before."),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**63 - 1000),
            default=0,
            show_default=True,
            help="Seed of all random numbers.",
        ),
        click.option(
            "--device",
            default="auto",
            show_default=True,
            metavar="NAME",
            help="Search and judge on auto, cpu or cuda; distances are the same on any.",
        ),
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
