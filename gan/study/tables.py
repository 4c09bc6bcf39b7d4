"""The two tables of a comparison, and what stands below them."""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gan.evaluation.estimate import LEVEL, METHOD, RESAMPLES, Estimate
from gan.evaluation.metric import Column, default_metrics, metric_class
from gan.evaluation.result import Measured
from gan.study.results import Comparison, number_in
from gan.study.uncertainty import distance_from, subtract

# Of the paper's two tables: the title, key and title of the first row, and what the numbers are.
_TABLES = {
    1: ("Decoupling, diversity, specificity", "training", "training data", ""),
    2: (
        "Sparse reconstruction",
        "template",
        "template",
        "Root mean square distance to the true surface of faces fitted to landmarks, in mm.",
    ),
}
BOUND = "bound"  # kind of a row that says what can be reached
_BOUNDED = "transfer"  # the column that has bounds
_COLLAPSED = 0.5  # value of a guard from which a model makes one face for all
_MAX_BRIEF = 20  # characters of a reason that a cell can show


class Cell(NamedTuple):
    """A number, or why there is none.

    Attributes
    ----------
    best : of its column
    tied : cannot be told from the best: the interval of the difference includes 0
    """

    value: Estimate | None
    why: str = ""
    best: bool = False
    tied: bool = False


class Row(NamedTuple):
    """A model, or what models are held against: the data ("reference"), what can be ("bound")."""

    name: str
    title: str
    kind: str
    seeds: int
    cells: tuple[Cell, ...]


