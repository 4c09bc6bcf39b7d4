"""The page of a comparison, and the folder that it lies in; it needs no network."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from gan.evaluation.estimate import Estimate
from gan.evaluation.metric import Column
from gan.report.frame import assemble
from gan.report.tables import written
from gan.report.viewer import Viewer
from gan.study.claims import THRESHOLDS
from gan.study.dots import HELD_AGAINST, DotChart, lay_out_dots
from gan.study.export import as_csv, as_record
from gan.study.figures.figure import Figure
from gan.study.labels import label_curves, label_table, lay_out_curve
from gan.study.latex import MAX_COLUMNS, as_latex
from gan.study.member import TITLES
from gan.study.results import Comparison
from gan.study.runs import RunFacts
from gan.study.tables import Table, blocks, brief, table1, table2
from gan.study.uncertainty import Difference
from gan.study.verdicts import RULE, Ruling, Verdict, judge_claims
from meshkit.files import atomic_path
from meshkit.report.pictures import Picture, inline

PAGE, RECORD, PICTURES = "report.html", "comparison.json", "figures"
CAPTIONS = "figures.json"  # what each picture shows
FILES = (PAGE, RECORD, CAPTIONS, "table1.csv", "table1.tex", "table2.csv", "table2.tex")
VERDICTS: tuple[Verdict, ...] = ("HOLDS", "DOES NOT HOLD", "WITHIN NOISE", "NOT MEASURED")


class CellText(NamedTuple):
    """A cell of a table; `style` is b for the best, u for those that cannot be told from it.

    Attributes
    ----------
    note : number of the note that says why there is no number; 0: none
    """

    text: str
    interval: str = ""
    style: str = ""
    note: int = 0


class RowText(NamedTuple):
    """A model's row in one block of a table."""

    title: str
    seeds: int
    style: str
    cells: list[CellText]


class TableText(NamedTuple):
    """A table in blocks of a few columns, and the reasons why numbers are missing."""

    table: Table
    blocks: list[tuple[list[Column], list[RowText]]]
    reasons: list[str]


class Chart(NamedTuple):
    """A column of a table as dots."""

    column: Column
    title: str
    dots: DotChart


