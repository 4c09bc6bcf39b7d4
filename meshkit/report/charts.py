"""Where the parts of a chart lie, in units of its view box; `parts.html` draws it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from meshkit.report.axes import Axis, number, step_axis, value_axis

LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 24  # margins: numbers stand left and below


class Tick(NamedTuple):
    """A place on an axis and what stands there."""

    at: float
    text: str


class LineChart(NamedTuple):
    """Curves over steps.

    Attributes
    ----------
    lines : the points of each, as SVG writes them, and its class in the style sheet
    """

    width: int
    height: int
    left: int
    right: int
    x: list[Tick]
    y: list[Tick]
    lines: list[tuple[str, str]]


class Curve(NamedTuple):
    """Values over steps, and the class in the style sheet that draws them."""

    style: str
    step: Float[np.ndarray, " n"]
    value: Float[np.ndarray, " n"]


def line_chart(
    curves: Sequence[Curve], *, y: Axis | None = None, size: tuple[int, int] = (340, 168)
) -> LineChart:
    """Lay out curves over the steps of the first.

    Parameters
    ----------
    y
        The scale of the values.  [default: that of the first curve's]
    size
        Width and height.
    """
    (width, height), x, y = size, step_axis(curves[0].step), y or value_axis(curves[0].value)

    def across(steps: Float[np.ndarray, " n"]) -> list[float]:
        return spread(x, steps, LEFT, width - RIGHT)

    def down(values: Float[np.ndarray, " n"]) -> list[float]:
        return spread(y, values, height - BOTTOM, TOP)

    x_ticks, y_ticks = np.array(x.ticks), np.array(y.ticks)
    return LineChart(
        width,
        height,
        LEFT,
        width - RIGHT,
        [Tick(at, f"{step:,.0f}") for at, step in zip(across(x_ticks), x.ticks, strict=True)],
        [Tick(at, number(value)) for at, value in zip(down(y_ticks), y.ticks, strict=True)],
        [
            (
                " ".join(f"{a},{b}" for a, b in zip(across(step), down(value), strict=True)),
                style,
            )
            for style, step, value in curves
        ],
    )


def spread(axis: Axis, values: Float[np.ndarray, " n"], low: int, high: int) -> list[float]:
    """Place values between the low and the high end of a scale, rounded to tenths."""
    return np.round(low + axis.place(values) * (high - low), 1).tolist()  # type: ignore[no-any-return]
