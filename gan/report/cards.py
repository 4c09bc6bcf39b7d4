"""What a report says in words: the model, the data, the configuration, where it all comes from."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from gan.datasets.contract import SPLITS
from gan.datasets.store import Dataset
from gan.models.contract import FaceGenerator
from gan.report.html import Markup, element, join

LISTED = 16  # classes of a factor that a card counts one by one


def data_card(dataset: Dataset | None, missing: str) -> Markup:
    """Describe the data set: sizes, splits, labels, where it comes from."""
    if dataset is None:
        return element("p", missing, class_="note")
    counts = np.bincount(dataset.split, minlength=len(SPLITS))
    moving = int((dataset.sequence >= 0).sum())
    parts = [
        pairs(
            {
                "file": dataset.path.name,
                "meshes": ", ".join(
                    f"{n:,} {split}" for split, n in zip(SPLITS, counts.tolist(), strict=True) if n
                ),
                "subjects": f"{len(np.unique(dataset.subject)):,}",
                "stills, frames": f"{dataset.n - moving:,} and {moving:,}",
                "vertices, faces": f"{len(dataset.template):,} and {len(dataset.faces):,}",
                "fingerprint": dataset.fingerprint,
            }
        )
    ]
    for factor, label in dataset.labels.items():
        known, names = label[label >= 0], dataset.names[factor]
        share = len(known) / dataset.n
        title = f"{factor}: {len(names)} classes, {share:.0%} of the meshes labelled"
        parts.append(element("h3", title))
        if len(names) <= LISTED:
            parts.append(count_bars(names, np.bincount(known, minlength=len(names))))
    parts.append(_folded("How it was made", _indented(dataset.provenance)))
    return join(parts)


def origin(model: FaceGenerator, run: Path, facts: Mapping[str, object]) -> Markup:
    """Say what the model is and where it comes from; `facts` that are None are left out."""
    return pairs(
        {
            "run": run.resolve().name,
            "generator": model.describe(),
            **facts,
        }
    )


def configuration(text: str) -> Markup:
    """Show a configuration file."""
    return _folded("config.toml", text)


def pairs(values: Mapping[str, object]) -> Markup:
    """List names and values; a value that is None is left out."""
    rows = [
        element("div", element("dt", name), element("dd", value))
        for name, value in values.items()
        if value is not None
    ]
    return element("dl", *rows, class_="pairs")


def count_bars(names: Iterable[str], counts: np.ndarray) -> Markup:
    """Show a bar and a number for each name."""
    most = max(1, int(counts.max()))
    rows = [
        element(
            "div",
            element("span", name),
            element("i", style=f"--share:{count / most:.3f}"),
            element("output", f"{count:,}"),
        )
        for name, count in zip(names, counts.tolist(), strict=True)
    ]
    return element("div", *rows, class_="counts")


def _folded(title: str, text: str) -> Markup:
    return element("details", element("summary", title), element("pre", text, tabindex="0"))


def _indented(values: Mapping[str, object]) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False, default=str)
