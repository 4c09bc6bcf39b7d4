"""What a report says in numbers: the few that say most, all metrics, and the losses."""

import math

from gan.evaluation.decomposition import REST, Decomposition
from gan.evaluation.estimate import Estimate
from gan.evaluation.result import ANY, MODEL, OTHER_SUBJECT, TRAINING, Evaluation
from gan.report.axes import number
from gan.report.charts import confusion_table, line_chart, share_bar
from gan.report.html import Markup, element, join
from gan.report.log import Log
from gan.report.tables import (
    INTERVALS,
    NOTHING,
    describe,
    match_line,
    metric_rows,
    note_lines,
    share_rows,
)

CONFUSION = 16  # classes that a matrix on a page can show
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


def headline(found: Evaluation) -> Markup:
    """Show the few numbers that say most."""
    ours, theirs = (found.diversity.get(who, {}).get(ANY) for who in (MODEL, TRAINING))
    facts = [
        _fact("diversity", ours, theirs, "mm"),
        _fact(
            "to the nearest training face",
            found.specificity.get(MODEL),
            found.specificity.get(OTHER_SUBJECT),
            "mm",
        ),
        _fact("Laplacian energy", found.energy.get(MODEL), found.energy.get(TRAINING), ""),
    ]
    for factor, match in found.match.items():
        if match.at_rest >= 0:
            value = element("dd", str(match.matched), element("small", f" of {len(match.classes)}"))
            facts.append(element("div", value, element("dt", f"{factor} codes match their label")))
    return element("dl", *facts, class_="facts")


def metrics(found: Evaluation, *, step: object) -> Markup:
    """Show all metrics; `step` is that of the model in the pictures."""
    parts = []
    measured = found.model.get("step")
    if measured != step:
        text = f"Measured at iteration {measured}; the pictures are of iteration {step}."
        parts.append(element("p", text, class_="note"))
    parts.append(_table(found))
    for factor, match in found.match.items():
        parts.append(element("h3", f"Labels of {factor}"))
        parts.append(element("p", f"{match_line(match)}.".capitalize()))
        if len(match.classes) <= CONFUSION:
            text = "Row: the label whose code was used. Column: what the faces look most like, %."
            parts.append(element("p", text, class_="note"))
            table = confusion_table(match.confusion, match.classes)
            parts.append(element("div", table, class_="scroll", tabindex="0"))
    if found.decomposition:
        parts += _decompositions(found.decomposition)
    parts += [element("p", f"{line}.", class_="note") for line in note_lines(found)]
    text = f"Measured at {describe(found)}. ± is a standard error; {INTERVALS}."
    parts.append(element("p", text, class_="note"))
    return join(parts)


def _table(found: Evaluation) -> Markup:
    rows = [
        element(
            "tr",
            element("th", row.name, element("small", row.meaning), scope="row"),
            element("td", row.generated),
            element("td", row.training),
        )
        for row in metric_rows(found)
    ]
    return _numbers(["", "generated", "training"], rows)


def _decompositions(found: dict[str, Decomposition]) -> list[Markup]:
    parts = [
        element("h3", "What each code moves"),
        element(
            "p",
            "Displacements, split into the part in the source's modes of each factor and the rest. "
            "A share is the variance that goes away when one code is held fixed: in a decoupled "
            "model a part is explained by its own code alone.",
        ),
    ]
    for who, title in ((MODEL, "Generated faces"), (TRAINING, "Training faces, by their labels")):
        if who in found:
            parts += [element("h4", title), _bars(found[who])]
            header, cells = share_rows(found[who])
            rows = [
                element(
                    "tr", element("th", row[0], scope="row"), *(element("td", c) for c in row[1:])
                )
                for row in cells
            ]
            table = _numbers(header, rows)
            parts.append(element("details", element("summary", "In numbers"), table))
    return parts


def _bars(found: Decomposition) -> Markup:
    codes = list(dict.fromkeys(code for part in found.parts.values() for code in part.explained))
    legend = [
        element("span", element("i", class_=f"share-{k % 5}"), code) for k, code in enumerate(codes)
    ]
    rows = []
    for name, part in found.parts.items():
        if name == REST:
            continue
        shares = [(code, _finite(part.explained.get(code))) for code in codes]
        said = ", ".join(f"{code} {share:.0%}" for code, share in shares)
        rows.append(
            element(
                "div",
                element("span", f"{name} part", element("small", f"{part.variance:.3g} mm²")),
                share_bar(shares, label=f"{name} part explained by {said}"),
                class_="bar-row",
            )
        )
    outside = NOTHING if math.isnan(found.outside) else f"{found.outside:.1%}"
    text = f"{outside} of the variance lies in no mode."
    return element(
        "div", element("div", *legend, class_="legend"), *rows, element("p", text), class_="bars"
    )


def _numbers(header: list[str], rows: list[Markup]) -> Markup:
    head = [element("th", name, scope="col") if name else element("td") for name in header]
    table = element(
        "table",
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        class_="numbers",
    )
    return element("div", table, class_="scroll", tabindex="0")


def _fact(title: str, ours: Estimate | None, theirs: Estimate | None, unit: str) -> Markup:
    value, reference = (_short(x) for x in (ours, theirs))
    return element(
        "div",
        element("dd", value, element("small", f" {unit}") if unit else None),
        element("dt", title, element("small", f"training faces {reference}")),
    )


def _short(estimate: Estimate | None) -> str:
    if estimate is None or not math.isfinite(estimate.mean):
        return NOTHING
    return f"{estimate.mean:.2f}" if estimate.mean >= 1 else f"{estimate.mean:.3f}"


def _finite(estimate: Estimate | None) -> float:
    return estimate.mean if estimate is not None and math.isfinite(estimate.mean) else 0.0


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
