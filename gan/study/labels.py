"""What models are worth with fewer labels: the numbers of a comparison by share of the labels."""

from typing import NamedTuple

import numpy as np

from gan.evaluation.estimate import Estimate
from gan.evaluation.metric import Column
from gan.report.tables import with_error
from gan.study.member import Kind, apart
from gan.study.results import Comparison, Result
from meshkit.report.axes import Axis, linear_axis, number
from meshkit.report.charts import Tick, spread

METRICS = ("decoupling", "transfer")  # whose numbers are shown
WIDTH, HEIGHT = 340, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 10, 24
STYLES = 6  # of lines, in the style sheet


class LabelLine(NamedTuple):
    """A model, and its number for every share; None where it could not be trained or measured."""

    name: str
    title: str
    kind: Kind
    values: tuple[Estimate | None, ...]


class LabelCurve(NamedTuple):
    """A column of the tables by the share of the labels of expressions, which rises."""

    column: Column
    shares: tuple[float, ...]
    lines: tuple[LabelLine, ...]


class LabelChart(NamedTuple):
    """A curve in units of the chart's view box; `label_chart` of the page draws it.

    Attributes
    ----------
    lines : class in the style sheet, points as SVG writes them
    dots : class, x, y and title of every number
    """

    width: int
    height: int
    left: int
    right: int
    x: list[Tick]
    y: list[Tick]
    lines: list[tuple[str, str]]
    dots: list[tuple[str, float, float, str]]


def label_curves(comparison: Comparison) -> list[LabelCurve]:
    """Return the curves of a comparison: none where no model was trained with fewer labels."""
    models: dict[str, dict[float, Result]] = {}
    for result in (*comparison.results, *comparison.fewer):
        name, share = apart(result.name)
        models.setdefault(name, {})[share] = result
    models = {name: own for name, own in models.items() if set(own) - {1.0}}
    shares = tuple(sorted({share for own in models.values() for share in own}))
    columns = [c for c in comparison.columns() if c.metric in METRICS and c.better]
    headlines = [column for column in columns if column.headline]
    return [
        LabelCurve(column, shares, tuple(_line(own, shares, column) for own in models.values()))
        for column in (headlines or columns if models else ())
    ]


def label_table(curve: LabelCurve) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a curve as text."""
    rows = [
        [line.title, *(with_error(value, curve.column.unit) for value in line.values)]
        for line in curve.lines
    ]
    return ["", *(f"{100 * share:g} %" for share in curve.shares)], rows


def lay_out_curve(curve: LabelCurve) -> LabelChart:
    """Lay a curve out; shares stand side by side whatever lies between them."""
    times = 100 if curve.column.unit == "%" else 1
    means = [[v and v.mean for v in line.values] for line in curve.lines]
    known = [mean for own in means for mean in own if mean is not None] or [0.0]
    y, places = linear_axis(min(known), max(known)), np.arange(len(curve.shares), dtype=float)
    across = spread(_even(len(places)), places, LEFT + 12, WIDTH - RIGHT)
    lines, dots = [], []
    for k, (line, own) in enumerate(zip(curve.lines, means, strict=True)):
        style, points = f"curve-{k % STYLES}", list[tuple[float, float]]()
        for x, share, mean in zip(across, curve.shares, own, strict=True):
            if mean is not None:
                points.append((x, spread(y, np.array([mean]), HEIGHT - BOTTOM, TOP)[0]))
                text = f"{line.title}, {share:.3g} of the labels: {number(times * mean)}"
                dots.append((style, *points[-1], text))
        lines.append((style, " ".join(f"{a},{b}" for a, b in points)))
    down = spread(y, np.array(y.ticks), HEIGHT - BOTTOM, TOP)
    return LabelChart(
        WIDTH,
        HEIGHT,
        LEFT,
        WIDTH - RIGHT,
        [Tick(x, f"{100 * s:g}") for x, s in zip(across, curve.shares, strict=True)],
        [Tick(at, number(times * value)) for at, value in zip(down, y.ticks, strict=True)],
        lines,
        dots,
    )


def _line(own: dict[float, Result], shares: tuple[float, ...], column: Column) -> LabelLine:
    values = tuple(own[share].number(column)[0] if share in own else None for share in shares)
    largest = own[max(own)]
    name, share = apart(largest.name)
    title = largest.title if share == 1 else largest.title.rpartition(",")[0]
    return LabelLine(name, title, largest.kind, values)


def _even(n: int) -> Axis:
    return Axis(lambda x: x / max(n - 1, 1), (), False)
