"""The page of a comparison, and the folder that it lies in; it needs no network."""

import json
from collections.abc import Sequence
from datetime import timedelta
from importlib import resources
from pathlib import Path

from gan.report.frame import assemble, section
from gan.report.html import Markup, element, join
from gan.report.pictures import inline
from gan.study.claims import THRESHOLDS
from gan.study.dots import dot_chart
from gan.study.export import as_csv, as_record
from gan.study.figures.figure import Figure
from gan.study.grids import number_grid, plain_grid
from gan.study.latex import as_latex
from gan.study.results import Comparison
from gan.study.runs import RunFacts
from gan.study.tables import Table, table1, table2
from gan.study.verdict_list import tally, verdict_list
from gan.study.verdicts import RULE, judge_claims
from meshkit.files import atomic_path

PAGE, RECORD, PICTURES = "report.html", "comparison.json", "figures"
FILES = (PAGE, RECORD, "table1.csv", "table1.tex", "table2.csv", "table2.tex")
MAKER = "gan compare"


def write_comparison(
    found: Comparison,
    folder: Path,
    figures: Sequence[Figure] = (),
    *,
    viewer: Markup | None = None,
) -> None:
    """Write the files into a folder, which is made; each appears whole, the page last.

    Parameters
    ----------
    viewer
        A section with a face to turn and move, as of `gan.study.moving_face`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = (table1(found), table2(found))
    for table in tables:
        _write(folder / f"{table.name}.csv", as_csv(table))
        _write(folder / f"{table.name}.tex", as_latex(table))
    _write(folder / RECORD, json.dumps(as_record(found), indent=1, allow_nan=False) + "\n")
    _write_pictures(folder / PICTURES, figures)
    _write(folder / PAGE, build_page(found, tables, figures, viewer))


def is_comparison(path: Path) -> bool:
    """Tell whether something in a folder is what `write_comparison` writes."""
    if path.name == PICTURES and path.is_dir() and not path.is_symlink():
        return all(picture.suffix == ".png" for picture in path.iterdir())
    return path.name in FILES


def build_page(
    found: Comparison,
    tables: Sequence[Table],
    figures: Sequence[Figure] = (),
    viewer: Markup | None = None,
) -> Markup:
    """Return the page; `tables` are Table 1 and Table 2 of the comparison."""
    style = resources.files("gan.study").joinpath("comparison.css").read_text(encoding="utf-8")
    rulings = judge_claims(found)
    body = [
        element("style", Markup(style)),
        _pictures(figures),
        viewer,
        section(
            "Do the paper's claims hold here?",
            RULE,
            join([tally(rulings), verdict_list(rulings), _thresholds()]),
        ),
        _table(tables[0], 1),
        _table(tables[1], 2),
        _charts(tables),
        section(
            "Budgets",
            "How long each model was trained, and whether it learned: how near it comes to faces "
            "that it has not seen, and to those that it has.",
            _budgets(found, tables[0]),
        ),
        section("Origin", None, _origin(found)),
    ]
    return assemble(
        title=join(["Models compared on ", found.dataset["name"]]),
        lead=_lead(found),
        body=join(body),
        maker=MAKER,
        viewers=viewer is not None,
    )


def _lead(found: Comparison) -> Markup:
    n = len(found.results)
    runs = sum(len(result.runs) for result in found.results)
    several = f" ({runs} trainings)" if runs > n else ""
    return element(
        "p",
        f"{n} {'model' if n == 1 else 'models'}{several}, measured by the same metrics, samples "
        f"and seed against {found.dataset['training_meshes']:,} training meshes.",
    )


def _pictures(figures: Sequence[Figure]) -> Markup:
    parts = []
    for figure in figures:
        heading, text = element("h3", figure.title), element("p", figure.text)
        image = None if figure.image is None else inline(figure.image, alt=figure.title)
        parts.append(element("figure", heading, text, image, class_="picture", id=figure.name))
    return element("section", *parts, aria_label="pictures") if parts else Markup("")


def _thresholds() -> Markup:
    rows = [[f"“{t.word}”", t.meaning] for t in THRESHOLDS.values()]
    text = (
        "The paper's words are no numbers. These are our choices; differences are between models, "
        "taken as independent, and not corrected for how many there are."
    )
    return element(
        "details",
        element("summary", "How words are read"),
        element("p", text),
        plain_grid(["the paper says", "read as"], rows),
    )


def _table(table: Table, number: int) -> Markup:
    if table.columns:
        grid = number_grid(table)
        legend = element(
            "p",
            "Coloured: the best of a column. Underlined: cannot be told from it.",
            class_="note",
        )
    else:
        grid, legend = element("p", "Not measured."), Markup("")
    meanings = dict.fromkeys(f"{q.title}: {q.meaning}" for q in table.columns)
    if number == 2:
        meanings = {}
    notes = element("ul", *(element("li", note) for note in table.notes), class_="notes")
    explained = element(
        "details",
        element("summary", "What the columns are"),
        element("ul", *(element("li", text) for text in meanings), class_="notes"),
    )
    content = join([grid, legend, explained if meanings else None, notes])
    return section(f"Table {number}. {table.title}", table.caption, content)


def _charts(tables: Sequence[Table]) -> Markup:
    figures = []
    for table in tables:
        for k, column in enumerate(table.columns):
            if not column.better:
                continue
            chart = dot_chart(column, table.rows, k)
            if chart is None:
                continue
            better = f"{column.better} is better"
            title = f"rmse, {column.title}" if column.group == "sparse" else column.title
            heading = element("h3", element("span", title), element("small", better))
            caption = element("figcaption", f"{column.meaning}, {column.unit}".rstrip(", "))
            figures.append(element("figure", heading, chart, caption))
    if not figures:
        return Markup("")
    text = "A dot is a model's number, the line its interval; dashed: the training data, or no fit."
    return section("Side by side", text, element("div", *figures, class_="charts"))


def _budgets(found: Comparison, table: Table) -> Markup:
    places = {q.key: k for k, q in enumerate(table.columns)}  # without those not asked for
    rows = []
    for result, row in zip(found.results, table.rows[1:], strict=True):
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
    header = ["model", "steps", "time of training", "device", "held-out faces", "training faces"]
    return plain_grid(header, rows)


def _steps(run: RunFacts) -> str:
    return "closed form" if run.baseline == "3dmm" else f"{run.step:,}"


def _origin(found: Comparison) -> Markup:
    rows = [
        [
            result.title,
            str(run.run),
            str(run.seed),
            f"{run.trained_on} ({run.fingerprint[:12]})",
            run.commit or "unknown",
        ]
        for result in found.results
        for run in result.runs
    ]
    settings = found.as_settings()
    options = "; ".join(f"{k}: {v}" for k, v in settings["options"].items())
    facts = {
        "data set": f"{found.dataset['name']} ({found.dataset['fingerprint']})",
        "metrics": ", ".join(settings["metrics"]),
        "options": options or "defaults",
        "samples, pairs, seed": f"{settings['samples']:,}, {settings['pairs']:,}, "
        f"{settings['seed']}",
        "measured with commit": found.commit or "unknown",
    }
    pairs = [
        element("div", element("dt", name), element("dd", value)) for name, value in facts.items()
    ]
    return join(
        [
            element("dl", *pairs, class_="pairs"),
            plain_grid(["model", "run", "seed", "trained on", "commit"], rows, style="provenance"),
        ]
    )


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
