"""What a report says in numbers: the few that say most, all metrics, and the losses."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan.evaluation.estimate import Estimate
from gan.evaluation.metric import Column, columns_of
from gan.evaluation.result import Evaluation, Matrix, Measured
from gan.report.log import Curve, Log, smooth, thin
from gan.report.tables import (
    INTERVALS,
    NOTHING,
    Row,
    describe,
    metric_rows,
    note_lines,
    share_rows,
    written,
)
from meshkit.report import charts
from meshkit.report.axes import number, value_axis

MAX_CLASSES = 16  # of a matrix of counts on a page
STYLES = 5  # classes share-0 … share-4 of the style sheet
MEANINGS = {
    "d/critic": "The discriminator's adversarial loss. With wgan-gp it is the mean score of "
    "generated faces minus that of real ones; it nears 0 as the two become alike.",
    "d/augmentation": "The probability that each change is made to the images.",
    "d/sign": "The mean sign of the scores of real faces. It is 1 where all real faces are told "
    "from generated ones.",
    "d/penalty": "The gradient penalty.",
    "g/adversarial": "The generator's adversarial loss. With wgan-gp it is minus the mean score of "
    "generated faces.",
    "g/regularizer": "The energy of generated displacements; with cotangent weights, their "
    "Laplacian energy.",
}
PREFIXES = {
    "d/classification_": "The cross entropy of the {} labels of real faces.",
    "g/classification_": "The cross entropy of the {} labels whose fixed codes were generated.",
    "g/regularizer_": "The energy of generated displacements under {}.",
    "g/feature_": "The distance of {} features within pairs that share the code.",
    "d/code-regression_": "The error of the {} codes that are read from generated faces; 1 means "
    "that nothing is read.",
    "g/code-regression_": "The error of the {} codes that are read from generated faces; 1 means "
    "that nothing is read.",
    "d/supervised-contrastive_": "The contrast of {} features between classes of real faces.",
    "g/supervised-contrastive_": "The contrast of {} features between generated labels or codes.",
}
PLAYERS = {"d": "discriminator", "g": "generator"}


class Loss(NamedTuple):
    """A term of the log as a chart with a heading and a caption."""

    title: str
    player: str
    last: float
    label: str
    chart: charts.LineChart
    meaning: str


class Fact(NamedTuple):
    """A number in large type, with its unit, what it is, and what it compares with."""

    value: str
    unit: str
    title: str
    note: str = ""


class Counts(NamedTuple):
    """A matrix of counts; no rows where there are too many columns to show."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[tuple[str, list[int]]]


class Share(NamedTuple):
    """A part of a bar: what it stands for, and its width in percent."""

    style: str
    name: str
    share: float
    width: float


class Bar(NamedTuple):
    """A number of a row, and the shares that the columns explain of it."""

    name: str
    size: float
    label: str
    shares: list[Share]


class Shares(NamedTuple):
    """A matrix of shares, in bars and in numbers; `overfull` where a row adds up to more than 1."""

    title: str
    note: str
    size_unit: str
    columns: list[tuple[str, str]]
    bars: list[Bar]
    overfull: bool
    header: list[str]
    rows: list[list[str]]


class Metrics(NamedTuple):
    """All metrics of an evaluation; `stale` says that the pictures are of another iteration."""

    stale: str
    rows: list[Row]
    counts: list[Counts]
    shares: list[Shares]
    notes: list[str]


def losses(log: Log) -> list[Loss]:
    """Draw every logged term on its own scale: what was logged, and its running average."""
    drawn = []
    for curve in log.curves:
        player, slash, term = curve.name.partition("/")
        known = bool(slash) and player in PLAYERS
        last = float(curve.value[-1])
        drawn.append(
            Loss(
                term.replace("_", " ") if known else curve.name,
                PLAYERS[player] if known else "",
                last,
                f"{curve.name} over iterations; the last is {number(last)}",
                loss_chart(curve),
                _meaning(curve.name),
            )
        )
    return drawn


