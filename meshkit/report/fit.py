"""A fit as one page of HTML: numbers and pictures, nothing to load from elsewhere."""

import base64
import io
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from meshkit.files import atomic_path
from meshkit.registration.quality import Quality
from meshkit.registration.target import Target
from meshkit.registration.template_fit import TemplateFit
from meshkit.render import frame_of, render_mesh

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
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #22252a; background: #fafafa;
  margin: 2rem auto; max-width: 1300px; padding: 0 1rem; overflow-wrap: anywhere }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.row { display: flex; flex-wrap: wrap; gap: 8px } figure { margin: 0 }
img { display: block; max-width: 100% } figcaption { font-size: 13px; color: #555 }
table { border-collapse: collapse } td, th { padding: 2px 14px 2px 0; text-align: right }
td:first-child, th:first-child { text-align: left }
th { font-weight: 600; border-bottom: 1px solid #bbb } .facts td { text-align: left }
.scale { height: 14px; width: 300px; border-radius: 3px; margin-top: 1rem }
.ends { width: 300px; display: flex; justify-content: space-between; font-size: 13px }
.bad { color: #a41420; font-weight: 600 }
"""


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
    colors = error_colors(quality.fit_to_scan, top)
    colors[fit.weight == 0] = GREY
    pictures = "".join(
        f'<figure><img alt="{escape(name)}" src="{data_uri(image)}">'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for name, image in _pictures(F, fit, target, colors)
    )
    return page(
        title,
        facts or {},
        f'<h2>Pictures</h2><div class="row">{pictures}</div>{color_scale(top)}'
        f"<h2>Distances</h2>{_distance_table(quality)}<h2>Surface</h2>{_surface_table(quality)}"
        f"{_landmark_table(quality)}",
    )


def page(title: str, facts: Mapping[str, str], body: str) -> str:
    """Return a page of HTML with a title, a table of facts and a body."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in facts.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(title)}</h1>"
        f'<table class="facts">{rows}</table>{body}</body></html>\n'
    )


def color_scale(top: float) -> str:
    """Return the legend of `error_colors`."""
    stops = ", ".join(f"rgb({r:.0f} {g:.0f} {b:.0f})" for r, g, b in _STOPS * 255)
    return (
        f'<div class="scale" style="background: linear-gradient(to right, {stops})"></div>'
        f'<div class="ends"><span>0</span><span>{top:.3g} and more</span></div>'
        "<p>Distance of the fit to the scan, in the scan's unit. Grey: no counterpart on the scan, "
        "the template continues smoothly.</p>"
    )


def error_colors(error: Float[np.ndarray, " n"], top: float) -> Float[np.ndarray, "n 3"]:
    """Map 0 … `top` to dark blue … red; sRGB in [0, 1]."""
    place = np.clip(error / top, 0, 1) * (len(_STOPS) - 1)
    return np.stack([np.interp(place, np.arange(len(_STOPS)), c) for c in _STOPS.T], axis=1)


def _pictures(
    F: np.ndarray, fit: TemplateFit, target: Target, colors: np.ndarray
) -> list[tuple[str, UInt8[np.ndarray, "h w 3"]]]:
    back = fit.pose.inverse()
    X, Y = back.apply(fit.V), back.apply(target.V)
    pictures = []
    for view in ("front", "three-quarter"):
        frame = frame_of(X, view=view, size=_SIZE)
        options: dict[str, Any] = {"size": _SIZE, "view": view, "frame": frame}
        if target.F is not None:
            pictures.append((f"scan, {view}", render_mesh(Y, target.F, **options)))
        pictures.append((f"fit, {view}", render_mesh(X, F, **options)))
        pictures.append((f"distance, {view}", render_mesh(X, F, colors=colors, **options)))
    return pictures


def data_uri(image: UInt8[np.ndarray, "h w 3"]) -> str:
    """Return a picture as an address that holds it."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _distance_table(quality: Quality) -> str:
    values = quality.to_dict()
    names = list(values["fit_to_scan"])
    head = "".join(
        f"<th>{name.replace('p', '', 1) + ' %' if name != 'mean' else name}</th>" for name in names
    )
    body = "".join(
        f"<tr><td>{label}</td>" + "".join(f"<td>{values[key][n]:.3g}</td>" for n in names) + "</tr>"
        for key, label in (("fit_to_scan", "fit → scan"), ("scan_to_fit", "scan → fit"))
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _surface_table(quality: Quality) -> str:
    rows = [
        ("vertices with a counterpart", f"{quality.followed:.1%}", False),
        ("folded edges", str(len(quality.folded)), len(quality.folded) > 0),
        ("pairs of faces that cross", str(len(quality.crossing)), len(quality.crossing) > 0),
    ]
    return (
        "<table>"
        + "".join(
            f"<tr><td>{name}</td><td{' class=bad' if bad else ''}>{value}</td></tr>"
            for name, value, bad in rows
        )
        + "</table>"
    )


def _landmark_table(quality: Quality) -> str:
    if not quality.landmarks:
        return ""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{error:.3g}</td></tr>"
        for name, error in quality.landmarks.items()
    )
    mean = np.mean(list(quality.landmarks.values()))
    return f"<h2>Landmarks</h2><p>Mean error {mean:.3g}.</p><table>{rows}</table>"
