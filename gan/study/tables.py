"""The two tables of the paper, and what stands below them."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from gan.evaluation.estimate import LEVEL, METHOD, RESAMPLES, Estimate
from gan.evaluation.result import Evaluation
from gan.study.quantities import (
    COLLAPSED,
    Quantity,
    missing,
    quantities,
    sparse_quantities,
    template_error,
)
from gan.study.results import Comparison
from gan.study.uncertainty import subtract
from gan.study.verdicts import value_of

TRAINING_TITLE, TEMPLATE_TITLE = "training data", "template"


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
    """A model, or what models are held against."""

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
    columns: tuple[Quantity, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def table1(found: Comparison) -> Table:
    """Return decoupling, diversity, specificity and our columns, training data in the first row."""
    everything = quantities(found.factors)
    columns = [q for q in everything if asked_for(found, q)]
    reference = Row(
        "training", TRAINING_TITLE, "reference", 0, tuple(_training(found, q) for q in columns)
    )
    data = found.dataset
    caption = (
        f"{found.settings.n_samples:,} samples, {found.settings.n_pairs:,} pairs, seed "
        f"{found.settings.seed}, against {data['training_meshes']:,} training meshes of "
        f"{data['name']} ({data['fingerprint'][:12]})."
    )
    return Table(
        "table1",
        "Decoupling, diversity, specificity",
        caption,
        tuple(columns),
        (reference, *_model_rows(found, columns)),
        (*_notes(found), *_judges(found), *_not_asked(found, everything)),
    )


def table2(found: Comparison) -> Table:
    """Return the error of sparse reconstruction for every λ."""
    columns = sparse_quantities(found.evaluations)
    template = next((x for e in found.evaluations if (x := template_error(e)) is not None), None)
    faces = next(
        (e.further["sparse"].notes.get("faces", "") for e in found.evaluations if _has_sparse(e)),
        "",
    )
    rows = _model_rows(found, columns)
    if template is not None:
        cells = tuple(Cell(template) for _ in columns)
        rows = [Row("template", TEMPLATE_TITLE, "reference", 0, cells), *rows]
    why = () if columns else tuple(_why_no_sparse(found))
    caption = "Root mean square distance to the true surface of faces fitted to landmarks, in mm"
    return Table(
        "table2",
        "Sparse reconstruction",
        f"{caption}; {faces}." if faces else f"{caption}.",
        tuple(columns),
        tuple(rows),
        (*why, *_notes(found)),
    )


def asked_for(found: Comparison, quantity: Quantity) -> bool:
    """Tell whether what measures a quantity was to be taken."""
    metrics = (*found.settings.basic, *(metric.name for metric in found.settings.metrics))
    return quantity.metric in metrics


def blocks(columns: Sequence[Quantity], most: int) -> list[list[int]]:
    """Part columns into blocks of at most so many; groups stay together as far as they fit."""
    groups = [
        [k for k, _ in group]
        for _, group in itertools.groupby(enumerate(columns), key=lambda kq: kq[1].group)
    ]
    pieces = [group[i : i + most] for group in groups for i in range(0, len(group), most)]
    found: list[list[int]] = []
    for piece in pieces:
        if found and len(found[-1]) + len(piece) <= most:
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _not_asked(found: Comparison, columns: Sequence[Quantity]) -> list[str]:
    left_out = dict.fromkeys(q.metric for q in columns if not asked_for(found, q))
    return [f"Not asked for: {', '.join(left_out)}."] if left_out else []


def _has_sparse(evaluation: Evaluation) -> bool:
    return "sparse" in evaluation.further


def _why_no_sparse(found: Comparison) -> list[str]:
    reasons = dict.fromkeys(
        e.skipped.get("sparse", "sparse was not asked for") for e in found.evaluations
    )
    return [f"Not measured: {reason}." for reason in reasons]


def _model_rows(found: Comparison, columns: Sequence[Quantity]) -> list[Row]:
    values = [[value_of(result, q) for q in columns] for result in found.results]
    titles = [result.title for result in found.results]
    marks = [
        _marks([row[k][0] for row in values], q, values, columns) for k, q in enumerate(columns)
    ]
    return [
        Row(
            result.name,
            titles[r],
            result.kind,
            len(result.runs),
            tuple(Cell(value, why, *marks[k][r]) for k, (value, why) in enumerate(values[r])),
        )
        for r, result in enumerate(found.results)
    ]


def _marks(
    column: Sequence[Estimate | None],
    quantity: Quantity,
    values: Sequence[Sequence[tuple[Estimate | None, str]]],
    columns: Sequence[Quantity],
) -> list[tuple[bool, bool]]:
    """Return for each model whether it is the best of a column, and whether it may be.

    There is no best of one. A model whose guard says that it makes one face for all is none.
    """
    guard = next((k for k, q in enumerate(columns) if q.key == quantity.guard), None)
    running = {
        r: value
        for r, value in enumerate(column)
        if value is not None and not (guard is not None and _collapsed(values[r][guard][0]))
    }
    none = [(False, False)] * len(column)
    if not quantity.better or sum(value is not None for value in column) < 2 or not running:
        return none
    sign = 1 if quantity.better == "higher" else -1
    best = max(running, key=lambda r: sign * running[r].mean)
    marks = none
    for r, value in running.items():
        difference = subtract(running[best], value)
        tied = r != best and not (difference.low > 0 or difference.high < 0)
        marks[r] = (value.mean == running[best].mean, tied and value.mean != running[best].mean)
    return marks


def _collapsed(unrelated: Estimate | None) -> bool:
    return unrelated is not None and unrelated.mean >= COLLAPSED


def _training(found: Comparison, quantity: Quantity) -> Cell:
    """Return the training data's number: equal in all evaluations that have it."""
    if quantity.metric == "generalisation":
        return Cell(None)
    for evaluation in found.evaluations:
        value = quantity.read(evaluation, "training")
        if value is not None and math.isfinite(value.mean):
            return Cell(value)
    return Cell(None, missing(found.evaluations[0], quantity))


def _judges(found: Comparison) -> list[str]:
    """Say of each judge how good it is; they are the same for all models."""
    lines = dict[str, None]()
    for evaluation in found.evaluations:
        if "decoupling" in evaluation.further:
            for factor, text in evaluation.further["decoupling"].notes.items():
                said = text.removeprefix("judge's ")
                lines[f"Judge of {factor}: {said}."] = None
        elif "decoupling" in evaluation.skipped:
            why = evaluation.skipped["decoupling"]
            lines[f"Decoupling was not measured: {why}."] = None
    return list(lines)


def _notes(found: Comparison) -> list[str]:
    several = [result for result in found.results if len(result.runs) > 1]
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
    if len(several) < len(found.results):
        who = "All models" if not several else "The other models"
        notes.append(
            f"{who} were trained with one seed: the intervals know the samples, not what another "
            "training would give."
        )
    for run in found.strangers():
        notes.append(f"{run.run} was trained on other data, {run.trained_on}.")
    return notes
