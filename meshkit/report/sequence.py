"""The fits of a sequence as one page of HTML: curves over time, pictures, a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from meshkit.files import atomic_path
from meshkit.registration.quality import Quality
from meshkit.registration.template_fit import TemplateFit
from meshkit.render import frame_of
from meshkit.report.axes import linear_axis
from meshkit.report.charts import Curve, line_chart
from meshkit.report.fit import color_stops, fit_colors
from meshkit.report.page import render_page
from meshkit.report.pictures import Picture, cut_out, inline

_MAX_PICTURES = 24  # of frames, evenly spread
_SIZE = (240, 200)
_CURVES = {"p50": "low", "p95": "high"}  # percentile to its class in the style sheet


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
    values = [quality.to_dict() for quality in qualities]
    top = max(value["fit_to_scan"]["p95"] for value in values) or 1.0
    frame = np.arange(1.0, len(values) + 1)
    curves = [
        Curve(style, frame, np.array([value["fit_to_scan"][name] for value in values]))
        for name, style in _CURVES.items()
    ]
    text = render_page(
        "sequence.html",
        title=title,
        facts=facts or {},
        chart=line_chart(curves, y=linear_axis(0.0, top), size=(900, 220)),
        pictures=_pictures(F, fits, qualities, names, top),
        colors=color_stops(),
        top=top,
        landmarks=any(value["landmark_mean"] is not None for value in values),
        frames=list(zip(names, qualities, values, strict=True)),
    )
    with atomic_path(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _pictures(
    F: np.ndarray,
    fits: Sequence[TemplateFit],
    qualities: Sequence[Quality],
    names: Sequence[str],
    top: float,
) -> list[Picture]:
    """Draw fits by their distance, all in the first frame's pose, so that turning is seen."""
    n = len(fits)
    chosen = np.unique(np.linspace(0, n - 1, min(_MAX_PICTURES, n)).round().astype(int))
    back = fits[0].pose.inverse()
    X = [back.apply(fits[k].V) for k in chosen]
    frame = frame_of(np.concatenate(X), size=_SIZE)
    pictures = []
    for V, k in zip(X, chosen, strict=True):
        colors = fit_colors(fits[k], qualities[k], top)
        drawn = cut_out(V, F, _SIZE, view="front", frame=frame, colors=colors)
        pictures.append(inline(drawn, names[k]))
    return pictures
