"""The metrics of a run as rows of text: for a terminal, and for the report."""

import math
from typing import TYPE_CHECKING, NamedTuple

from gan.evaluation.estimate import LEVEL, METHOD, RESAMPLES, SEED, Estimate
from gan.evaluation.result import MODEL, TRAINING, Evaluation, Matrix

if TYPE_CHECKING:
    from rich.console import Console

NOTHING = "–"
INTERVALS = f"[ ]: intervals of {LEVEL:.0%}, {METHOD}, {RESAMPLES} resamples, seed {SEED}"


class Row(NamedTuple):
    """A quantity, its value for generated and for training faces, and what it means."""

    name: str
    generated: str
    training: str
    meaning: str


def written(value: Estimate, unit: str, *, whole: bool = False) -> tuple[str, str]:
    """Return a mean and what is known of its error, "" if nothing is, without the unit.

    Parameters
    ----------
    whole : shares as whole per cents, where many stand side by side
    """
    size = abs(value.mean)
    times, form = 1, ".3g" if size >= 1000 else ".2f" if size >= 1 else ".3f"
    if unit == "%":
        times, form = 100, ".0f" if whole else ".1f"

    def say(x: float) -> str:
        return format(times * x, form)

    if math.isfinite(value.low) and math.isfinite(value.high):
        return say(value.mean), f"[{say(value.low)}, {say(value.high)}]"
    error = value.standard_error
    return say(value.mean), f"± {say(error)}" if math.isfinite(error) else ""


def with_error(value: Estimate | None, unit: str, *, whole: bool = False) -> str:
    """Write a mean and its error in one text, without the unit."""
    if value is None or not math.isfinite(value.mean):
        return NOTHING
    return " ".join(filter(None, written(value, unit, whole=whole)))


def metric_rows(evaluation: Evaluation) -> list[Row]:
    """Return a row for each number: "model, X" and "training, X" of a metric stand in one."""
    rows = list[Row]()
    for name, measured in evaluation.metrics.items():
        pairs: dict[str, dict[str, str]] = {}
        for key, value in measured.values.items():
            who, comma, part = key.partition(", ")
            if who in (MODEL, TRAINING):
                title = f"{name}, {part}" if comma else name
            else:
                title, who = f"{name}: {key}", MODEL
            pairs.setdefault(title, {})[who] = with_error(value, measured.unit)
        unit = f", {measured.unit}" if measured.unit else ""
        rows += [
            Row(
                title + unit,
                pair.get(MODEL, NOTHING),
                pair.get(TRAINING, NOTHING),
                measured.meaning,
            )
            for title, pair in pairs.items()
        ]
    return rows


def note_lines(evaluation: Evaluation) -> list[str]:
    """Return what metrics have to say about themselves, and what was not measured and why."""
    metrics = evaluation.metrics.items()
    notes = [f"{name}: {what}: {text}" for name, m in metrics for what, text in m.notes.items()]
    parts = {f"{name}, {what}": why for name, m in metrics for what, why in m.skipped.items()}
    missing = parts | evaluation.skipped
    return notes + [f"not measured: {what}: {why}" for what, why in missing.items()]


def share_rows(matrix: Matrix) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a matrix of shares, in per cent."""
    header = ["", matrix.size_unit, *(f"{column}, %" for column in matrix.columns)]
    rows = [
        [row, f"{size:.3g}"]
        + [with_error(cell, "%", whole=True) for cell in cells if isinstance(cell, Estimate)]
        for row, size, cells in zip(matrix.rows, matrix.sizes, matrix.cells, strict=True)
    ]
    return header, rows


def print_evaluation(
    evaluation: Evaluation, *, title: str, console: "Console | None" = None
) -> None:
    """Print an evaluation as tables."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console(highlight=False)
    console.print(Text(f"{title}, {describe(evaluation)}\n"), soft_wrap=True)
    rows = [list(row[:3]) for row in metric_rows(evaluation)]
    _print_table(console, ["", "generated", "training"], rows)
    for measured in evaluation.metrics.values():
        for matrix in measured.matrices.values():
            if matrix.kind == "shares":
                console.print(Text(f"\n{matrix.title}"))
                _print_table(console, *share_rows(matrix))
    console.print("")
    for line in [*note_lines(evaluation), INTERVALS]:
        console.print(Text(line), soft_wrap=True)


def _print_table(console: "Console", header: list[str], rows: list[list[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for k, heading in enumerate(header):
        table.add_column(Text(heading), justify="right" if k else "left")
    for cells in rows:
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


def describe(evaluation: Evaluation) -> str:
    """Say what was measured against what, with which numbers."""
    data = evaluation.dataset
    return (
        f"iteration {evaluation.model.get('step', '?')}, against "
        f"{data.get('training_meshes', '?')} training meshes of {data.get('name', '?')}; "
        f"{evaluation.n_samples} samples, {evaluation.n_pairs} pairs, seed {evaluation.seed}"
    )
