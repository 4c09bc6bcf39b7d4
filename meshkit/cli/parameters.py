"""What the commands take: parameter types and options that several of them share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

# Existence is not checked here: a missing file is the reader's OSError, exit code 1, not a usage
# error; nor is it of interest whether an output can be read.
FILE = click.Path(path_type=Path, readable=False)


def parse_component(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> int | str | None:
    """Return "largest", a rank from 0, or None."""
    if value is None or value == "largest":
        return value
    if not (value.isascii() and value.isdigit()):
        raise click.BadParameter(f"{value!r} is neither 'largest' nor a number from 0")
    return int(value)


def parse_size(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    """Return (height, width) of ``N`` or ``HxW``, both from 1 to 16384."""
    words = value.lower().split("x")
    if len(words) > 2 or not all(word.isascii() and word.isdigit() for word in words):
        raise click.BadParameter(f"{value!r} is neither N nor HxW")
    H, W = int(words[0]), int(words[-1])
    if not (1 <= H <= 16384 and 1 <= W <= 16384):
        raise click.BadParameter(f"{value!r}: a side has 1 to 16384 texels")
    return H, W


def component_option(command: Command) -> Command:
    """Add ``--component``."""
    return click.option(
        "--component",
        callback=parse_component,
        metavar="largest|N",
        help="Take one component; N counts from 0 by number of faces.",
    )(command)


def preview_option(command: Command) -> Command:
    """Add ``--preview``."""
    return click.option(
        "--preview", type=FILE, metavar="OUT.png", help="Also draw a picture to look at."
    )(command)


def json_option(command: Command) -> Command:
    """Add ``--json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object instead of text."
    )(command)


def check_outputs(source: Path, outputs: dict[str, Path | None]) -> None:
    """Refuse as a usage error an output that is the input, another output, or no PNG preview."""
    taken = {source.resolve(): "the input"}
    for name, path in outputs.items():
        if path is None:
            continue
        if path.resolve() in taken:
            raise click.UsageError(f"{name} {path} is {taken[path.resolve()]}: give another name")
        taken[path.resolve()] = f"the file of {name} too"
        if name == "--preview" and path.suffix.lower() != ".png":
            raise click.UsageError(f"--preview {path}: the picture is a .png")
