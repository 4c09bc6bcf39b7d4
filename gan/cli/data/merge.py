"""`gan data merge`."""

from pathlib import Path

import click

from gan.cli.options import EXISTING, out_option
from meshkit.cli.parameters import json_option


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="A.h5 B.h5 …",
    type=EXISTING,
)
@out_option("HDF5 file to write; replaced if it exists.", None, ".h5", ".hdf5", required=True)
@click.option("--same-subjects", is_flag=True, help="Take subjects of one name for one person.")
@click.option(
    "--align", is_flag=True, help="Move each data set rigidly onto the template of the first."
)
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
    from gan.cli.remedies import REMEDIES
    from gan.datasets.inspection import describe
    from gan.datasets.merging import merge_datasets
    from gan.datasets.store import load_dataset
    from meshkit.cli.messages import tell
    from meshkit.cli.remedies import in_words

    with ExitStack() as stack:
        datasets = [stack.enter_context(load_dataset(file)) for file in files]
        stack.enter_context(ends_on_sigterm())
        progress = stack.enter_context(progress_bar())
        notes = merge_datasets(
            datasets, out, same_subjects=same_subjects, align=align, progress=progress
        )
    for note in notes:
        remedy = in_words(note.remedy, click.get_current_context().command, table=REMEDIES)
        click.echo(f"{note.text}; remedy: {remedy}" if remedy else note.text, err=True)
    with load_dataset(out) as merged:
        factors = ", ".join(f"{len(names)} {factor}" for factor, names in merged.names.items())
        people = len(set(merged.subject.tolist()))
        line = f"{out}: {merged.n} meshes of {people} subjects; classes: {factors}"
        tell(line, describe(merged) if as_json else {}, as_json)
