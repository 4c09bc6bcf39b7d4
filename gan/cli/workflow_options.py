"""How a workflow is run: the options of all commands that run one."""

from typing import Any

import click

from meshkit.cli.parameters import json_option


def workflow_options(command: Any) -> Any:
    """Add how a workflow is run: on this machine, or by a cluster."""
    for option in reversed(
        (
            click.option(
                "--cores",
                type=click.IntRange(0),
                default=0,
                metavar="N",
                help="Of this machine; with another --executor jobs at a time.  "
                "[default: all, or 100 jobs]",
            ),
            click.option(
                "--threads",
                type=click.IntRange(0),
                default=0,
                metavar="N",
                help="Of one job; fewer than --cores: several jobs side by side.  "
                "[default: all cores, or 8]",
            ),
            click.option(
                "--executor",
                default="local",
                show_default=True,
                metavar="NAME",
                help="Who runs the jobs: local, slurm, kubernetes, or another of Snakemake's.",
            ),
            click.option(
                "--dry-run", is_flag=True, help="Say what would be done, what is there, and stop."
            ),
            json_option,
            click.argument("more", nargs=-1, type=click.UNPROCESSED, metavar="[-- SNAKEMAKE...]"),
        )
    ):
        command = option(command)
    return command
