"""Write what a finished study says into docs/appendix/results.md: tables, verdicts, pictures.

    python tools/write_results.py STUDY [SOURCE]        # the folder of `gan reproduce`

Every source has a chapter; the pictures are those of SOURCE, by default of the first that is
measured. Only what stands between the two marks of the page is written anew; the text around it is
ours.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from small_png import save_small

from gan.evaluation.estimate import Estimate
from gan.report.tables import with_error
from gan.study.member import TITLES
from gan.study.tables import brief
from meshkit.files import atomic_path

PAGE = Path("docs/appendix/results.md")
PICTURES = PAGE.parents[1] / "pictures" / "results"
BEGIN, END = "<!-- written by tools/write_results.py: begin -->", "<!-- end -->"
MAX_WIDTH = 1000  # pixels of a picture
MAX_BYTES = 290_000  # of a PNG
QUALITY = 85  # of JPEG
LANCZOS = Image.Resampling.LANCZOS


def main(study: Path, pictured: str | None = None) -> None:
    """Read a study and write the page."""
    settings = json.loads((study / "study.json").read_text(encoding="utf-8"))
    sources = {
        place.rstrip("/"): study / place / "comparison"
        for place in settings["sources"]
        if (study / place / "comparison" / "comparison.json").is_file()
    }
    if not sources:
        raise SystemExit(f"{study}: no source is measured yet: gan reproduce -o {study} first")
    read = {
        name: json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
        for name, folder in sources.items()
    }
    parts = [next(iter(read.values()))["rule"]]
    parts += [_chapter(comparison, settings["models"]) for comparison in read.values()]
    parts += ["## What the columns are", _columns(list(read.values()))]
    shown = pictured if pictured is not None else next(iter(sources))
    figures = json.loads((sources[shown] / "figures.json").read_text(encoding="utf-8"))
    parts += [f"## Pictures: {_name(read[shown])}"]
    parts += [_picture(sources[shown], figure) for figure in figures]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    with atomic_path(PAGE) as aside:
        text = f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}"
        aside.write_text(text, encoding="utf-8")


def _chapter(comparison: dict[str, Any], models: dict[str, Any]) -> str:
    """Return what was measured on one source."""
    titles = {model["name"]: model["title"] for model in comparison["models"]}
    second, claims = comparison["table2"], comparison["claims"]
    judged = any(claim["verdict"] != "NOT MEASURED" for claim in claims)
    parts = [
        f"## {_name(comparison)}",
        _origin(comparison),
        *(["### Claims", _claims(claims)] if judged else []),
        "### Tables",
        _table1(comparison["table1"]),
        "**Sparse reconstruction**: root mean square distance in mm to the true surface of faces "
        "fitted to landmarks, by λ.",
        _table(second, [column["key"] for column in second["columns"]]),
        *[_labels(curve, titles) for curve in comparison["labels"]],
        "Notes: " + " ".join(comparison["table1"]["notes"]),
        "### Budgets",
        _budgets(comparison, models),
    ]
    return "\n\n".join(parts)


def _name(comparison: dict[str, Any]) -> str:
    data = comparison["dataset"]
    dial = "" if data["interaction"] is None else f", interaction {data['interaction']:g}"
    return f"{data['source'] or data['name']}{dial}"


def _origin(comparison: dict[str, Any]) -> str:
    data, settings = comparison["dataset"], comparison["settings"]
    return (
        f"Data: `{data['name']}`, fingerprint `{data['fingerprint'][:12]}`, "
        f"{data['training_meshes']:,} training meshes. {settings['samples']:,} samples, "
        f"{settings['pairs']:,} pairs, seed {settings['seed']}. Measured with commit "
        f"`{comparison['commit']}`."
    )


def _columns(comparisons: list[dict[str, Any]]) -> str:
    columns = {c["heading"]: c["meaning"] for x in comparisons for c in x["table1"]["columns"]}
    return "\n".join(f"* {heading}: {meaning}" for heading, meaning in columns.items())


def _labels(curve: dict[str, Any], titles: dict[str, str]) -> str:
    heads = " | ".join(f"{100 * share:g} %" for share in curve["shares"])
    lines = [f"| {curve['heading']}, {curve['unit']} | {heads} |"]
    lines += ["|---|" + "---|" * len(curve["shares"])]
    for line in curve["lines"]:
        values = [
            "–" if value is None else with_error(_estimate(value), curve["unit"])
            for value in line["values"]
        ]
        lines.append(f"| {titles.get(line['model'], line['model'])} | {' | '.join(values)} |")
    return "**Fewer labels**: by share of the expression labels\n\n" + "\n".join(lines)


def _claims(claims: list[dict[str, Any]]) -> str:
    subjects = list(dict.fromkeys(claim["subject"] for claim in claims))
    names = [TITLES[subject][0] for subject in subjects]
    rows = [
        "| | the paper's claim | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for number in dict.fromkeys(claim["claim"] for claim in claims):
        own = {c["subject"]: c for c in claims if c["claim"] == number}
        verdicts = [_verdict(own.get(subject)) for subject in subjects]
        statement = next(iter(own.values()))["statement"]
        rows.append(f"| {number} | {statement} | " + " | ".join(verdicts) + " |")
    numbers = [_numbers(claim) for claim in claims]
    return "\n".join([*rows, "", "What decided, left against right:", "", *filter(None, numbers)])


def _verdict(claim: dict[str, Any] | None) -> str:
    return "" if claim is None else claim["verdict"]


def _numbers(claim: dict[str, Any]) -> str:
    """Return the orderings that decided, all of them where the claim holds."""
    deciding = [p for p in claim["parts"] if p["verdict"] == claim["verdict"]]
    texts = [
        f"{part['text']}: {_say(part['larger'], part['unit'])} against "
        f"{_say(part['smaller'], part['unit'])}"
        for part in deciding
        if part["larger"] and part["smaller"]
    ]
    if not texts:
        return ""
    count, all_of = len(deciding), len(claim["parts"])
    share = "" if count == all_of else f" ({count} of {all_of} orderings)"
    subject = TITLES[claim["subject"]][0]
    return f"* {claim['claim']}, {subject}, {claim['verdict']}{share}: {'; '.join(texts)}."


def _table1(table: dict[str, Any]) -> str:
    parts = []
    for group in dict.fromkeys(column["group"] for column in table["columns"]):
        columns = [c["key"] for c in table["columns"] if c["group"] == group]
        parts.append(f"**{group.capitalize()}**\n\n{_table(table, columns)}")
    legend = "Bold: the best of a column; underlined: cannot be told from it."
    return "\n\n".join([legend, *parts])


def _table(table: dict[str, Any], keys: list[str]) -> str:
    columns = {c["key"]: c for c in table["columns"]}
    heads = [f"{columns[k]['heading']}, {columns[k]['unit']}".removesuffix(", ") for k in keys]
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(keys)]
    for row in table["rows"]:
        if not any(row["cells"][key]["value"] or row["cells"][key]["missing"] for key in keys):
            continue
        cells = [_cell(row["cells"][key], columns[key]["unit"]) for key in keys]
        lines.append(f"| {row['title']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(cell: dict[str, Any], unit: str) -> str:
    if cell["value"] is None:
        return brief(cell["missing"]) or "–"
    text = with_error(_estimate(cell["value"]), unit)
    return f"**{text}**" if cell["best"] else f"<u>{text}</u>" if cell["tied"] else text


def _say(value: dict[str, Any], unit: str) -> str:
    return f"{with_error(_estimate(value), unit)} {unit}".strip()


def _estimate(value: dict[str, Any]) -> Estimate:
    return Estimate(**{k: math.nan if x is None else x for k, x in value.items()})


def _budgets(comparison: dict[str, Any], trained: dict[str, Any]) -> str:
    lines = ["| model | trained with | steps | minutes | commit |", "|---|---|---|---|---|"]
    for model in comparison["models"]:
        for run in model["runs"]:
            own = trained.get(model["name"])
            command = f"gan {own['verb']} DATA {own['options']}".strip() if own else ""
            lines.append(
                f"| {model['title']} | `{command}` | {run['step']:,} | {run['minutes']:.1f} | "
                f"`{run['commit']}` |"
            )
    return "\n".join(lines)


def _picture(compared: Path, figure: dict[str, Any]) -> str:
    if figure["image"] is None:
        return f"**{figure['title']}.** {figure['text']}"
    PICTURES.mkdir(parents=True, exist_ok=True)
    with Image.open(compared / "figures" / figure["image"]) as stored:
        picture = stored.convert("RGB")
    width = min(MAX_WIDTH, picture.width)
    small = picture.resize((width, round(picture.height * width / picture.width)), LANCZOS)
    path = PICTURES / figure["image"]
    save_small(path, np.asarray(small))
    if path.stat().st_size > MAX_BYTES:  # renderings of many faces: a third of the bytes
        path.unlink()
        path = path.with_suffix(".jpg")
        with atomic_path(path) as aside:
            small.save(aside, "JPEG", quality=QUALITY, optimize=True)
    image = f"![{figure['title']}](../pictures/results/{path.name})"
    return f"**{figure['title']}.** {figure['text']}\n\n{image}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
