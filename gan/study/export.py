"""A comparison for other programs: a table as CSV, everything as JSON."""

import csv
import io
import math
from typing import Any

from gan.evaluation.result import as_json
from gan.study.labels import LabelCurve, label_curves
from gan.study.results import Comparison, Result
from gan.study.runs import RunFacts
from gan.study.tables import BOUND, Table, table1, table2
from gan.study.verdicts import RULE, as_rows, judge_claims

FORMAT = "meshkit-gan comparison 2"
CSV_COLUMNS = (
    "model",
    "title",
    "kind",
    "seeds",
    "quantity",
    "heading",
    "unit",
    "mean",
    "low",
    "high",
    "standard_error",
    "n",
    "resampled",
    "better",
    "best",
    "tied",
    "missing",
)


def as_csv(table: Table) -> str:
    """Return one line for each cell; shares are fractions of 1, what is missing is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            value = cell.value
            if value is None and row.kind == BOUND:
                continue
            numbers = [""] * 6
            if value is not None:
                exact = (value.mean, value.low, value.high, value.standard_error)
                numbers = [repr(x) if math.isfinite(x) else "" for x in exact]
                numbers += [str(value.n), value.unit]
            writer.writerow(
                [
                    _plain(row.name),
                    _plain(row.title),
                    row.kind,
                    row.seeds,
                    column.key,
                    column.title,
                    "1" if column.unit == "%" else column.unit,
                    *numbers,
                    column.better,
                    int(cell.best),
                    int(cell.tied),
                    _plain("" if value is not None else cell.why),
                ]
            )
    return text.getvalue()


def as_record(comparison: Comparison) -> dict[str, Any]:
    """Return everything as JSON values: every evaluation, both tables, all verdicts."""
    record = {
        "format": FORMAT,
        "commit": comparison.commit,
        "dataset": comparison.dataset,
        "factors": comparison.factors,
        "settings": comparison.as_settings(),
        "rule": RULE,
        "claims": as_rows(judge_claims(comparison)),
        "models": [_model(result) for result in (*comparison.results, *comparison.fewer)],
        "labels": [_curve(curve) for curve in label_curves(comparison)],
        **{table.name: _cells(table) for table in (table1(comparison), table2(comparison))},
    }
    plain: dict[str, Any] = as_json(record)
    return plain


def _model(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "title": result.title,
        "kind": result.kind,
        "runs": [
            _run(run) | {"evaluation": evaluation.as_dict()}
            for run, evaluation in zip(result.runs, result.evaluations, strict=True)
        ],
    }


def _curve(curve: LabelCurve) -> dict[str, Any]:
    column = curve.column
    return {
        "quantity": column.key,
        "heading": column.title,
        "unit": column.unit,
        "shares": curve.shares,
        "lines": [{"model": line.name, "values": line.values} for line in curve.lines],
    }


def _run(run: RunFacts) -> dict[str, Any]:
    return run._asdict() | {"run": str(run.run)}


def _cells(table: Table) -> dict[str, Any]:
    return {
        "columns": [
            {"key": q.key, "heading": q.title, "group": q.group, "unit": q.unit}
            | {"better": q.better, "meaning": q.meaning}
            for q in table.columns
        ],
        "rows": [
            {
                "model": row.name,
                "title": row.title,
                "seeds": row.seeds,
                "cells": {
                    q.key: {"value": cell.value, "missing": cell.why}
                    | {"best": cell.best, "tied": cell.tied}
                    for q, cell in zip(table.columns, row.cells, strict=True)
                },
            }
            for row in table.rows
        ],
        "notes": table.notes,
    }


def _plain(text: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text
