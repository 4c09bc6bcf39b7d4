"""How the commands speak: JSON or a table on stdout, warnings on stderr, errors with the file."""

import contextlib
import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from meshkit.errors import MeshError


@contextlib.contextmanager
def about(path: Path) -> Iterator[None]:
    """Name the file in what the library says about its mesh, and show its warnings on stderr."""
    with warnings_on(path):
        try:
            yield
        except MeshError as error:
            if str(path) in str(error):
                raise
            raise error.about(path) from error


@contextlib.contextmanager
def warnings_on(path: Path) -> Iterator[None]:
    """Show the warnings of the library on stderr, each once, with the file or folder."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for text in dict.fromkeys(str(warning.message) for warning in caught):
                click.echo(f"warning: {text if str(path) in text else f'{path}: {text}'}", err=True)


@contextlib.contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr, if that is a terminal; yields what takes (done, total)."""
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    bar = bars.Progress(
        bars.TextColumn(what),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def print_json(values: Mapping[str, Any]) -> None:
    """Print one JSON object; not-a-number and infinity, which JSON lacks, become null."""
    click.echo(json.dumps(_plain(values), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def tell(line: str, facts: Mapping[str, Any], as_json: bool) -> None:
    """Print what a command did: one line for people, or one JSON object."""
    if as_json:
        print_json(facts)
    else:
        click.echo(line)


def print_table(title: str, rows: Mapping[str, str]) -> None:
    """Print names and values in two columns."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(Text(name), Text(value))
    Console(highlight=False).print(table)


def spread(percentiles: Mapping[str, float]) -> str:
    """Write percentiles in one line: ``median 1.21, 99 % below 2.5, largest 4``."""
    return (
        f"median {percentiles['p50']:.3g}, 99 % up to {percentiles['p99']:.3g}, "
        f"largest {percentiles['p100']:.3g}"
    )
