"""How the commands speak: JSON or a table on stdout, warnings on stderr, errors with the file."""

import contextlib
import json
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from meshkit.cli.manners import elapsed
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


def print_report(
    report: Mapping[str, Any],
    rows: Mapping[str, str],
    as_json: bool,
    *,
    title: str | None = None,
    files: Iterable[Path | None] = (),
) -> None:
    """Print what a command did, and how long it took: one JSON object, or a table for people.

    Parameters
    ----------
    rows
        Of the table; one without text is left out. The files written and the seconds follow.
    title
        Default: the input.
    """
    seconds = elapsed()
    if as_json:
        print_json({**report, "seconds": seconds})
        return
    written = ", ".join(str(path) for path in files if path is not None)
    rows = {**rows, "written": written, "seconds": f"{seconds:.2f}"}
    print_table(title or str(report["input"]), {name: text for name, text in rows.items() if text})


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


def percent(share: float) -> str:
    """Write a share in per cent, rounded down: what is not all is never said to be 100 %."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:g} %"


SEEN_ENOUGH = 0.9  # share of the vertices below which an image is said to miss many


def say_unseen(path: Path, share: float, size: str, remedy: str) -> None:
    """Say that an image misses many vertices, and what would show more of them."""
    if share < SEEN_ENOUGH:
        click.echo(
            f"notice: {remedy} to show more of {path}: an image of {size} texels touches "
            f"{percent(share)} of its vertices, and says nothing about the others",
            err=True,
        )
