"""`gan data info`."""

from pathlib import Path
from typing import Any

import click

from gan.cli.options import EXISTING
from meshkit.cli.parameters import Output, json_option

MAX_CLASSES = 20  # listed one by one


@click.command()
@click.argument("file", type=EXISTING)
@click.option(
    "--card", type=Output(".md"), help="Also write a data card: Markdown with YAML front matter."
)
@json_option
def info(file: Path, card: Path | None, as_json: bool) -> None:
    """Say what the data set FILE holds; reads everything but the vertices.

    Example: gan data info faces.h5 --card faces.md
    """
    from gan.datasets.inspection import describe
    from gan.datasets.store import load_dataset
    from meshkit.cli.messages import print_json
    from meshkit.files import atomic_path

    with load_dataset(file) as dataset:
        facts = describe(dataset)
        if card is not None:
            from gan.export.data_card import data_card

            with atomic_path(card) as aside:
                aside.write_text(data_card(dataset), encoding="utf-8")
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _print(facts: dict[str, Any]) -> None:
    width, height, depth = facts["template_mm"]
    lines = {
        "meshes": f"{facts['meshes']:,} ({facts['stills']:,} stills, {facts['sequences']:,} "
        f"sequences), {facts['bytes'] / 1e6:,.0f} MB",
        "mesh": f"{facts['vertices']:,} vertices, {facts['faces']:,} faces, "
        f"{width:.0f} x {height:.0f} x {depth:.0f} mm",
        "subjects": ", ".join(
            f"{part['subjects']} {name} ({part['meshes']:,} meshes)"
            for name, part in facts["splits"].items()
        ),
    }
    for name, factor in facts["factors"].items():
        counts = _count(factor["classes"])
        share = factor["labelled"] / facts["meshes"]
        lines[name] = f"{len(factor['classes'])} classes, {share:.0%} labelled: {counts}"
    lines |= {
        "modes": ", ".join(f"{n} of {name}" for name, n in facts["modes"].items()) or "none",
        "landmarks": "68" if facts["landmarks"] else "none",
        "source": _name_source(facts["provenance"]),
        "fingerprint": facts["fingerprint"],
    }
    click.echo(facts["path"])
    width = max(map(len, lines))
    for name, value in lines.items():
        click.echo(f"  {name:{width}}  {value}")


def _count(classes: dict[str, int]) -> str:
    """Return the number of meshes of each class, or of all where they are equal or many."""
    if len(set(classes.values())) == 1:
        return f"{next(iter(classes.values()))} each"
    if len(classes) <= MAX_CLASSES:
        return ", ".join(f"{name} {n}" for name, n in classes.items())
    return f"{min(classes.values())} to {max(classes.values())} each"


def _name_source(provenance: dict[str, Any]) -> str:
    """Return what the data set was made from; files of other programs may say it differently."""
    source = provenance.get("source", "unknown")
    return str(source.get("name", "unknown") if isinstance(source, dict) else source)
