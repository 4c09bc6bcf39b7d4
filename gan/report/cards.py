"""What a report says of its data set."""

import json
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gan.datasets.contract import SPLITS
from gan.datasets.store import Dataset

LISTED = 16  # classes of a factor that a card counts one by one


class FactorCard(NamedTuple):
    """A factor's classes; `counts` is empty where there are too many to list."""

    title: str
    counts: list[tuple[str, int]]


class DataCard(NamedTuple):
    """A data set: sizes, labels, where it comes from."""

    facts: Mapping[str, str]
    factors: list[FactorCard]
    provenance: str


def data_card(dataset: Dataset) -> DataCard:
    """Describe a data set: sizes, splits, labels, where it comes from."""
    split = np.bincount(dataset.split, minlength=len(SPLITS)).tolist()
    frames = int((dataset.sequence >= 0).sum())
    facts = {
        "file": dataset.path.name,
        "meshes": ", ".join(f"{n:,} {name}" for name, n in zip(SPLITS, split, strict=True) if n),
        "subjects": f"{len(np.unique(dataset.subject)):,}",
        "stills, frames": f"{dataset.n - frames:,} and {frames:,}",
        "vertices, faces": f"{len(dataset.template):,} and {len(dataset.faces):,}",
        "fingerprint": dataset.fingerprint,
    }
    factors = []
    for factor, label in dataset.labels.items():
        known, names = label[label >= 0], dataset.names[factor]
        share = len(known) / dataset.n
        title = f"{factor}: {len(names)} classes, {share:.0%} of the meshes labelled"
        counts = np.bincount(known, minlength=len(names)).tolist()
        listed = list(zip(names, counts, strict=True)) if len(names) <= LISTED else []
        factors.append(FactorCard(title, listed))
    provenance = json.dumps(dataset.provenance, indent=2, ensure_ascii=False, default=str)
    return DataCard(facts, factors, provenance)
