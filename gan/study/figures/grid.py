"""Pictures of one size in rows and columns, with titles at the sides and captions below."""

from collections.abc import Sequence
from textwrap import wrap
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from meshkit.rendering.fonts import caption_font, drawable
from meshkit.rendering.sheets import INK, PAPER

GAP, BREAK = 4, 14  # pixels between pictures, and more between groups of them
FONT, SMALL = 15, 13  # pixels: of titles, of captions
_LETTERS = 17  # of a row's title on one line
_PALE = (110, 113, 120)  # of captions
_RULE = (170, 173, 180)  # of the line under a group's title


class Cell(NamedTuple):
    """A picture and a line below it."""

    picture: UInt8[np.ndarray, "h w 3"]
    caption: str = ""


class Axis(NamedTuple):
    """The titles of rows or columns.

    Attributes
    ----------
    titles : one for each row (column); none: no titles
    groups : title and number of rows (columns) of groups of neighbours, in order; none: no groups
    """

    titles: Sequence[str] = ()
    groups: Sequence[tuple[str, int]] = ()

    def check(self, n: int, what: str) -> None:
        """Raise ValueError unless there are titles for n rows or columns."""
        if self.titles and len(self.titles) != n:
            raise ValueError(f"{len(self.titles)} titles for {n} {what}")
        if self.groups and sum(size for _, size in self.groups) != n:
            raise ValueError(f"groups of {[size for _, size in self.groups]} for {n} {what}")

    def places(self, sizes: Sequence[int]) -> list[int]:
        """Return where pictures of these sizes begin, from the first; groups lie further apart."""
        first = set(np.cumsum([size for _, size in self.groups])[:-1].tolist())
        steps = [size + BREAK * (k + 1 in first) for k, size in enumerate(sizes)]
        return [0, *np.cumsum(steps[:-1]).tolist()]


def draw_grid(
    cells: Sequence[Sequence[Cell | None]],
    *,
    rows: Axis,
    columns: Axis,
    bar: UInt8[np.ndarray, "b v 3"] | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """Lay pictures out in a grid.

    Parameters
    ----------
    cells
        Row by row; None leaves a place empty. Rows may be of different lengths.
    bar
        A colour scale for the right side.

    Raises
    ------
    ValueError
        There is no picture, sizes differ, or there are more or fewer titles than rows or columns.
    """
    from PIL import Image, ImageDraw

    shapes = {cell.picture.shape for row in cells for cell in row if cell is not None}
    if len(shapes) != 1:
        raise ValueError(f"a grid needs pictures of one size, got {sorted(shapes)}")
    H, W, _ = shapes.pop()
    n = max(len(row) for row in cells)
    rows.check(len(cells), "rows")
    columns.check(n, "columns")
    strips = [SMALL + 8 if any(c and c.caption for c in row) else 0 for row in cells]
    left = _side(rows)
    top = GAP + (FONT + 12 if columns.groups else 0) + _head(columns, W)
    x = [left + place for place in columns.places([W + GAP] * n)]
    y = [top + place for place in rows.places([H + strip + GAP for strip in strips])]
    width, height = x[-1] + W + GAP, y[-1] + H + strips[-1] + GAP
    full = width if bar is None else width + BREAK + bar.shape[1]
    sheet = np.full((height, full, 3), PAPER, dtype=np.uint8)
    for j, row in enumerate(cells):
        for i, cell in enumerate(row):
            if cell is not None:
                sheet[y[j] : y[j] + H, x[i] : x[i] + W] = cell.picture
    if bar is not None:
        shown = bar[: height - top]
        sheet[top : top + len(shown), width + BREAK :] = shown
    picture = Image.fromarray(sheet)
    draw = ImageDraw.Draw(picture)
    for j, row in enumerate(cells):
        for i, cell in enumerate(row):
            if cell is not None and cell.caption:
                text = _shorten(cell.caption, W)
                at = (x[i] + W / 2, y[j] + H + strips[j] / 2)
                draw.text(at, text, fill=_PALE, font=caption_font(SMALL), anchor="mm")
    _write_columns(draw, columns, x, W, top)
    _write_rows(draw, rows, y, H)
    return np.asarray(picture).copy()


def _write_columns(draw: object, columns: Axis, x: list[int], W: int, top: int) -> None:
    from PIL import ImageDraw

    assert isinstance(draw, ImageDraw.ImageDraw)
    for place, title in zip(x, columns.titles, strict=False):
        at, text = (place + W / 2, top - 6), "\n".join(_lines(title, W))
        draw.multiline_text(
            at, text, fill=INK, font=caption_font(SMALL), anchor="md", align="center"
        )
    first = 0
    for title, size in columns.groups:
        low, high = x[first], x[first + size - 1] + W
        middle, text = (low + high) / 2, _shorten(title, high - low)
        draw.text(
            (middle, GAP + FONT / 2 + 2), text, fill=INK, font=caption_font(FONT), anchor="mm"
        )
        draw.line([(low, GAP + FONT + 7), (high, GAP + FONT + 7)], fill=_RULE)
        first += size


def _write_rows(draw: object, rows: Axis, y: list[int], H: int) -> None:
    from PIL import ImageDraw

    assert isinstance(draw, ImageDraw.ImageDraw)
    first, indent = 0, GAP
    for title, size in rows.groups:
        low, high = y[first], y[first + size - 1] + H
        at, text = (GAP, (low + high) / 2), "\n".join(_wrapped(title))
        draw.multiline_text(at, text, fill=INK, font=caption_font(FONT), anchor="lm")
        first += size
    if rows.groups:
        indent += _width([title for title, _ in rows.groups], FONT) + BREAK
    size, ink = (SMALL, _PALE) if rows.groups else (FONT, INK)
    for place, title in zip(y, rows.titles, strict=False):
        at, text = (indent, place + H / 2), "\n".join(_wrapped(title))
        draw.multiline_text(at, text, fill=ink, font=caption_font(size), anchor="lm")


def _side(rows: Axis) -> int:
    """Return the width that the titles of the rows take."""
    width = GAP
    if rows.groups:
        width += _width([title for title, _ in rows.groups], FONT) + BREAK
    if any(rows.titles):
        width += _width(rows.titles, SMALL if rows.groups else FONT) + BREAK
    return width


def _head(columns: Axis, W: int) -> int:
    """Return the height that the titles of the columns take."""
    lines = max((len(_lines(title, W)) for title in columns.titles), default=0)
    return lines * (SMALL + 5) + 6 if lines else 0


def _width(titles: Sequence[str], size: int) -> int:
    lines = [line for title in titles for line in _wrapped(title)]
    return max((round(caption_font(size).getlength(line)) for line in lines), default=0)


def _wrapped(title: str) -> list[str]:
    """Break a row's title into lines, at its own line breaks and where it gets too long."""
    return [line for part in drawable(title).split("\n") for line in wrap(part, _LETTERS)]


def _lines(title: str, width: int) -> list[str]:
    """Break a column's title into lines that are as wide as a picture."""
    lines = list[str]()
    for word in title.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and caption_font(SMALL).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return [_shorten(line, width) for line in lines]


def _shorten(text: str, width: int) -> str:
    """Cut a text that is too wide, and say so by dots."""
    text = drawable(text)
    if caption_font(SMALL).getlength(text) <= width:
        return text
    kept = len(text)
    while kept > 1 and caption_font(SMALL).getlength(text[:kept] + "…") > width:
        kept -= 1
    return text[:kept].rstrip() + "…"
