"""Pictures side by side with labels, and as files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from meshkit.files import atomic_path
from meshkit.rendering.fonts import caption_font, drawable

INK = (40, 42, 46)
PAPER = 250


def contact_sheet(
    tiles: Sequence[UInt8[np.ndarray, "h w 3"]],
    columns: int,
    labels: Sequence[str] | None = None,
    *,
    gap: int = 4,
) -> UInt8[np.ndarray, "height width 3"]:
    """Lay pictures of one size out in rows, each with its label below it.

    A label that is wider than its picture loses its middle.

    Raises
    ------
    ValueError
        There is no tile, the sizes differ, there are more or fewer labels than tiles, or no column.
    """
    if not tiles or columns < 1:
        raise ValueError(f"a contact sheet needs a tile and a column: {len(tiles)}, {columns}")
    if len({tile.shape for tile in tiles}) > 1:
        raise ValueError(f"tiles differ in size: {sorted({tile.shape for tile in tiles})}")
    if labels is not None and len(labels) != len(tiles):
        raise ValueError(f"{len(labels)} labels for {len(tiles)} tiles")
    H, W = tiles[0].shape[:2]
    font = max(9, min(H, W) // 14)
    strip = 0 if labels is None else round(font * 1.5)
    rows = -(-len(tiles) // columns)
    shape = (rows * (H + strip + gap) + gap, columns * (W + gap) + gap, 3)
    sheet = np.full(shape, PAPER, dtype=np.uint8)
    corners = [
        (gap + k // columns * (H + strip + gap), gap + k % columns * (W + gap))
        for k in range(len(tiles))
    ]
    for tile, (top, left) in zip(tiles, corners, strict=True):
        sheet[top : top + H, left : left + W] = tile
    if labels is None:
        return sheet
    centers = [(x + W / 2, y + H + strip / 2) for y, x in corners]
    return _write_labels(sheet, labels, centers, font, W)


def save_png(path: Path | str, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Write a picture as PNG, whole or not at all."""
    from PIL import Image

    with atomic_path(path) as aside:
        Image.fromarray(image).save(aside, format="PNG")


def _write_labels(
    sheet: np.ndarray,
    labels: Sequence[str],
    centers: list[tuple[float, float]],
    font_size: int,
    width: int,
) -> np.ndarray:
    from PIL import Image, ImageDraw

    picture = Image.fromarray(sheet)
    draw, font = ImageDraw.Draw(picture), caption_font(font_size)
    for label, center in zip(labels, centers, strict=True):
        label = drawable(label)
        text, kept = label, len(label)
        while kept > 1 and font.getlength(text) > width:
            kept -= 1
            text = label[: (kept + 1) // 2] + "…" + label[len(label) - kept // 2 :]
        draw.text(center, text, fill=INK, font=font, anchor="mm")
    return np.asarray(picture).copy()
