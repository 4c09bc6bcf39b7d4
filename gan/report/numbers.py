"""What a report says in numbers: the few that say most, all metrics, and the losses."""

import math
from collections.abc import Sequence

import numpy as np

from gan.evaluation.estimate import Estimate
from gan.evaluation.metric import Column, columns_of
from gan.evaluation.result import Evaluation, Matrix, Measured
from gan.report.axes import number
from gan.report.charts import confusion_table, line_chart, share_bar
from gan.report.html import Markup, element, join
from gan.report.log import Log
from gan.report.tables import (
    INTERVALS,
    NOTHING,
    describe,
    metric_rows,
    note_lines,
    share_rows,
    written,
)

MAX_CLASSES = 16  # of a matrix of counts on a page
MEANINGS = {
    "d/critic": "The critic's game; with wgan-gp, score of generated minus score of real faces: "
    "nears 0 as the two become alike.",
    "d/augmentation": "Probability of each change of the images.",
    "d/sign": "Mean sign of the scores of real faces: 1 where all are told from generated ones.",
    "d/penalty": "Gradient penalty.",
    "g/adversarial": "The generator's game; with wgan-gp, minus the score of generated faces.",
    "g/regularizer": "Energy of generated displacements; with cotangent, their Laplacian energy.",
}
PREFIXES = {
    "d/classification_": "Cross entropy of the {} labels of real faces.",
    "g/classification_": "Cross entropy of the {} labels whose fixed codes were generated.",
    "g/regularizer_": "Energy of generated displacements under {}.",
    "g/feature_": "Distance of {} features within pairs that share the code.",
    "d/code-regression_": "Error of the {} codes read from generated faces; 1 is reading nothing.",
    "g/code-regression_": "Error of the {} codes read from generated faces; 1 is reading nothing.",
    "d/supervised-contrastive_": "Contrast of {} features between classes of real faces.",
    "g/supervised-contrastive_": "Contrast of {} features between generated labels or codes.",
}


def losses(log: Log) -> Markup:
    """Draw every logged term on its own scale."""
    if not log.curves:
        return element("p", "The run has logged nothing.", class_="note")
    figures = []
    for curve in log.curves:
        (title, player), last = _term(curve.name), number(float(curve.value[-1]))
        figures.append(
            element(
                "figure",
                element("h3", element("span", title, player), element("output", last)),
                line_chart(curve, label=f"{curve.name} over iterations; the last is {last}"),
                element("figcaption", _meaning(curve.name)),
            )
        )
    return element("div", *figures, class_="charts")


def headline(evaluation: Evaluation, factors: Sequence[str]) -> Markup:
    """Show the few numbers that say most; `factors` are those of the model."""
    columns = columns_of(list(evaluation.metrics), factors, [evaluation])
    facts = [_fact(c, evaluation.metrics[c.metric]) for c in columns if c.headline]
    return element("dl", *facts, class_="facts")


def metrics(evaluation: Evaluation, *, step: object) -> Markup:
    """Show all metrics; `step` is that of the model in the pictures."""
    parts = []
    measured_at = evaluation.model.get("step")
    if measured_at != step:
        text = f"Measured at iteration {measured_at}; the pictures are of iteration {step}."
        parts.append(element("p", text, class_="note"))
    rows = [
        element(
            "tr",
            element("th", row.name, element("small", row.meaning), scope="row"),
            element("td", row.generated),
            element("td", row.training),
        )
        for row in metric_rows(evaluation)
    ]
    parts.append(_numbers(["", "generated", "training"], rows))
    for measured in evaluation.metrics.values():
        for matrix in measured.matrices.values():
            parts += _shares(matrix) if matrix.kind == "shares" else _counts(matrix)
    parts += [element("p", f"{line}.", class_="note") for line in note_lines(evaluation)]
    text = f"Measured at {describe(evaluation)}. ± is a standard error; {INTERVALS}."
    parts.append(element("p", text, class_="note"))
    return join(parts)


def _counts(matrix: Matrix) -> list[Markup]:
    """Show counts as shares of their rows; larger matrices are left to the file."""
    if len(matrix.columns) > MAX_CLASSES:
        return []
    table = confusion_table(np.array(matrix.cells, dtype=np.int64), matrix.columns)
    return [
        element("h3", _sentence(matrix.title)),
        element("p", matrix.note, class_="note"),
        element("div", table, class_="scroll", tabindex="0"),
    ]


def _shares(matrix: Matrix) -> list[Markup]:
    """Show shares as bars, and in numbers."""
    legend = [
        element("span", element("i", class_=f"share-{k % 5}"), column)
        for k, column in enumerate(matrix.columns)
    ]
    bars = []
    for row, size, cells in zip(matrix.rows, matrix.sizes, matrix.cells, strict=True):
        shares = [
            (column, _finite(cell)) for column, cell in zip(matrix.columns, cells, strict=True)
        ]
        said = ", ".join(f"{column} {share:.0%}" for column, share in shares)
        bars.append(
            element(
                "div",
                element("span", row, element("small", f"{size:.3g} {matrix.size_unit}")),
                share_bar(shares, label=f"{row} explained {said}"),
                class_="bar-row",
            )
        )
    header, numbers = share_rows(matrix)
    rows = [
        element("tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:]))
        for row in numbers
    ]
    return [
        element("h3", _sentence(matrix.title)),
        element(
            "div",
            element("div", *legend, class_="legend"),
            *bars,
            element("p", matrix.note),
            class_="bars",
        ),
        element("details", element("summary", "In numbers"), _numbers(header, rows)),
    ]


def _numbers(header: list[str], rows: list[Markup]) -> Markup:
    head = [element("th", name, scope="col") if name else element("td") for name in header]
    table = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        class_="numbers",
    )
    return element("div", table, class_="scroll", tabindex="0")


def _fact(column: Column, measured: Measured) -> Markup:
    value, reference = (_mean(measured, key, column) for key in (column.value, column.reference))
    _, _, part = column.value.partition(", ")
    title = f"{column.metric}, {part}" if part else column.metric
    against = element("small", f"training faces {reference}") if column.reference else None
    unit = element("small", f" {column.unit}") if column.unit else None
    return element(
        "div", element("dd", value, unit), element("dt", title, against), title=column.meaning
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


def _term(name: str) -> tuple[str, Markup | None]:
    """Split a logged name into a term and the player it belongs to."""
    player, slash, term = name.partition("/")
    who = {"d": "discriminator", "g": "generator"}.get(player)
    if not (slash and who):
        return name, None
    return term.replace("_", " "), element("small", who)


def _meaning(name: str) -> str:
    for prefix, text in PREFIXES.items():
        if name.startswith(prefix):
            return text.format(name.removeprefix(prefix))
    return MEANINGS.get(name, "")
