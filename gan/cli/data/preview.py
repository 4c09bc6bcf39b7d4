"""`gan data preview`."""

from pathlib import Path

import click

from meshkit.cli.parameters import json_option


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
@json_option
def preview(
    file: Path,
    out: Path,
    factor: str | None,
    columns: int,
    rows: int,
    sequences: int,
    tile: int,
    as_json: bool,
) -> None:
    """Draw labelled faces of FILE, a row for each class, and below them whole sequences."""
    from gan.datasets.preview import preview_sheet
    from gan.datasets.store import load_dataset
    from meshkit.cli.messages import tell
    from meshkit.render import save_png

    with load_dataset(file) as dataset:
        sheet = preview_sheet(
            dataset, factor=factor, columns=columns, rows=rows, sequences=sequences, tile=tile
        )
    save_png(out, sheet)
    H, W = sheet.shape[:2]
    tell(f"{out}: {W} x {H} pixels", {"output": out, "size": [H, W]}, as_json)
