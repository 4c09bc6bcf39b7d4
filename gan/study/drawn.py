"""Figures in a study's folder, under everything that they depend on."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gan.study.figures.figure import Figure
from gan.study.record import FIGURES
from meshkit.files import atomic_path

PICTURES = "figures"  # folder; the page's are the same ones


def keep_figures(folder: Path, key: Mapping[str, Any], figures: Iterable[Figure]) -> int:
    """Write figures as they are drawn, and at the end what they depend on; return their number."""
    place = folder / PICTURES
    place.mkdir(parents=True, exist_ok=True)
    (folder / FIGURES).unlink(missing_ok=True)  # until all are new
    rows = list[dict[str, Any]]()
    for figure in figures:
        name = None
        if figure.image is not None:
            name = f"{figure.name}.png"
            with atomic_path(place / name) as aside:
                Image.fromarray(figure.image).save(aside)
        rows.append(
            {"name": figure.name, "title": figure.title, "text": figure.text, "image": name}
        )
    with atomic_path(folder / FIGURES) as aside:
        aside.write_text(json.dumps({"key": key, "figures": rows}, indent=1) + "\n")
    return len(rows)


def kept_figures(folder: Path, key: Mapping[str, Any]) -> list[Figure] | None:
    """Return the figures that were kept under a key; None if there are none, or damaged ones."""
    place = folder / PICTURES
    try:
        record = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
        if record["key"] != json.loads(json.dumps(key)):
            return None
        return [
            Figure(row["name"], row["title"], row["text"], _picture(place, row["image"]))
            for row in record["figures"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _picture(place: Path, name: str | None) -> np.ndarray | None:
    if name is None:
        return None
    with Image.open(place / name) as image:
        return np.asarray(image.convert("RGB"))
