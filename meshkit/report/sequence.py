"""The fits of a sequence as one page of HTML: curves over time, pictures, a table."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from meshkit.files import atomic_path
from meshkit.registration.quality import Quality
from meshkit.registration.template_fit import TemplateFit
from meshkit.render import contact_sheet, frame_of, render_mesh
from meshkit.report.fit import GREY, color_scale, data_uri, error_colors, page

_SHOWN = 24  # frames at most in the contact sheet, evenly spread
_SIZE = (240, 200)
_WIDTH, _HEIGHT = 900, 200  # of the curves, in CSS pixels
_CURVES = (("p50", "#3f94a0"), ("p95", "#b71c26"))


def save_sequence_report(
    path: Path | str,
    F: Int[np.ndarray, "m 3"],
    fits: Sequence[TemplateFit],
    qualities: Sequence[Quality],
    names: Sequence[str],
    *,
    title: str,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write the page, whole or not at all.

    Parameters
    ----------
    names
        Of the frames.
    title, facts
        Shown as they are: markup in them is escaped.
    """
    distances = [quality.to_dict()["fit_to_scan"] for quality in qualities]
    top = max(values["p95"] for values in distances) or 1.0
    sheet = _sheet(F, fits, qualities, names, top)
    body = (
        f"<h2>Distance of the fit to the scan over the frames</h2>{_curves(distances, top)}"
        f'<h2>Frames</h2><img alt="frames" src="{data_uri(sheet)}">{color_scale(top)}'
        f"<h2>Numbers</h2>{_table(qualities, names)}"
    )
    text = page(title, facts or {}, body)
    with atomic_path(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _sheet(
    F: np.ndarray,
    fits: Sequence[TemplateFit],
    qualities: Sequence[Quality],
    names: Sequence[str],
    top: float,
) -> np.ndarray:
    """Draw fits by their distance, all in the first frame's pose, so that turning is seen."""
    shown = np.unique(np.linspace(0, len(fits) - 1, min(_SHOWN, len(fits))).round().astype(int))
    back = fits[0].pose.inverse()
    X = [back.apply(fits[k].V) for k in shown]
    frame = frame_of(np.concatenate(X), size=_SIZE)
    tiles = []
    for V, k in zip(X, shown, strict=True):
        colors = error_colors(qualities[k].fit_to_scan, top)
        colors[fits[k].weight == 0] = GREY
        tiles.append(render_mesh(V, F, size=_SIZE, frame=frame, colors=colors))
    return contact_sheet(tiles, min(6, len(tiles)), labels=[names[k] for k in shown])


def _curves(distances: Sequence[Mapping[str, float]], top: float) -> str:
    last = max(len(distances) - 1, 1)
    lines = []
    for name, color in _CURVES:
        values: Float[np.ndarray, " k"] = np.array([values[name] for values in distances])
        points = " ".join(
            f"{k / last * _WIDTH:.1f},{_HEIGHT * (1 - value / top):.1f}"
            for k, value in enumerate(values)
        )
        lines.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{points}"/>')
    legend = " · ".join(
        f'<span style="color: {color}">{name[1:]} % of the vertices up to</span>'
        for name, color in _CURVES
    )
    return (
        f'<svg viewBox="0 -4 {_WIDTH} {_HEIGHT + 8}" width="{_WIDTH}" role="img" '
        f'style="max-width: 100%; background: #fff; border: 1px solid #ddd">{"".join(lines)}</svg>'
        f"<p>{legend}; the top is {top:.3g}, the bottom 0.</p>"
    )


def _table(qualities: Sequence[Quality], names: Sequence[str]) -> str:
    rows = []
    for quality, name in zip(qualities, names, strict=True):
        values = quality.to_dict()
        distance = values["fit_to_scan"]
        landmark = values["landmark_mean"]
        cells = [
            *(f"{distance[k]:.3g}" for k in ("mean", "p50", "p95", "p100")),
            f"{quality.followed:.1%}",
            str(values["folded_edges"]),
            str(values["crossing_faces"]),
            "" if landmark is None else f"{landmark:.3g}",
        ]
        rows.append(f"<tr><td>{escape(name)}</td>{''.join(f'<td>{c}</td>' for c in cells)}</tr>")
    head = "".join(
        f"<th>{name}</th>"
        for name in (
            *("frame", "mean", "50 %", "95 %", "largest"),
            *("counterpart", "folded", "crossing", "landmarks"),
        )
    )
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"
