"""Grids of pictures: where everything lies."""

import numpy as np
import pytest

from gan.study.figures.grid import BREAK, GAP, Axis, Cell, draw_grid

H, W = 20, 30


def flat(value: int, caption: str = "") -> Cell:
    return Cell(np.full((H, W, 3), value, np.uint8), caption)


def corners(sheet: np.ndarray, value: int) -> tuple[int, int]:
    """Return where the picture of one colour begins; it must be whole."""
    inside = (sheet == value).all(axis=2)
    rows, columns = np.nonzero(inside)
    assert inside.sum() == H * W
    assert inside[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
    return int(rows.min()), int(columns.min())


def test_pictures_lie_in_rows_and_columns():
    cells = [[flat(10), flat(20), flat(30)], [flat(40), None, flat(60)]]
    columns = Axis(("a", "b", "c"), (("one", 1), ("two", 2)))
    sheet = draw_grid(cells, rows=Axis(("x", "y")), columns=columns)
    at = {value: corners(sheet, value) for value in (10, 20, 30, 40, 60)}
    (y, x) = at[10]
    step, down = W + GAP, H + GAP
    assert at[20] == (y, x + step + BREAK)
    assert at[30] == (y, x + 2 * step + BREAK)
    assert at[40] == (y + down, x)
    assert at[60] == (y + down, x + 2 * step + BREAK)
    assert sheet.shape == (y + 2 * down, x + 3 * step + BREAK, 3)


def test_titles_are_written_beside_what_they_name():
    cells = [[flat(10), flat(20)], [flat(30), flat(40, "caption")]]
    sheet = draw_grid(
        cells,
        rows=Axis(("", "y"), (("", 1), ("down", 1))),
        columns=Axis(("", "b"), (("", 1), ("over", 1))),
    )
    (y, x), (lower, _), (_, right) = (corners(sheet, value) for value in (10, 30, 20))
    ink = (sheet < 150).all(axis=2) & (sheet[..., 0] > 40)
    assert not ink[y : y + H, :x].any()  # the first row has no title
    assert ink[lower : lower + H, :x].any()
    assert not ink[:y, x : x + W].any()
    assert ink[:y, right : right + W].any()
    assert ink[lower + H :, right : right + W].any()  # the caption
    assert not ink[lower + H :, :right].any()


def test_a_long_title_stays_over_its_picture():
    """Nothing but its own columns changes, however long it is."""
    sheet = draw_grid([[flat(10), flat(20)]], rows=Axis(), columns=Axis(("x" * 40, "")))
    (y, x), (_, right) = corners(sheet, 10), corners(sheet, 20)
    ink = (sheet[:y] < 150).all(axis=2)
    assert ink[:, x : x + W].any()
    assert not ink[:, right:].any()
    assert not ink[:, : x - 1].any()


def test_a_bar_stands_at_the_right():
    bar = np.full((H, 9, 3), 77, np.uint8)
    cells = [[flat(10), flat(20)]]
    plain = draw_grid(cells, rows=Axis(), columns=Axis())
    sheet = draw_grid(cells, rows=Axis(), columns=Axis(), bar=bar)
    np.testing.assert_array_equal(sheet[:, : plain.shape[1]], plain)
    assert (sheet == 77).all(axis=2).sum() == bar.shape[0] * bar.shape[1]


@pytest.mark.parametrize(
    ("cells", "rows", "columns", "message"),
    [
        ([[None]], Axis(), Axis(), "pictures of one size"),
        ([[flat(1), Cell(np.zeros((2, 2, 3), np.uint8))]], Axis(), Axis(), "pictures of one size"),
        ([[flat(1)]], Axis(("a", "b")), Axis(), "2 titles for 1 rows"),
        ([[flat(1)]], Axis(), Axis(("a", "b")), "2 titles for 1 columns"),
        ([[flat(1)]], Axis(), Axis(groups=(("a", 2),)), r"groups of \[2\] for 1 columns"),
    ],
)
def test_what_does_not_fit_is_refused(cells, rows, columns, message):
    with pytest.raises(ValueError, match=message):
        draw_grid(cells, rows=rows, columns=columns)
