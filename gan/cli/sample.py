"""`gan sample`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.models.contract import FaceGenerator

LARGEST_SEED = 2**63 - 1


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-n", "number", type=click.IntRange(1, 100_000), default=16, show_default=True, metavar="N"
)
@click.option("--identity", metavar="CLASS", help="The same as --label identity=CLASS.")
@click.option("--expression", metavar="CLASS", help="The same as --label expression=CLASS.")
@click.option(
    "--label",
    "given",
    multiple=True,
    metavar="FACTOR=CLASS",
    help="Take the fixed code of a label, by name or by number; once for each factor.",
)
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True)
@click.option(
    "--format",
    type=click.Choice(["obj", "ply", "stl", "glb"]),
    default="obj",
    show_default=True,
    help="STL has no texture coordinates, and no shared vertices.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default="samples",
    show_default=True,
    help="Folder to write: new, empty, or full of earlier samples, which are replaced.",
)
@json_option
def sample(
    run: Path,
    number: int,
    identity: str | None,
    expression: str | None,
    given: tuple[str, ...],
    seed: int,
    format: str,
    out: Path,
    as_json: bool,
) -> None:
    """Generate faces with the model of RUN: meshes, a contact sheet, and their codes.

    Every factor without a label gets random codes. Equal seeds give equal files, and fixing a
    label leaves the other codes as they were.
    """
    from gan.report.samples import SHEET, SHOWN, write_samples
    from gan.runs.checkpoints import load_model
    from meshkit.cli.messages import about, tell

    shortcuts = {"identity": identity, "expression": expression}
    pairs = [*given, *(f"{name}={value}" for name, value in shortcuts.items() if value is not None)]
    with about(run):
        model = load_model(run)
    labels = read_labels(model, pairs)
    write_samples(model, out, n=number, seed=seed, labels=labels, format=format)
    facts = {"run": run, "output": out, "meshes": number, "seed": seed, "labels": labels}
    facts |= {"format": format, "sheet": out / SHEET}
    line = f"{out}: {number} meshes, {min(number, SHOWN)} of them in {out / SHEET}"
    tell(line, facts, as_json)


def read_labels(model: "FaceGenerator", pairs: list[str]) -> dict[str, str]:
    """Return factor to class from `factor=class`; ValueError for what the model does not know."""
    labels: dict[str, str] = {}
    known = [factor.name for factor in model.factors]
    for pair in pairs:
        factor, equals, label = pair.partition("=")
        if not equals or not label:
            raise ValueError(f"--label {pair!r}: expected FACTOR=CLASS")
        if factor not in known:
            raise ValueError(f"the model has no factor {factor!r}; it has {', '.join(known)}")
        if labels.setdefault(factor, label) != label:
            raise ValueError(f"two labels for {factor}: {labels[factor]} and {label}")
        model.label_index(factor, label)
    return labels
