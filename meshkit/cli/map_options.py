"""Options of `meshkit uvmap` that say how to flatten."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from meshkit.cli.parameters import FILE, parse_size

Command = TypeVar("Command", bound=Callable[..., Any])


def parse_vertices(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> list[int] | None:
    """Return vertices or None."""
    if value is None:
        return None
    words = value.split(",")
    if not all(word.isascii() and word.isdigit() for word in words):
        raise click.BadParameter(f"{value!r} are no vertices like 3,10,21")
    return [int(word) for word in words]


def parse_corners(ctx: click.Context, param: click.Parameter, value: str) -> str | list[int]:
    """Return "pose", "angle", or vertices."""
    if value in ("pose", "angle"):
        return value
    try:
        return parse_vertices(ctx, param, value) or value
    except click.BadParameter:
        raise click.BadParameter(
            f"{value!r} is neither 'pose', 'angle' nor vertices like 3,10,21,8"
        ) from None


def parse_balance(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Return a size or None."""
    return None if value is None else parse_size(ctx, param, value)


_OPTIONS = (
    click.option(
        "--method",
        type=click.Choice(["harmonic", "lscm", "arap", "slim"]),
        default="harmonic",
        help="All but harmonic leave the border free; slim never flips a face.  "
        "[default: harmonic]",
    ),
    click.option(
        "--boundary",
        type=click.Choice(["square", "rectangle", "circle"]),
        default="square",
        help="Where the longest border goes.  [default: square]",
    ),
    click.option(
        "--aspect",
        type=float,
        default=1.0,
        metavar="RATIO",
        help="Width over height of the rectangle.",
    ),
    click.option(
        "--polygon",
        type=FILE,
        metavar="POINTS.txt",
        help="Instead of --boundary: a convex polygon in the unit square, counter-clockwise, one "
        "point 'u v' to a line.",
    ),
    click.option(
        "--corners",
        callback=parse_corners,
        default="pose",
        metavar="pose|angle|I,J,…",
        help="What goes to the corners: by pose, where the border turns most, or vertices in the "
        "border's order.  [default: pose]",
    ),
    click.option(
        "--ears",
        type=click.Choice(["keep", "split", "flip"]),
        default="keep",
        help="Take away parts that an inner edge between two border vertices cuts off: halve the "
        "edge, which adds a vertex to OUT, or flip it.  [default: keep]",
    ),
    click.option(
        "--weights",
        type=click.Choice(["auto", "cotan", "mean-value", "uniform", "delaunay", "robust"]),
        default="auto",
        help="auto takes the first of cotan, mean-value, uniform that leaves no flipped face.  "
        "[default: auto]",
    ),
    click.option(
        "--balance",
        callback=parse_balance,
        metavar="N|HxW",
        help="Enlarge what an image of this size would miss, so that it sees more vertices.",
    ),
    click.option(
        "--max-angle",
        type=float,
        default=5.0,
        show_default=True,
        metavar="RATIO",
        help="While balancing: the most by which 95 % of the faces may be sheared, from 1.",
    ),
)


def map_options(command: Command) -> Command:
    """Add the options; `map_arguments` takes what they hold."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def map_arguments(choices: dict[str, Any], *, cut: bool) -> dict[str, Any]:
    """Turn the options into arguments of `parameterize`, without ears, which change the mesh.

    Raises
    ------
    click.UsageError
        Options that exclude each other.
    ValueError
        The file of points holds something else.
    """
    import numpy as np

    arguments = {name: value for name, value in choices.items() if name not in ("polygon", "ears")}
    if cut and choices["ears"] == "flip":
        raise click.UsageError(
            "--ears flip would join vertices across the seam: with --cut take --ears split"
        )
    if isinstance(arguments["corners"], list):
        arguments["corners"] = np.array(arguments["corners"])
    if choices["polygon"] is not None:
        if choices["boundary"] != "square":
            raise click.UsageError("--polygon takes the place of --boundary: give one of them")
        arguments["boundary"] = _load_points(choices["polygon"])
    return arguments


def _load_points(path: Path) -> Any:
    import numpy as np

    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for k, row in enumerate(rows, start=1):
        if len(row) != 2:
            raise ValueError(f"{path}: point {k} has {len(row)} numbers, expected 2")
    try:
        points = np.array(rows, dtype=float).reshape(-1, 2)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return points
