"""What the commands take: files, sizes, vertices; options that several of them share."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

# Existence is not checked here: a missing file is the reader's OSError, exit code 1, not a usage
# error; nor is it of interest whether an output can be read.
FILE = click.Path(path_type=Path, readable=False)
MAX_SIDE = 16384  # texels or pixels


class Output(click.Path):
    """A file to write, whose name must end in one of the suffixes."""

    def __init__(self, *suffixes: str) -> None:
        super().__init__(path_type=Path, readable=False)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; any other suffix is a usage error."""
        path = Path(value)
        if path.suffix.lower() not in self.suffixes:
            wanted = " or ".join(self.suffixes)
            self.fail(f"Give a name that ends in {wanted}, not '{path}'.", param, ctx)
        return path


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Join options into one decorator, in the order in which the help lists them."""

    def decorate(command: Command) -> Command:
        for option in reversed(decorators):
            command = option(command)
        return command

    return decorate


def parse_component(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> int | str | None:
    """Return "largest", a rank from 0, or None."""
    if value is None or value == "largest":
        return value
    if not (value.isascii() and value.isdigit()):
        raise click.BadParameter(f"Give 'largest' or a number from 0, not {value!r}.")
    return int(value)


def parse_size(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Return (height, width) of ``N`` or ``HxW``, or None."""
    if value is None:
        return None
    words = value.lower().split("x")
    if len(words) > 2 or not all(word.isascii() and word.isdigit() for word in words):
        raise click.BadParameter(f"Give a size as N or HxW, not {value!r}.")
    H, W = int(words[0]), int(words[-1])
    if not (1 <= H <= MAX_SIDE and 1 <= W <= MAX_SIDE):
        raise click.BadParameter(f"A side has 1 to {MAX_SIDE} texels, not {value!r}.")
    return H, W


def parse_vertices(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> list[int] | None:
    """Return the indices of ``I,J,…``, or None."""
    if value is None:
        return None
    words = value.split(",")
    if not all(word.isascii() and word.isdigit() for word in words):
        raise click.BadParameter(f"Give vertex indices such as 3,10,21, not {value!r}.")
    return [int(word) for word in words]


def flag(name: str, text: str) -> Callable[[Command], Command]:
    """Return an option that is there or not."""
    return click.option(name, is_flag=True, help=text)


def file_option(name: str, metavar: str, text: str, *suffixes: str) -> Callable[[Command], Command]:
    """Return an option for a file; with suffixes, one that is written."""
    kind = Output(*suffixes) if suffixes else FILE
    return click.option(name, type=kind, metavar=metavar, help=text)


def output_option(
    default: str, *suffixes: str, metavar: str = "OUT", more: str = ""
) -> Callable[[Command], Command]:
    """Return ``-o``; `default` names the file without it, `more` says what else to know."""
    return click.option(
        "-o",
        "--output",
        type=Output(*suffixes) if suffixes else FILE,
        metavar=metavar,
        help=f"Write the result here{more}. Default: {default} in the current folder.",
    )


component_option = click.option(
    "--component",
    callback=parse_component,
    metavar="largest|N",
    help="Use only one connected component; N counts from 0, by number of faces.",
)
preview_option = file_option("--preview", "OUT.png", "Also draw the result as a picture.", ".png")
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object instead of text."
)


def check_outputs(sources: Iterable[Path], outputs: Mapping[str, Path | None]) -> None:
    """Refuse as a usage error an output that is an input or another output."""
    taken = {source.resolve(): "an input" for source in sources}
    for name, path in outputs.items():
        if path is None:
            continue
        if path.resolve() in taken:
            owner = taken[path.resolve()]
            raise click.UsageError(f"Give another name for {name}: {path} is {owner}.")
        taken[path.resolve()] = f"also the file of {name}"
