"""The metrics of a run as rows of text: for a terminal, and for the report."""

import math
from typing import TYPE_CHECKING, NamedTuple

from gan.evaluation.decomposition import REST, Decomposition
from gan.evaluation.estimate import LEVEL, METHOD, RESAMPLES, SEED, Estimate
from gan.evaluation.match import ClassMatch
from gan.evaluation.metric import Measured
from gan.evaluation.result import (
    ANY,
    MODEL,
    OTHER_MESH,
    OTHER_SUBJECT,
    TRAINING,
    Evaluation,
)

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


def metric_rows(found: Evaluation) -> list[Row]:
    """Return the metrics that generated and training faces share."""
    rows = []
    for share in found.diversity.get(MODEL, {}):
        name = "diversity" if share == ANY else f"diversity, same {share}"
        meaning = "mean distance of two faces" if share == ANY else "what is left to vary"
        rows.append(
            Row(
                f"{name}, mm",
                _value(found.diversity[MODEL].get(share)),
                _value(found.diversity.get(TRAINING, {}).get(share)),
                meaning,
            )
        )
    near = found.specificity
    if near:
        rows += [
            Row(
                "specificity, mm",
                _value(near.get(MODEL)),
                _value(near.get(OTHER_SUBJECT)),
                "distance to the nearest training face; for training faces, of another subject",
            ),
            Row(
                "nearest other mesh, mm",
                NOTHING,
                _value(near.get(OTHER_MESH)),
                "the same, own subject included",
            ),
            Row(
                "Laplacian energy",
                _value(found.energy.get(MODEL), 3),
                _value(found.energy.get(TRAINING), 3),
                "roughness: higher is noisier, lower is smoother",
            ),
        ]
    for name, metric in found.further.items():
        rows += _further_rows(name, metric)
    return rows


def _further_rows(name: str, metric: Measured) -> list[Row]:
    """Return the rows of a metric: "model, X" and "training, X" stand in one called X."""
    rows: dict[str, tuple[str, str]] = {}
    for key, value in metric.values.items():
        who, comma, part = key.partition(", ")
        if who in (MODEL, TRAINING):
            title = f"{name}, {part}" if comma else name
        else:
            title, who = f"{name}: {key}", MODEL
        made, real = rows.get(title, (NOTHING, NOTHING))
        text = _value(value, 3)
        rows[title] = (text, real) if who == MODEL else (made, text)
    unit = f", {metric.unit}" if metric.unit else ""
    return [Row(title + unit, *cells, metric.meaning) for title, cells in rows.items()]


def note_lines(found: Evaluation) -> list[str]:
    """Return what metrics have to say about themselves, and what was not measured and why."""
    notes = [
        f"{name}: {what}: {text}"
        for name, metric in found.further.items()
        for what, text in metric.notes.items()
    ]
    return notes + [f"not measured: {what}: {why}" for what, why in found.skipped.items()]


def match_line(match: ClassMatch) -> str:
    """Say how many labels' codes generate what the labels say."""
    wrong = [
        f"{name} looks like {match.classes[match.nearest[c]]}"
        for c, name in enumerate(match.classes)
        if match.nearest[c] != c
    ]
    listed = "; ".join(wrong[:3]) + ("; …" if len(wrong) > 3 else "")
    return (
        f"{match.matched} of {len(match.classes)} labels, {_share(match.share)} of single faces"
        + (f" ({listed})" if wrong else "")
    )


def share_rows(found: Decomposition) -> tuple[list[str], list[list[str]]]:
    """Return the header and rows of a decomposition: a part, its variance, what explains it."""
    codes: list[str] = []
    for part in found.parts.values():
        codes += [code for code in part.explained if code not in codes]
    rows = []
    for name, part in found.parts.items():
        # Numerical dust has no explanation.
        told = part.variance > 1e-6 * found.total
        shares = [_share(part.explained.get(code)) if told else NOTHING for code in codes]
        title = "outside all modes" if name == REST else f"{name} part"
        rows.append([title, f"{part.variance:.3g}", *shares])
    return ["", "mm² a vertex", *(f"by {code}" for code in codes)], rows


def print_evaluation(found: Evaluation, *, title: str, console: "Console | None" = None) -> None:
    """Print an evaluation as tables."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = console or Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, justify in (("", "left"), ("generated", "right"), ("training", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for row in metric_rows(found):
        table.add_row(*(Text(cell) for cell in row[:3]))
    console.print(Text(f"{title}, {describe(found)}\n"), soft_wrap=True)
    console.print(table, Text(""))
    for factor, match in found.match.items():
        console.print(Text(f"labels of {factor}: {match_line(match)}"), soft_wrap=True)
    for who, decomposition in found.decomposition.items():
        header, rows = share_rows(decomposition)
        name = {MODEL: "what each code moves", TRAINING: "what the labels of the training set tell"}
        shares = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
        shares.title = Text(f"\n{name.get(who, who)}")
        for k, heading in enumerate(header):
            shares.add_column(Text(heading), justify="right" if k else "left")
        for cells in rows:
            shares.add_row(*(Text(cell) for cell in cells))
        console.print(shares)
    for line in note_lines(found):
        console.print(Text(line), soft_wrap=True)
    console.print(Text(INTERVALS), soft_wrap=True)


def describe(found: Evaluation) -> str:
    """Say what was measured against what, with which numbers."""
    data = found.dataset
    return (
        f"iteration {found.model.get('step', '?')}, against {data.get('training_meshes', '?')} "
        f"training meshes of {data.get('name', '?')}; {found.n_samples} samples, "
        f"{found.n_pairs} pairs, seed {found.seed}"
    )


def _value(estimate: Estimate | None, digits: int = 2) -> str:
    if estimate is None or not math.isfinite(estimate.mean):
        return NOTHING
    mean, error, _, low, high, _ = estimate
    if math.isfinite(low):
        return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
    if math.isnan(error):
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {error:.{digits}f}"


def _share(estimate: Estimate | None) -> str:
    if estimate is None or not math.isfinite(estimate.mean):
        return NOTHING
    low, high = estimate.low, estimate.high
    if math.isfinite(low):
        return f"{max(estimate.mean, 0.0):.0%} [{max(low, 0.0):.0%}, {max(high, 0.0):.0%}]"
    if math.isnan(estimate.standard_error):
        return f"{max(estimate.mean, 0.0):.0%}"
    return f"{max(estimate.mean, 0.0):.0%} ± {estimate.standard_error:.0%}"


__all__ = [
    "INTERVALS",
    "Row",
    "describe",
    "match_line",
    "metric_rows",
    "note_lines",
    "print_evaluation",
    "share_rows",
]