def loss_chart(curve: Curve) -> charts.LineChart:
    """Draw a curve, faint, below its running average; on a logarithmic scale, over logarithms."""
    y, window = value_axis(curve.value), max(3, len(curve.value) // 25)
    if y.logarithmic:
        floor = curve.value[curve.value > 0].min()
        mean = np.exp(smooth(np.log(np.maximum(curve.value, floor)), window))
    else:
        mean = smooth(curve.value, window)
    raw, average = thin(curve, 400), thin(curve._replace(value=mean), 200)
    lines = [("raw", raw), ("mean", average)]
    return charts.line_chart([charts.Curve(style, c.step, c.value) for style, c in lines], y=y)


def headline(evaluation: Evaluation, factors: Sequence[str]) -> list[Fact]:
    """Return the few numbers that say most; `factors` are those of the model."""
    columns = columns_of(list(evaluation.metrics), factors, [evaluation])
    return [_fact(c, evaluation.metrics[c.metric]) for c in columns if c.headline]


def metrics(evaluation: Evaluation, *, step: object) -> Metrics:
    """Return all metrics; `step` is that of the model in the pictures."""
    measured_at = evaluation.model.get("step")
    stale = (
        f"These numbers are of iteration {measured_at}; the pictures are of iteration {step}. Run "
        "gan evaluate for numbers of the newest checkpoint."
    )
    matrices = [m for part in evaluation.metrics.values() for m in part.matrices.values()]
    return Metrics(
        "" if measured_at == step else stale,
        metric_rows(evaluation),
        [_counts(matrix) for matrix in matrices if matrix.kind == "counts"],
        [shares_of(matrix) for matrix in matrices if matrix.kind == "shares"],
        [
            *(f"{line}." for line in note_lines(evaluation)),
            f"Measured at {describe(evaluation)}. ± is a standard error; {INTERVALS}.",
        ],
    )


def _counts(matrix: Matrix) -> Counts:
    """Return the counts of a matrix; larger matrices are left to the file."""
    cells = np.array(matrix.cells, dtype=np.int64).tolist()
    rows = list(zip(matrix.rows, cells, strict=True))
    shown = rows if len(matrix.columns) <= MAX_CLASSES else []
    return Counts(_sentence(matrix.title), matrix.note, matrix.columns, shown)


def shares_of(matrix: Matrix) -> Shares:
    """Return shares as bars, and in numbers; a row that adds up to more than 1 fills its bar."""
    styles = [f"share-{k % STYLES}" for k in range(len(matrix.columns))]
    bars, overfull = [], False
    for row, size, cells in zip(matrix.rows, matrix.sizes, matrix.cells, strict=True):
        shares = [_finite(cell) for cell in cells]
        total = sum(max(share, 0.0) for share in shares)
        overfull |= total > 1.005
        pairs = zip(matrix.columns, shares, strict=True)
        label = f"{row} explained " + ", ".join(f"{name} {share:.0%}" for name, share in pairs)
        drawn = [
            Share(style, column, share, 100 * share / max(total, 1.0))
            for style, column, share in zip(styles, matrix.columns, shares, strict=True)
            if share > 0
        ]
        if drawn:
            bars.append(Bar(row, size, label, drawn))
    return Shares(
        _sentence(matrix.title),
        matrix.note,
        matrix.size_unit,
        list(zip(styles, matrix.columns, strict=True)),
        bars,
        overfull,
        *share_rows(matrix),
    )


def _fact(column: Column, measured: Measured) -> Fact:
    value, reference = (_mean(measured, key, column) for key in (column.value, column.reference))
    _, _, part = column.value.partition(", ")
    title = f"{column.metric}, {part}" if part else column.metric
    return Fact(
        value, column.unit, title, f"training faces {reference}" if column.reference else ""
    )


def _mean(measured: Measured, key: str, column: Column) -> str:
    value = measured.values.get(key)
    if value is None or not math.isfinite(value.mean):
        return NOTHING
    return written(value, column.unit)[0]


def _finite(cell: Estimate | int) -> float:
    return cell.mean if isinstance(cell, Estimate) and math.isfinite(cell.mean) else 0.0


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _meaning(name: str) -> str:
    for prefix, text in PREFIXES.items():
        if name.startswith(prefix):
            return text.format(name.removeprefix(prefix))
    return MEANINGS.get(name, "")
