"""One number of all models on a common scale: a dot each, with its interval."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan.evaluation.metric import Column
from gan.study.tables import BOUND, Row
from meshkit.report.axes import Axis, linear_axis, number, value_axis
from meshkit.report.charts import Tick, spread

WIDTH, ROW, TOP, BOTTOM = 340, 22, 6, 22
LEFT, RIGHT = 146, 20
MAX_NAME = 25  # characters
HELD_AGAINST = ("reference", BOUND)  # kinds of rows that are lines across all models


class Dot(NamedTuple):
    """A model's number in its row, and the ends of its interval; `style` is a class of CSS."""

    name: str
    title: str
    style: str
    x: float
    y: float
    ends: list[float]


class DotChart(NamedTuple):
    """The numbers of a column in units of the chart's view box; `dot_chart` of the page draws it.

    Attributes
    ----------
    references : dashed lines across all rows: what models are held against
    """

    width: int
    height: int
    left: int
    top: int
    bottom: int
    ticks: list[Tick]
    references: list[Tick]
    dots: list[Dot]


def lay_out_dots(column: Column, rows: Sequence[Row], k: int) -> DotChart | None:
    """Lay out column k of a table; None if fewer than two models have a number.

    What models are held against (the training data) is a dashed line across all of them.
    """
    values = [(row, value) for row in rows if (value := row.cells[k].value) is not None]
    models = [(row, value) for row, value in values if row.kind not in HELD_AGAINST]
    if len(models) < 2:
        return None
    ends = [x for _, value in values for x in (value.mean, value.low, value.high)]
    axis = _axis(np.array([x for x in ends if math.isfinite(x)]), column)

    def across(values: Sequence[float]) -> list[float]:
        return spread(axis, np.array(values, dtype=np.float64), LEFT, WIDTH - RIGHT)

    dots = []
    for r, (row, value) in enumerate(models):
        name = row.title.replace("without ", "w/o ")
        name = name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"
        title = f"{row.title}: {_written(value.mean, column.unit)} {column.unit}".strip()
        bounds = [value.low, value.high] if math.isfinite(value.low + value.high) else []
        y = TOP + ROW * (r + 0.5)
        dots.append(
            Dot(name, title, f"kind-{row.kind}", across([value.mean])[0], y, across(bounds))
        )
    bottom = TOP + ROW * len(models)
    return DotChart(
        WIDTH,
        bottom + BOTTOM,
        LEFT,
        TOP,
        bottom,
        [Tick(across([tick])[0], _written(tick, column.unit)) for tick in axis.ticks],
        [
            Tick(across([value.mean])[0], row.title)
            for row, value in values
            if row.kind in HELD_AGAINST
        ],
        dots,
    )


def _axis(values: np.ndarray, column: Column) -> Axis:
    """Choose a scale: never a logarithmic one for shares, or where a bound is negative."""
    low, high = float(values.min()), float(values.max())
    return value_axis(values) if column.unit != "%" and low > 0 else linear_axis(low, high)


def _written(value: float, unit: str) -> str:
    """Write a value without its unit; shares in percent."""
    return number(100 * value if unit == "%" else value)
