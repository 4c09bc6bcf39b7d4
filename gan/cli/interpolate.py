"""`gan interpolate`."""

from pathlib import Path

import click

from gan.cli.options import (
    NewFolder,
    load_run,
    mesh_format_option,
    option,
    out_option,
    read_faces,
    run_argument,
)
from meshkit.cli.parameters import json_option


@click.command()
@run_argument
@click.argument("first")
@click.argument("last")
@click.option(
    "--factor",
    "factors",
    multiple=True,
    help="Let this code alone move; may be given again.  [default: all, the noise included]",
)
@option("--steps", click.IntRange(2, 1000), 9, "Number of faces.")
@option("--from start", float, 0.0, "0 is FIRST.")
@option("--to end", float, 1.0, "1 is LAST.")
@option(
    "--path",
    click.Choice(["linear", "spherical"]),
    "linear",
    "Along the chord, or along the arc, which keeps expressions as strong as at the ends.",
)
@option("--seconds", click.FloatRange(min=0.1), 3.0, "Length of the animation.")
@mesh_format_option
@out_option(
    "Folder to write: meshes, codes, a strip of pictures, an animation.",
    "interpolated",
    type=NewFolder(),
)
@json_option
def interpolate(
    run: Path,
    first: str,
    last: str,
    factors: tuple[str, ...],
    steps: int,
    start: float,
    end: float,
    path: str,
    seconds: float,
    format: str,
    out: Path,
    as_json: bool,
) -> None:
    """Go from the face FIRST to the face LAST through the codes of the model of RUN.

    Each is a mesh of the model's topology, in any pose and unit, or a row of codes as `gan sample`
    writes them. The faces on the way lie where FIRST lies, in its unit.
    Beyond 0 and 1 the path goes on: a caricature, or an expression less than neutral.

    Example: gan interpolate runs/faces 'codes.npz#0' 'codes.npz#1' --factor expression

    Example: gan interpolate runs/faces neutral.obj smile.obj --from -0.5 --to 1.5 -o caricature
    """
    import numpy as np
    import torch

    from gan.editing import path_of_codes
    from gan.report.edits import write_path
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import progress_bar

    model = load_run(run)
    (a, b), t = read_faces(model, first, last), np.linspace(start, end, steps)
    with torch.no_grad():
        codes = path_of_codes(model, a.codes, b.codes, t, factors=factors, path=path)
        motion = a.pose.into_unit
        with progress_bar() as progress:
            write_path(
                model,
                out,
                codes,
                t,
                motion=motion,
                format=format,
                seconds=seconds,
                progress=progress,
            )
    facts = {"run": run, "output": out, "first": first, "last": last, "positions": t.tolist()}
    facts |= {"factors": list(factors), "path": path, "animation": out / "animation.gif"}
    facts["poses"] = {"first": a.pose.to_dict(), "last": b.pose.to_dict()}
    line = f"{out}: {steps} faces from {start:g} to {end:g}; look at {out / 'animation.gif'}"
    tell(line, facts, as_json)
