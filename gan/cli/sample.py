"""`gan sample`."""

from pathlib import Path

import click

from gan.cli.options import (
    NewFolder,
    label_option,
    load_run,
    mesh_format_option,
    option,
    out_option,
    read_labels,
    run_argument,
    seed_option,
)
from meshkit.cli.parameters import json_option


@click.command()
@run_argument
@option("-n number", click.IntRange(1, 100_000), 16, "How many faces.", metavar="N")
@click.option("--identity", metavar="CLASS", help="The same as --label identity=CLASS.")
@click.option("--expression", metavar="CLASS", help="The same as --label expression=CLASS.")
@label_option("Take the fixed code of a class, by name or by number; once for each factor.")
@seed_option("Of the random codes. Equal seeds give equal files.")
@option(
    "--truncation",
    click.FloatRange(min=0),
    1.0,
    "How far random codes are from the mean: below 1 plainer faces, above 1 stranger ones.",
)
@mesh_format_option
@out_option(
    "Folder to write: new, empty, or full of earlier samples, which are replaced.",
    "samples",
    type=NewFolder(),
)
@json_option
def sample(
    run: Path,
    number: int,
    identity: str | None,
    expression: str | None,
    given: tuple[str, ...],
    seed: int,
    truncation: float,
    format: str,
    out: Path,
    as_json: bool,
) -> None:
    """Generate faces with the model of RUN: meshes, a contact sheet, and their codes.

    Every factor without a label gets random codes. Fixing a label leaves the other codes as they
    were.

    Example: gan sample runs/faces -n 9 --expression happy -o happy
    """
    from gan.report.samples import SHEET, SHEET_FACES, write_samples
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import progress_bar

    shortcuts = {"identity": identity, "expression": expression}
    pairs = [*given, *(f"{name}={value}" for name, value in shortcuts.items() if value is not None)]
    model = load_run(run)
    labels = read_labels(model, pairs)
    with progress_bar() as progress:
        write_samples(
            model,
            out,
            n=number,
            seed=seed,
            labels=labels,
            format=format,
            truncation=truncation,
            progress=progress,
        )
    facts = {"run": run, "output": out, "meshes": number, "seed": seed, "labels": labels}
    facts |= {"truncation": truncation, "format": format, "sheet": out / SHEET}
    line = f"{out}: {number} meshes, {min(number, SHEET_FACES)} of them in {out / SHEET}"
    tell(line, facts, as_json)
