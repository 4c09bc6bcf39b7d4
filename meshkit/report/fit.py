"""A fit as one page of HTML: numbers and pictures, nothing to load from elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from meshkit.files import atomic_path
from meshkit.registration.quality import Quality
from meshkit.registration.target import Target
from meshkit.registration.template_fit import TemplateFit
from meshkit.render import frame_of
from meshkit.report.page import render_page
from meshkit.report.pictures import Picture, cut_out, inline

# Errors from none to the top of the scale: dark blue, teal, sand, orange, red. sRGB.
_STOPS = np.array(
    [
        [0.19, 0.28, 0.52],
        [0.25, 0.58, 0.62],
        [0.93, 0.87, 0.68],
        [0.93, 0.56, 0.30],
        [0.72, 0.11, 0.15],
    ]
)
GREY = (0.55, 0.55, 0.56)  # vertices without a counterpart
_SIZE = (420, 360)


def save_report(
    path: Path | str,
    F: Int[np.ndarray, "m 3"],
    fit: TemplateFit,
    target: Target,
    quality: Quality,
    *,
    title: str,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write the page, whole or not at all.

    Pictures show scan, fit and distances from the front and at three quarters, as the template was
    oriented before its pose: of a template that looks to +z, its face.

    Parameters
    ----------
    title, facts
        Shown as they are: markup in them is escaped.
    """
    text = report_html(F, fit, target, quality, title=title, facts=facts)
    with atomic_path(path) as aside:
        aside.write_text(text, encoding="utf-8")


def report_html(
    F: Int[np.ndarray, "m 3"],
    fit: TemplateFit,
    target: Target,
    quality: Quality,
    *,
    title: str,
    facts: Mapping[str, str] | None = None,
) -> str:
    """Return the page that `save_report` writes."""
    top = float(np.percentile(quality.fit_to_scan[fit.weight > 0], 98)) if fit.weight.any() else 0.0
    top = top or 1.0
    values = quality.to_dict()
    return render_page(
        "fit.html",
        title=title,
        facts=facts or {},
        pictures=_pictures(F, fit, target, fit_colors(fit, quality, top)),
        colors=color_stops(),
        top=top,
        distances={"fit to scan": values["fit_to_scan"], "scan to fit": values["scan_to_fit"]},
        followed=quality.followed,
        folded=len(quality.folded),
        crossing=len(quality.crossing),
        landmarks=quality.landmarks,
        landmark_mean=values["landmark_mean"],
    )


def fit_colors(fit: TemplateFit, quality: Quality, top: float) -> Float[np.ndarray, "n 3"]:
    """Return the vertices' colours by their distance to the scan; grey without a counterpart."""
    colors = error_colors(quality.fit_to_scan, top)
    colors[fit.weight == 0] = GREY
    return colors


def error_colors(error: Float[np.ndarray, " n"], top: float) -> Float[np.ndarray, "n 3"]:
    """Map 0 … `top` to dark blue … red; sRGB in [0, 1]."""
    place = np.clip(error / top, 0, 1) * (len(_STOPS) - 1)
    return np.stack([np.interp(place, np.arange(len(_STOPS)), c) for c in _STOPS.T], axis=1)


def color_stops() -> list[str]:
    """Return the colours of `error_colors` at equal steps, as CSS."""
    return ["rgb({:.0f} {:.0f} {:.0f})".format(*(255 * color)) for color in _STOPS]


def _pictures(F: np.ndarray, fit: TemplateFit, target: Target, colors: np.ndarray) -> list[Picture]:
    back = fit.pose.inverse()
    X, Y = back.apply(fit.V), back.apply(target.V)
    pictures = []
    for view in ("front", "three-quarter"):
        options: dict[str, Any] = {"view": view, "frame": frame_of(X, view=view, size=_SIZE)}
        if target.F is not None:
            pictures.append(inline(cut_out(Y, target.F, _SIZE, **options), f"scan, {view}"))
        pictures.append(inline(cut_out(X, F, _SIZE, **options), f"fit, {view}"))
        drawn = cut_out(X, F, _SIZE, colors=colors, **options)
        pictures.append(inline(drawn, f"distance, {view}"))
    return pictures