def write_comparison(
    comparison: Comparison,
    folder: Path,
    figures: Sequence[Figure] = (),
    *,
    viewer: Viewer | None = None,
) -> None:
    """Write the files into a folder, which is made; each appears whole, the page last.

    Parameters
    ----------
    viewer
        A face to turn and move, as of `gan.study.moving_face`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = (table1(comparison), table2(comparison))
    for table in tables:
        _write(folder / f"{table.name}.csv", as_csv(table))
        _write(folder / f"{table.name}.tex", as_latex(table))
    _write(folder / RECORD, json.dumps(as_record(comparison), indent=1, allow_nan=False) + "\n")
    captions = [
        {**f._asdict(), "image": None if f.image is None else f"{f.name}.png"} for f in figures
    ]
    _write(folder / CAPTIONS, json.dumps(captions, indent=1) + "\n")
    _write_pictures(folder / PICTURES, figures)
    _write(folder / PAGE, build_page(comparison, tables, figures, viewer))


def is_comparison(path: Path) -> bool:
    """Tell whether something in a folder is what `write_comparison` writes."""
    if path.name == PICTURES and path.is_dir() and not path.is_symlink():
        return all(picture.suffix == ".png" for picture in path.iterdir())
    return path.name in FILES


def build_page(
    comparison: Comparison,
    tables: Sequence[Table],
    figures: Sequence[Figure] = (),
    viewer: Viewer | None = None,
) -> str:
    """Return the page; `tables` are Table 1 and Table 2 of the comparison."""
    rulings = judge_claims(comparison)
    claims: dict[int, list[Ruling]] = {}
    for ruling in rulings:
        claims.setdefault(ruling.claim.number, []).append(ruling)
    return assemble(
        "comparison.html",
        Path(__file__).parent,
        viewers=viewer is not None,
        title=f"Models compared on {comparison.shown or comparison.dataset['name']}",
        comparison=comparison,
        trainings=sum(len(result.runs) for result in comparison.results),
        tables=[_table(table) for table in tables],
        rule=RULE,
        tally=_tally(rulings),
        claims=list(claims.values()),
        subject_titles={name: TITLES[name][0] for name in {r.subject for r in rulings}},
        say=say,
        thresholds=list(THRESHOLDS.values()),
        charts=_charts(tables),
        curves=[(c, lay_out_curve(c), label_table(c)) for c in label_curves(comparison)],
        budgets=_budgets(comparison, tables[0]),
        viewer=viewer,
        figures=[(figure, _picture(figure)) for figure in figures],
        settings=_settings(comparison),
        runs=[
            (result.title, run)
            for result in (*comparison.results, *comparison.fewer)
            for run in result.runs
        ],
    )


def say(value: Estimate | Difference | None, unit: str) -> str:
    """Write a number with its interval and unit."""
    if value is None:
        return "–"
    times, digits = (100, 1) if unit == "%" else (1, 3)
    mean, low, high = (f"{times * x:.{digits}f}" for x in (value.mean, value.low, value.high))
    interval = "" if value.low != value.low else f" [{low}, {high}]"
    return f"{mean}{interval} {unit}".strip()


def _tally(rulings: Sequence[Ruling]) -> list[tuple[str, list[tuple[Verdict, int]]]]:
    """Count the verdicts on every subject."""
    counts = {r.subject: Counter[Verdict]() for r in rulings}
    for ruling in rulings:
        counts[ruling.subject][ruling.verdict] += 1
    return [
        (TITLES[subject][0], [(v, count[v]) for v in VERDICTS if count[v]])
        for subject, count in counts.items()
    ]


def _table(table: Table) -> TableText:
    reasons: dict[str, int] = {}
    parts = []
    for block in blocks(table.columns, MAX_COLUMNS):
        rows, kind = [], ""
        for row in table.rows_in(block):
            first = "first" if kind not in ("", row.kind) else ""
            kind = row.kind
            style = f"{first} {'reference' if kind in HELD_AGAINST else ''}".strip()
            cells = []
            for k in block:
                cell = row.cells[k]
                if cell.value is not None:
                    mark = "b" if cell.best else "u" if cell.tied else ""
                    cells.append(CellText(*written(cell.value, table.columns[k].unit), mark))
                elif cell.why:
                    note = reasons.setdefault(cell.why, len(reasons) + 1)
                    cells.append(CellText(brief(cell.why) or "–", note=note))
                else:
                    cells.append(CellText("–"))
            rows.append(RowText(row.title, row.seeds, style, cells))
        parts.append(([table.columns[k] for k in block], rows))
    return TableText(table, parts, list(reasons))


def _charts(tables: Sequence[Table]) -> list[Chart]:
    charts = []
    for table in tables:
        for k, column in enumerate(table.columns):
            dots = lay_out_dots(column, table.rows, k) if column.better else None
            if dots is not None:
                title = f"rmse, {column.title}" if column.group == "sparse" else column.title
                charts.append(Chart(column, title, dots))
    return charts


def _budgets(comparison: Comparison, table: Table) -> list[list[str]]:
    places = {q.key: k for k, q in enumerate(table.columns)}  # without those not asked for
    rows = []
    models = [row for row in table.rows if row.kind not in HELD_AGAINST]
    for result, row in zip(comparison.results, models, strict=True):
        near = []
        for key in ("reconstruction.held-out", "reconstruction.seen"):
            value = row.cells[places[key]].value if key in places else None
            near.append("–" if value is None else f"{value.mean:.3f} mm")
        rows.append(
            [
                result.title,
                ", ".join(_steps(run) for run in result.runs),
                ", ".join(str(timedelta(seconds=round(60 * run.minutes))) for run in result.runs),
                ", ".join(dict.fromkeys(run.device for run in result.runs)),
                *near,
            ]
        )
    return rows


def _steps(run: RunFacts) -> str:
    return "closed form" if run.baseline in ("3dmm", "copula") else f"{run.step:,}"


def _settings(comparison: Comparison) -> dict[str, str]:
    settings = comparison.as_settings()
    options = "; ".join(f"{k}: {v}" for k, v in settings["options"].items())
    return {
        "data set": f"{comparison.dataset['name']} ({comparison.dataset['fingerprint']})",
        "faces": comparison.shown or "of a source that the data set does not name",
        "metrics": ", ".join(settings["metrics"]),
        "options": options or "defaults",
        "samples, pairs, seed": f"{settings['samples']:,}, {settings['pairs']:,}, "
        f"{settings['seed']}",
        "measured with commit": comparison.commit or "unknown",
    }


def _picture(figure: Figure) -> Picture | None:
    return None if figure.image is None else inline(figure.image, figure.title)


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
