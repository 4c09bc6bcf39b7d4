"""The verdicts on a page: the nine claims, a badge for each subject, the numbers behind it."""

from collections import Counter
from collections.abc import Sequence

from gan.evaluation.estimate import Estimate
from gan.report.html import Markup, element, join
from gan.study.grids import plain_grid
from gan.study.member import TITLES
from gan.study.uncertainty import Difference
from gan.study.verdicts import Ruling, Verdict

STYLES: dict[Verdict, str] = {
    "HOLDS": "holds",
    "DOES NOT HOLD": "fails",
    "WITHIN NOISE": "noise",
    "NOT MEASURED": "missing",
}


def tally(rulings: Sequence[Ruling]) -> Markup:
    """Count the verdicts, of every subject."""
    lines = []
    for subject in dict.fromkeys(ruling.subject for ruling in rulings):
        count = Counter(ruling.verdict for ruling in rulings if ruling.subject == subject)
        badges = [badge(verdict, f"{count[verdict]} × ") for verdict in STYLES if count[verdict]]
        lines.append(
            element("p", element("span", f"{TITLES[subject][0]}:"), *badges, class_="tally")
        )
    return join(lines)


def verdict_list(rulings: Sequence[Ruling]) -> Markup:
    """Show every claim with the verdict on each subject, and what they rest on."""
    groups: dict[int, list[Ruling]] = {}
    for ruling in rulings:
        groups.setdefault(ruling.claim.number, []).append(ruling)
    return element("div", *(_claim(group) for group in groups.values()))


def badge(verdict: Verdict, before: str = "") -> Markup:
    """Show a verdict."""
    return element("span", f"{before}{verdict}", class_=f"badge {STYLES[verdict]}")


def _claim(group: Sequence[Ruling]) -> Markup:
    claim = group[0].claim
    several = len(group) > 1
    badges = [
        element(
            "div",
            element("small", TITLES[ruling.subject][0]) if several else None,
            badge(ruling.verdict),
        )
        for ruling in group
    ]
    rule = element("p", f"Decided by: {claim.rule}.", class_="note")
    return element(
        "div",
        element("div", str(claim.number), class_="number"),
        element("div", element("p", claim.statement), rule),
        element("div", *badges, class_="verdicts"),
        *(_numbers(ruling, several) for ruling in group),
        class_="claim",
    )


def _numbers(ruling: Ruling, several: bool) -> Markup:
    about = f"The numbers, {TITLES[ruling.subject][0]}" if several else "The numbers"
    reason = element("p", f"{ruling.reason}.", class_="note") if ruling.reason else None
    if not ruling.parts:
        return element("details", element("summary", about), reason)
    rows = [
        [
            part.text,
            say(part.larger, part.unit),
            say(part.smaller, part.unit),
            say(part.difference, part.unit),
            part.verdict,
        ]
        for part in ruling.parts
    ]
    header = ["ordering", "left", "right", "difference", "verdict"]
    return element("details", element("summary", about), plain_grid(header, rows), reason)


def say(value: Estimate | Difference | None, unit: str) -> str:
    """Write a number with its interval and unit."""
    if value is None:
        return "–"
    times, digits = (100, 1) if unit == "%" else (1, 3)
    mean, low, high = (f"{times * x:.{digits}f}" for x in (value.mean, value.low, value.high))
    interval = "" if value.low != value.low else f" [{low}, {high}]"
    return f"{mean}{interval} {unit}".strip()
