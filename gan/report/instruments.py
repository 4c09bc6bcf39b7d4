"""What a run showed of itself on people it never saw: charts, each with what its figure says."""

import numpy as np

from gan.report.log import Curve, Log, thin
from gan.report.numbers import Loss, loss_chart
from meshkit.report import charts
from meshkit.report.axes import number, value_axis

SCORES = {"training": "low", "held_out": "", "generated": "raw"}  # of the critic; line styles
MEANINGS = {
    "critic/memorised": "How much of the critic's gap between training and generated faces is one "
    "between training people and others: what it knows by heart. Lower is better.",
    "distance/generated": "The energy distance of generated faces to held-out ones, in mm. Lower "
    "is better; training faces have the distance of the next chart.",
    "distance/training": "The energy distance of training faces to held-out ones, in mm: what a "
    "model of the training people can reach.",
    "held_out/score": "What the best checkpoint is chosen by: the distance over that of training "
    "faces, plus the mean share of codes that show another class. Lower is better.",
}
PREFIXES = {
    "gradient/": "The norm of the generator's weighted term {}, differentiated at the image.",
    "codes/": "The share of {} labels whose fixed code shows the mean of that label.",
    "classifier/": "The share of faces in which the discriminator recognises the right {}.",
    "modes/": "The share of a part's variance that a code explains: {}.",
}
GROUPS = ("critic", "gradient", "codes", "classifier", "modes", "distance", "held_out")


def without_instruments(log: Log) -> Log:
    """Return the log with the terms of the losses alone."""
    return log._replace(curves=tuple(c for c in log.curves if not _is_figure(c.name)))


def instruments(log: Log) -> list[Loss]:
    """Draw the critic's three scores in one chart, and every other figure on its own scale."""
    known = {curve.name: curve for curve in log.curves if _is_figure(curve.name)}
    scores = {k: known.pop(f"critic/{k}") for k in SCORES if f"critic/{k}" in known}
    drawn = [_scores(scores)] if len(scores) == len(SCORES) else []
    order = [*MEANINGS, *(f"{group}/" for group in GROUPS)]

    def place(name: str) -> tuple[int, str]:
        return next(k for k, key in enumerate(order) if name.startswith(key)), name

    for name in sorted(known, key=place):
        group, _, of = name.partition("/")
        words, last = of.replace("_", " "), float(known[name].value[-1])
        label = f"{name} over iterations; the last is {number(last)}"
        meaning = MEANINGS.get(name) or PREFIXES.get(f"{group}/", "").format(words)
        drawn.append(
            Loss(words, group.replace("_", " "), last, label, loss_chart(known[name]), meaning)
        )
    return drawn


def _scores(scores: dict[str, Curve]) -> Loss:
    y = value_axis(np.concatenate([curve.value for curve in scores.values()]))
    lines = [
        charts.Curve(SCORES[name], short.step, short.value)
        for name, short in ((name, thin(curve, 200)) for name, curve in scores.items())
    ]
    last = {name: float(curve.value[-1]) for name, curve in scores.items()}
    said = ", ".join(f"{name.replace('_', '-')} {number(value)}" for name, value in last.items())
    return Loss(
        "scores",
        "critic",
        last["held_out"],
        f"mean scores of the critic over iterations; the last are {said}",
        charts.line_chart(lines, y=y),
        f"The critic's mean scores: {said}. In blue training faces, in red people it never saw, "
        "thin generated faces.",
    )


def _is_figure(name: str) -> bool:
    return name.partition("/")[0] in GROUPS
