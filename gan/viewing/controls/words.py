"""Names out of files as words in a page: short, one line, distinct, and never markup."""

import html
from collections.abc import Sequence

from gan.errors import one_line
from gan.viewing.shading import Legend
from meshkit.viewing.notes import note

MAX_LABEL = 40
NONE = "—"


def words(names: Sequence[str]) -> list[str]:
    """Return a distinct label for each name, in one line of at most 40 characters and a number.

    Controls tell choices apart by their text, and a browser refuses two that are equal.
    """
    labels: list[str] = []
    seen: set[str] = {NONE}
    for name in names:
        text = " ".join(one_line(name).split()) or "(no name)"
        short = text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"
        label, k = short, 1
        while label in seen:
            k += 1
            label = f"{short} ({k})"
        seen.add(label)
        labels.append(label)
    return labels


def legend_bar(legend: Legend | None) -> str:
    """Write what colours mean as HTML: a bar with numbers, or words alone."""
    if legend is None:
        return ""
    text = note(legend.text)
    if not len(legend.colors):
        return text
    stops = ", ".join(
        "rgb({:.0f} {:.0f} {:.0f})".format(*(255 * color)) for color in legend.colors[::15]
    )
    ticks = "".join(f"<span>{html.escape(tick)}</span>" for tick in legend.ticks)
    return (
        '<div style="padding: 0 0.75em 0.25em 0.75em">'
        f'<div style="height: 0.6em; background: linear-gradient(to right, {stops})"></div>'
        '<div style="display: flex; justify-content: space-between; font-size: 0.7em; '
        f'font-variant-numeric: tabular-nums">{ticks}</div></div>{text}'
    )
