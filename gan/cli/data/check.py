"""`gan data check`."""

from pathlib import Path

import click

from gan.cli.options import EXISTING
from meshkit.cli.parameters import json_option


@click.command()
@click.argument("file", type=EXISTING)
@click.option("--template", type=EXISTING, help="Mesh or data set that must have the same faces.")
@click.option("--strict", is_flag=True, help="Exit code 1 if there is a warning.")
@json_option
def check(file: Path, template: Path | None, strict: bool, as_json: bool) -> None:
    """Read the data set FILE whole: form, hash, finite vertices; then say what looks odd."""
    import sys

    from gan.cli.data.progress import progress_bar
    from gan.datasets.inspection import find_oddities
    from gan.datasets.store import check_dataset, load_dataset
    from meshkit.cli.messages import tell
    from meshkit.io import load_mesh

    with load_dataset(file) as dataset:
        if template is not None:
            if template.suffix in (".h5", ".hdf5"):
                with load_dataset(template) as other:
                    faces = other.faces
            else:
                faces = load_mesh(template, quads="index").F
            dataset.check_topology(faces, str(template))
        with progress_bar() as progress:
            distance = check_dataset(dataset, progress)
        warnings = find_oddities(dataset, distance)
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
        line = f"{file}: {dataset.n} meshes verified, {len(warnings)} warnings"
        tell(line, {"file": file, "meshes": dataset.n, "warnings": warnings}, as_json)
    if warnings and strict:
        sys.exit(1)
