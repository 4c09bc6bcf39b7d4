"""`gan data merge`."""

from pathlib import Path

import click

from meshkit.cli.parameters import json_option


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="A.h5 B.h5 …",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="HDF5 file to write; replaced if it exists.",
)
@click.option("--same-subjects", is_flag=True, help="Subjects of one name are one person.")
@click.option("--align", is_flag=True, help="Move each data set onto the first one's template.")
@json_option
def merge(
    files: tuple[Path, ...], out: Path, same_subjects: bool, align: bool, as_json: bool
) -> None:
    """Join data sets of one topology; classes of one name are one class, splits stay.

    \b
    gan data merge coma.h5 mine.h5 -o both.h5 --align
    """  # noqa: D301 (click reads the character)
    from contextlib import ExitStack

    from gan.cli.data.progress import ends_on_sigterm, progress_bar
    from gan.datasets.inspection import describe
    from gan.datasets.merging import merge_datasets
    from gan.datasets.store import load_dataset
    from meshkit.cli.messages import tell

    with ExitStack() as stack:
        datasets = [stack.enter_context(load_dataset(file)) for file in files]
        stack.enter_context(ends_on_sigterm())
        progress = stack.enter_context(progress_bar("meshes", sum(d.n for d in datasets)))
        notes = merge_datasets(
            datasets, out, same_subjects=same_subjects, align=align, progress=progress
        )
    for note in notes:
        click.echo(note, err=True)
    with load_dataset(out) as merged:
        factors = ", ".join(f"{len(names)} {factor}" for factor, names in merged.names.items())
        people = len(set(merged.subject.tolist()))
        line = f"{out}: {merged.n} meshes of {people} subjects; classes: {factors}"
        tell(line, describe(merged) if as_json else {}, as_json)