class Table(NamedTuple):
    """A table with its caption and notes.

    Attributes
    ----------
    name : stem of its files
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]

    def rows_in(self, block: Sequence[int]) -> list[Row]:
        """Return the rows of a block of columns; bounds stand where they say something alone."""
        return [
            row
            for row in self.rows
            if row.kind != BOUND or any(row.cells[k].value is not None for k in block)
        ]


def table1(comparison: Comparison) -> Table:
    """Return all metrics but sparse reconstruction, with the training data in the first row."""
    return _table(comparison, 1)


def table2(comparison: Comparison) -> Table:
    """Return the error of sparse reconstruction for every λ."""
    return _table(comparison, 2)


def brief(why: str) -> str:
    """Return what stands for a reason in a cell: the few words before a colon, if there are."""
    words, colon, _ = why.partition(":")
    return words if colon and len(words) <= _MAX_BRIEF else ""


def blocks(columns: Sequence[Column], width: int) -> list[list[int]]:
    """Part columns into blocks of at most so many; groups stay together as far as they fit."""
    groups = [
        [k for k, _ in group]
        for _, group in itertools.groupby(enumerate(columns), key=lambda kq: kq[1].group)
    ]
    pieces = [group[i : i + width] for group in groups for i in range(0, len(group), width)]
    parts: list[list[int]] = []
    for piece in pieces:
        if parts and len(parts[-1]) + len(piece) <= width:
            parts[-1] += piece
        else:
            parts.append(piece)
    return parts


def _table(comparison: Comparison, number: int) -> Table:
    columns = comparison.columns(number)
    title, key, reference, text = _TABLES[number]
    cells = tuple(_reference(comparison, column) for column in columns)
    rows = [*_bounds(comparison, columns), *_model_rows(comparison, columns)]
    if number == 1 or any(cell.value is not None for cell in cells):
        rows = [Row(key, reference, "reference", 0, cells), *rows]
    settings, data = comparison.settings, comparison.dataset
    caption = text or (
        f"{settings.n_samples:,} samples, {settings.n_pairs:,} pairs, seed {settings.seed}, "
        f"against {data['training_meshes']:,} training meshes of {data['name']} "
        f"({data['fingerprint'][:12]})."
    )
    caption = f"{comparison.shown[:1].upper()}{comparison.shown[1:]}. {caption}".removeprefix(". ")
    notes = (*_notes(comparison), *_metric_notes(comparison, number))
    return Table(f"table{number}", title, caption, tuple(columns), tuple(rows), notes)


def _bounds(comparison: Comparison, columns: Sequence[Column]) -> list[Row]:
    """Return what a transfer can reach on this data, worst first."""
    if not any(column.key == _BOUNDED for column in columns):
        return []
    ranked = sorted(comparison.bounds.items(), key=lambda item: -item[1].mean)
    return [
        Row(way, way, BOUND, 0, tuple(Cell(e if c.key == _BOUNDED else None) for c in columns))
        for way, e in ranked
    ]


def _model_rows(comparison: Comparison, columns: Sequence[Column]) -> list[Row]:
    numbers = [[result.number(column) for column in columns] for result in comparison.results]
    places = {column.key: k for k, column in enumerate(columns)}
    marks = []
    for k, column in enumerate(columns):
        guard, reference = places.get(column.guard), _reference(comparison, column).value
        running = [
            None if guard is not None and _collapsed(row[guard][0]) else row[k][0]
            for row in numbers
        ]
        alone = sum(row[k][0] is not None for row in numbers) < 2  # there is no best of one
        if alone or (column.better == "reference" and reference is None):
            marks.append([(False, False)] * len(numbers))
            continue
        marks.append(_marks(running, column, reference))
    return [
        Row(
            result.name,
            result.title,
            result.kind,
            len(result.runs),
            tuple(Cell(value, why, *marks[k][r]) for k, (value, why) in enumerate(numbers[r])),
        )
        for r, result in enumerate(comparison.results)
    ]


def _marks(
    running: Sequence[Estimate | None], column: Column, reference: Estimate | None
) -> list[tuple[bool, bool]]:
    """Return for each model whether it is the best of a column, and whether it may be."""
    if column.better == "reference" and reference is not None:
        running = [value and distance_from(value, reference) for value in running]
    values = [value for value in running if value is not None]
    if not column.better or not values:
        return [(False, False)] * len(running)
    sign = 1 if column.better == "higher" else -1
    best = max(values, key=lambda value: sign * value.mean)
    marks = []
    for value in running:
        if value is None or value.mean == best.mean:
            marks.append((value is not None, False))
            continue
        difference = subtract(best, value)
        marks.append((False, not (difference.low > 0 or difference.high < 0)))
    return marks


def _collapsed(guard: Estimate | None) -> bool:
    return guard is not None and guard.mean >= _COLLAPSED


def _reference(comparison: Comparison, column: Column) -> Cell:
    """Return the number that models are held against: equal in all evaluations that have it."""
    if not column.reference:
        return Cell(None)
    cells = [Cell(*number_in(e, column, column.reference)) for e in comparison.evaluations]
    return next((cell for cell in cells if cell.value is not None), cells[0])


def _metric_notes(comparison: Comparison, number: int) -> list[str]:
    """Return what metrics say of themselves and of all models alike, and what is not there."""
    notes = list[str]()
    asked = [metric.name for metric in comparison.settings.metrics]
    for name in asked:
        if metric_class(name).table != number:
            continue
        measured = [e.metrics[name] for e in comparison.evaluations if name in e.metrics]
        for what, text in _shared(measured).items():
            notes.append(f"{name.capitalize()}, {what}: {text}.")
        reasons = [e.skipped[name] for e in comparison.evaluations if name in e.skipped]
        notes += [f"{name.capitalize()} was not measured: {why}." for why in dict.fromkeys(reasons)]
    left_out = [
        metric.name
        for metric in default_metrics(compare=True)
        if metric.name not in asked and metric_class(metric.name).table == number
    ]
    return [*notes, f"Not asked for: {', '.join(left_out)}."] if left_out else notes


def _shared(measured: Sequence[Measured]) -> Mapping[str, str]:
    """Return the notes, and the reasons why parts are missing, that all models have in common."""
    notes = [dict(m.notes) | dict(m.skipped) for m in measured]
    common = set.intersection(*(set(n.items()) for n in notes)) if notes else set()
    return {
        what: text for what, text in (notes[0].items() if notes else ()) if (what, text) in common
    }


def _notes(comparison: Comparison) -> list[str]:
    several = [result for result in comparison.results if len(result.runs) > 1]
    notes = [
        f"Brackets: {LEVEL:.0%} intervals, {METHOD}, {RESAMPLES:,} resamples of what is "
        "independent."
    ]
    if several:
        listed = ", ".join(
            f"{r.title} (seeds {', '.join(str(run.seed) for run in r.runs)})" for r in several
        )
        notes.append(
            f"Means over trainings with several seeds, intervals from their spread: {listed}."
        )
    if len(several) < len(comparison.results):
        who = "All models" if not several else "The other models"
        notes.append(
            f"{who} were trained with one seed: the intervals know the samples, not what another "
            "training would give."
        )
    for run in comparison.strangers():
        notes.append(f"{run.run} was trained on other data, {run.trained_on}.")
    return notes
