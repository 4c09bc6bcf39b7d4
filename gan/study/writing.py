"""A comparison as files: page, tables as CSV and LaTeX, everything as JSON, pictures."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan.evaluation.result import as_json
from gan.study.figures.figure import Figure
from gan.study.latex import as_latex
from gan.study.page import build_page
from gan.study.results import Comparison, Result
from gan.study.runs import RunFacts
from gan.study.tables import Table, table1, table2
from gan.study.verdicts import RULE, as_rows, judge_claims
from meshkit.files import atomic_path

FORMAT = "meshkit-gan comparison 1"
PAGE, RECORD, PICTURES = "report.html", "comparison.json", "figures"
FILES = (PAGE, RECORD, "table1.csv", "table1.tex", "table2.csv", "table2.tex")
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


def write_comparison(found: Comparison, folder: Path, figures: Sequence[Figure] = ()) -> None:
    """Write the files into a folder, which is made; each appears whole, the page last."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = (table1(found), table2(found))
    for table in tables:
        _write(folder / f"{table.name}.csv", as_csv(table))
        _write(folder / f"{table.name}.tex", as_latex(table))
    _write(folder / RECORD, json.dumps(as_record(found), indent=1, allow_nan=False) + "\n")
    _write_pictures(folder / PICTURES, figures)
    _write(folder / PAGE, build_page(found, tables, figures))


def is_comparison(path: Path) -> bool:
    """Tell whether something in a folder is what `write_comparison` writes."""
    if path.name == PICTURES and path.is_dir() and not path.is_symlink():
        return all(picture.suffix == ".png" for picture in path.iterdir())
    return path.name in FILES


def as_csv(table: Table) -> str:
    """Return one line for each cell; shares are fractions of 1, what is missing is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for row in table.rows:
        for quantity, cell in zip(table.columns, row.cells, strict=True):
            value = cell.value
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
                    quantity.key,
                    quantity.title,
                    "1" if quantity.unit == "%" else quantity.unit,
                    *numbers,
                    quantity.better,
                    int(cell.best),
                    int(cell.tied),
                    _plain("" if value is not None else cell.why),
                ]
            )
    return text.getvalue()


def as_record(found: Comparison) -> dict[str, Any]:
    """Return everything as JSON values: every evaluation, both tables, all verdicts."""
    record = {
        "format": FORMAT,
        "commit": found.commit,
        "dataset": found.dataset,
        "factors": found.factors,
        "settings": found.as_settings(),
        "rule": RULE,
        "claims": as_rows(judge_claims(found)),
        "models": [_model(result) for result in found.results],
        **{table.name: _cells(table) for table in (table1(found), table2(found))},
    }
    return as_json(record)


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


def _run(run: RunFacts) -> dict[str, Any]:
    return run._asdict() | {"run": str(run.run)}


def _cells(table: Table) -> dict[str, Any]:
    return {
        "columns": [
            {"key": q.key, "heading": q.title, "unit": q.unit, "better": q.better}
            | {"meaning": q.meaning}
            for q in table.columns
        ],
        "rows": [
            {
                "model": row.name,
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


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _write_pictures(folder: Path, figures: Sequence[Figure]) -> None:
    from PIL import Image

    drawn = [(figure.name, figure.image) for figure in figures if figure.image is not None]
    if drawn:
        folder.mkdir(exist_ok=True)
    for name, image in drawn:
        with atomic_path(folder / f"{name}.png") as aside:
            Image.fromarray(image).save(aside, "PNG", optimize=True)
