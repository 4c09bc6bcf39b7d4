"""`gan data preview`."""

from pathlib import Path

import click

from gan.cli.options import EXISTING, option, out_option
from meshkit.cli.parameters import json_option


@click.command()
@click.argument("file", type=EXISTING)
@out_option("PNG file to write.", None, ".png", required=True)
@click.option("--factor", help="Whose classes make the rows.  [default: expression, or the first]")
@option("--columns", click.IntRange(1, 40), 8, "Faces in a row.")
@option("--rows", click.IntRange(1, 60), 12, "Classes to draw, at most.")
@option("--sequences", click.IntRange(0, 20), 2, "Sequences to draw below them.")
@option("--tile", click.IntRange(32, 1024), 180, "Pixels across one face.")
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
