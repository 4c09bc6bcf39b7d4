"""`gan plugins`."""

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gan.registry import Listed


@click.command()
@click.argument("kind", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def plugins(kind: str | None, as_json: bool) -> None:
    """List what a configuration can name: built in, and offered by installed packages.

    KIND is one of generators, discriminators, adversarial_losses, factor_losses, regularizers,
    baselines, metrics; default: all. A plug-in that cannot be used is listed with the
    reason, and the exit code is then 1. Example: gan plugins regularizers
    """
    from gan.plugins import KINDS, registry
    from meshkit.cli.messages import print_json

    chosen = {name: registry(name).listed() for name in ([kind] if kind else KINDS)}
    if as_json:
        print_json({name: [row._asdict() for row in rows] for name, rows in chosen.items()})
    else:
        for name, rows in chosen.items():
            _print(name, rows)
    if any(row.problem for rows in chosen.values() for row in rows):
        sys.exit(1)


def _print(kind: str, rows: "list[Listed]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    width = max((len(row.name) for row in rows), default=0)
    table.add_column(width=width)
    table.add_column(ratio=1)
    table.add_column(justify="right", no_wrap=True)
    for row in rows:
        shown = (k if v is None else f"{k} = {v!r}" for k, v in row.options.items())
        options = f"options: {', '.join(shown)}" if row.options else ""
        told = row.problem or row.summary.replace("`", "")
        lines = [Text(told, style="red" if row.problem else "")]
        lines += [Text(options, style="dim")] if options else []
        table.add_row(Text(row.name, style="bold"), Text("\n").join(lines), Text(row.origin))
    console = Console(highlight=False)
    console.print(Text(kind.replace("_", " "), style="bold underline"))
    console.print(table, Text(""))
