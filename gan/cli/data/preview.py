"""`gan data preview`."""

from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="PNG file to write.",
)
@click.option("--factor", help="Whose classes make the rows. [default: expression, or the first]")
@click.option("--columns", type=click.IntRange(1, 40), default=8, show_default=True)
@click.option("--rows", type=click.IntRange(1, 60), default=12, show_default=True, help="At most.")
@click.option("--sequences", type=click.IntRange(0, 20), default=2, show_default=True)
@click.option("--tile", type=click.IntRange(32, 1024), default=180, show_default=True, help="Px.")
def preview(
    file: Path,
    out: Path,
    factor: str | None,
    columns: int,
    rows: int,
    sequences: int,
    tile: int,
) -> None:
    """Draw labelled faces of FILE, a row for each class, and below them whole sequences."""
    from gan.datasets.preview import preview_sheet
    from gan.datasets.store import load_dataset
    from meshkit.render import save_png

    with load_dataset(file) as dataset:
        sheet = preview_sheet(
            dataset, factor=factor, columns=columns, rows=rows, sequences=sequences, tile=tile
        )
    save_png(out, sheet)
    click.echo(f"{out}: {sheet.shape[1]} x {sheet.shape[0]} pixels")
