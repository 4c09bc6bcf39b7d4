"""Options of `meshkit uvmap` that say how to flatten."""

from pathlib import Path
from typing import Any

import click

from meshkit.cli.parameters import FILE, flag, options, parse_size, parse_vertices


def parse_corners(ctx: click.Context, param: click.Parameter, value: str) -> str | list[int]:
    """Return "pose", "angle", or vertices."""
    if value in ("pose", "angle"):
        return value
    try:
        return parse_vertices(ctx, param, value) or value
    except click.BadParameter:
        raise click.BadParameter(
            f"Give pose, angle or vertex indices such as 3,10,21,8, not {value!r}."
        ) from None


# Adds the options whose values `map_arguments` takes.
map_options = options(
    click.option(
        "--method",
        type=click.Choice(["harmonic", "lscm", "arap", "slim"]),
        default="harmonic",
        show_default=True,
        help="harmonic fixes the boundary, the others leave it free. slim never flips a face.",
    ),
    click.option(
        "--boundary",
        type=click.Choice(["square", "rectangle", "circle"]),
        default="square",
        show_default=True,
        help="The shape that the longest boundary loop is mapped to.",
    ),
    click.option(
        "--aspect",
        type=float,
        default=1.0,
        metavar="RATIO",
        help="With --boundary rectangle: its width divided by its height.",
    ),
    click.option(
        "--polygon",
        type=FILE,
        metavar="POINTS.txt",
        help="Map the boundary to a convex polygon in the unit square, instead of --boundary. The "
        "file lists its corners counter-clockwise, one 'u v' per line.",
    ),
    click.option(
        "--corners",
        callback=parse_corners,
        default="pose",
        show_default=True,
        metavar="pose|angle|I,J,…",
        help="Which boundary vertices become corners. pose: those that lie outermost in the mesh's "
        "pose. angle: where the boundary turns most. Or vertices, in the order of the boundary.",
    ),
    click.option(
        "--ears",
        type=click.Choice(["auto", "keep", "split", "flip"]),
        default="auto",
        show_default=True,
        help="What to do with ears, the parts that an inner edge between two boundary vertices "
        "cuts off. split halves that edge, which adds a vertex to OUT; flip turns it; auto splits "
        "only if the boundary has no room for them, and refines a boundary of three vertices.",
    ),
    click.option(
        "--weights",
        type=click.Choice(["auto", "cotan", "mean-value", "uniform", "delaunay", "robust"]),
        default="auto",
        show_default=True,
        help="auto uses the first of cotan, mean-value and uniform that flips no face.",
    ),
    click.option(
        "--balance",
        callback=parse_size,
        metavar="N|HxW",
        help="Give all faces the same area, and more to those that an image of this size would "
        "miss, so that it samples more vertices.",
    ),
    click.option(
        "--max-angle",
        type=float,
        metavar="RATIO",
        help="With --balance: the largest shear allowed for 95 % of the faces; 1 is none.  "
        "[default: no limit]",
    ),
    flag(
        "--symmetric",
        "Make the map of a left-right symmetric TEMPLATE its own mirror image.",
    ),
)


def map_arguments(choices: dict[str, Any], *, cut: bool) -> dict[str, Any]:
    """Turn the options into arguments of `parameterize`, which may change ears of the mesh.

    Raises
    ------
    click.UsageError
        Options that exclude each other.
    ValueError
        The file of points holds something else.
    """
    import numpy as np

    arguments = {name: value for name, value in choices.items() if name != "polygon"}
    if cut and choices["ears"] == "flip":
        raise click.UsageError(
            "With --cut use --ears split: flipping would join vertices across the seam."
        )
    if isinstance(arguments["corners"], list):
        arguments["corners"] = np.array(arguments["corners"])
    if choices["polygon"] is not None:
        if choices["boundary"] != "square":
            raise click.UsageError("Give either --polygon or --boundary, not both.")
        arguments["boundary"] = _load_points(choices["polygon"])
    return arguments


def _load_points(path: Path) -> Any:
    import numpy as np

    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for k, row in enumerate(rows, start=1):
        if len(row) != 2:
            raise ValueError(f"{path}: point {k} has {len(row)} numbers, expected 2")
    try:
        return np.array(rows, dtype=float).reshape(-1, 2)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
