"""One number of all models on a common scale: a dot each, with its interval."""

import math
from collections.abc import Sequence

import numpy as np

from gan.evaluation.metric import Column
from gan.report.axes import Axis, nice_ticks, number, value_axis
from gan.report.html import Markup, element, join
from gan.study.tables import Row

WIDTH, ROW, TOP, BOTTOM = 340, 22, 6, 22
LEFT, RIGHT = 146, 20
LONGEST = 25  # characters of a name


def dot_chart(column: Column, rows: Sequence[Row], k: int) -> Markup | None:
    """Draw column k of a table; None if fewer than two models have a number.

    What models are held against (the training data) is a dashed line across all of them.
    """
    models = [row for row in rows if row.kind != "reference" and row.cells[k].value is not None]
    if len(models) < 2:
        return None
    lines = [row for row in rows if row.kind == "reference" and row.cells[k].value is not None]
    axis = _axis(_ends([*models, *lines], k), column)
    height = TOP + ROW * len(models) + BOTTOM
    marks = [
        *_ticks(axis, column, height),
        *(_line(axis, row, k, height) for row in lines),
        *(_dot(axis, row, k, TOP + ROW * (r + 0.5), column) for r, row in enumerate(models)),
    ]
    return element(
        "svg",
        *marks,
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_label=f"{column.title} of {len(models)} models",
        class_="chart dots",
    )


def said(value: float, column: Column) -> str:
    """Write a value with its unit."""
    if column.unit == "%":
        return f"{value:.0%}"
    return f"{number(value)} {column.unit}".strip()


def _axis(values: np.ndarray, column: Column) -> Axis:
    """Choose a scale: never a logarithmic one for shares, or where a bound is negative."""
    low, high = float(values.min()), float(values.max())
    if (column.unit != "%" and low > 0) or high == low:
        return value_axis(values)
    ticks = nice_ticks(low, high)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    return Axis(lambda x: ((x - low) / (high - low)).clip(0, 1), ticks, False)


def _ends(rows: Sequence[Row], k: int) -> np.ndarray:
    values = [row.cells[k].value for row in rows]
    ends = [x for v in values if v is not None for x in (v.mean, v.low, v.high)]
    return np.array([x for x in ends if math.isfinite(x)], dtype=np.float64)


def _ticks(axis: Axis, column: Column, height: int) -> list[Markup]:
    marks = []
    for tick in axis.ticks:
        x = _x(axis, tick)
        y = height - BOTTOM
        text = f"{tick:.0%}" if column.unit == "%" else number(tick)
        marks += [
            element("line", x1=x, x2=x, y1=TOP, y2=y, class_="grid"),
            element("text", text, x=x, y=height - 6, text_anchor="middle"),
        ]
    return marks


def _line(axis: Axis, row: Row, k: int, height: int) -> Markup:
    value = row.cells[k].value
    assert value is not None
    x = _x(axis, value.mean)
    title = element("title", row.title)
    return element("line", title, x1=x, x2=x, y1=TOP, y2=height - BOTTOM, class_="reference")


def _dot(axis: Axis, row: Row, k: int, y: float, column: Column) -> Markup:
    value = row.cells[k].value
    assert value is not None
    name = row.title.replace("without ", "w/o ")
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    style = f"kind-{row.kind}"
    parts = [
        element("title", f"{row.title}: {said(value.mean, column)}"),
        element("text", name, x=LEFT - 10, y=f"{y:.1f}", dy="0.32em", text_anchor="end"),
    ]
    if math.isfinite(value.low) and math.isfinite(value.high):
        low, high = _x(axis, value.low), _x(axis, value.high)
        at = f"{y:.1f}"
        parts.append(element("line", x1=low, x2=high, y1=at, y2=at, class_="whisker"))
    x = _x(axis, value.mean)
    parts.append(element("circle", cx=x, cy=f"{y:.1f}", r="4.2"))
    return element("g", join(parts), class_=style)


def _x(axis: Axis, value: float) -> str:
    t = float(axis.place(np.array([value]))[0])
    return f"{LEFT + t * (WIDTH - LEFT - RIGHT):.1f}"
