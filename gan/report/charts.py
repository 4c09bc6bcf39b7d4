"""Curves, matrices and bars as inline markup, coloured by the page's style sheet."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from gan.report.axes import number, step_axis, value_axis
from gan.report.html import Markup, element
from gan.report.log import Curve, smooth, thin

WIDTH, HEIGHT = 340, 168
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 24


def line_chart(curve: Curve, *, label: str) -> Markup:
    """Draw a curve: what was logged, faint, and its running average."""
    x, y = step_axis(curve.step), value_axis(curve.value)
    mean = _running_average(curve, logarithmic=y.logarithmic)
    marks = []
    for tick in y.ticks:
        at = f"{_down(y.place(np.array([tick])))[0]:.1f}"
        marks += [
            element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at, class_="grid"),
            element("text", number(tick), x=LEFT - 6, y=at, dy="0.32em", text_anchor="end"),
        ]
    for step, anchor in zip(x.ticks, ("start", "end"), strict=False):
        at = f"{_across(x.place(np.array([step])))[0]:.1f}"
        marks.append(element("text", f"{step:,.0f}", x=at, y=HEIGHT - 6, text_anchor=anchor))
    lines = []
    for style, points in (("raw", thin(curve, 400)), ("mean", thin(mean, 200))):
        across, down = _across(x.place(points.step)), _down(y.place(points.value))
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
        lines.append(element("polyline", points=path, class_=style))
    return element(
        "svg",
        *marks,
        *lines,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=label,
        class_="chart",
    )


def confusion_table(confusion: Int[np.ndarray, "C C"], classes: Sequence[str]) -> Markup:
    """Draw a confusion matrix: cells are as dark as their share of the row."""
    rows = []
    for name, counts in zip(classes, confusion, strict=True):
        total = max(1, int(counts.sum()))
        cells = [
            element(
                "td",
                f"{100 * count / total:.0f}" if count else None,
                style=f"--share:{count / total:.3f}",
                class_="dark" if count > total / 2 else None,
            )
            for count in counts.tolist()
        ]
        rows.append(element("tr", element("th", name, scope="row"), *cells))
    head = [element("th", element("span", name), scope="col") for name in classes]
    return element(
        "table",
        element("thead", element("tr", element("td"), *head)),
        element("tbody", *rows),
        class_="confusion",
        style=f"--n:{len(classes)}",
    )


def share_bar(shares: Sequence[tuple[str, float]], *, label: str) -> Markup:
    """Draw shares of a whole side by side; what no share covers stays empty."""
    parts, left = [], 1.0
    for k, (name, share) in enumerate(shares):
        width = min(max(share, 0.0), left)
        left -= width
        if width >= 0.005:
            parts.append(
                element(
                    "span",
                    f"{share:.0%}" if width > 0.08 else None,
                    style=f"width:{100 * width:.1f}%",
                    class_=f"share share-{k % 5}",
                    title=f"{name}: {share:.0%}",
                )
            )
    return element("div", *parts, class_="bar", role="img", aria_label=label)


def _running_average(curve: Curve, *, logarithmic: bool) -> Curve:
    """Average as the eye does: on a logarithmic scale, over logarithms."""
    window = max(3, len(curve.value) // 25)
    if not logarithmic:
        return curve._replace(value=smooth(curve.value, window))
    floor = curve.value[curve.value > 0].min()
    return curve._replace(value=np.exp(smooth(np.log(np.maximum(curve.value, floor)), window)))


def _across(t: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return LEFT + t * (WIDTH - LEFT - RIGHT)


def _down(t: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return TOP + (1 - t) * (HEIGHT - TOP - BOTTOM)
