"""Model cards: what a model is, what it was made of, how good it is, what it is not for.

The sections are those of Mitchell et al., Model cards for model reporting, FAT* 2019. Nothing is
claimed that a file does not say: where the data set names no licence, the card says so.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gan.datasets.contract import SPLITS
from gan.datasets.store import Dataset
from gan.models.contract import FaceGenerator
from meshkit.files import atomic_path

FORMAT = "meshkit-gan model card 1"
_USES = [
    "Faces for research, animation and graphics: sampling, editing one factor, fitting to scans "
    "or landmarks.",
    "Synthetic training and test data whose factors are known.",
]
_NOT = [
    "Recognising or verifying persons; inferring a person's state of mind, health, origin or "
    "character from a face.",
    "Making the face of a living person without consent.",
]
_LIMITS = [
    "Only the surface of the template: no hair, eyes, teeth, tongue, texture or skin.",
    "Only faces like those of the training data; codes beyond three standard deviations leave what "
    "was learned.",
    "Labels are as right as those of the data, and a class's code stands for its typical form.",
]
_ETHICS = [
    "The model can be no more diverse than its data: see their counts, and what they say about "
    "who was scanned.",
    "Faces of persons are personal data: whether people in the data agreed to this use is for the "
    "data's provider to say, and for whoever passes the model on to check.",
]


def model_card(
    model: FaceGenerator,
    *,
    name: str,
    dataset: Dataset | None = None,
    evaluation: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a model's card as JSON values.

    Parameters
    ----------
    dataset
        That the model was trained on, if it is at hand.
    evaluation
        As `gan evaluate` writes it; measured on another state of the model, it is only mentioned.
    versions
        Of the software that trained.
    """
    return {
        "format": FORMAT,
        "model_details": {
            "name": name,
            "architecture": model.describe(),
            "kind": model.provenance.get("baseline", "generator"),
            "step": model.provenance.get("step"),
            "vertices": len(model.template),
            "faces": len(model.faces),
            "noise_size": model.noise_size,
            "units": "mm; codes of random faces are N(0, I)",
            "trained_with": dict(versions or {}),
            "licence": "not stated; it depends on that of the data",
        },
        "intended_use": {"uses": _USES, "out_of_scope": _NOT},
        "factors": [
            {"name": f.name, "code_size": f.code_size, "classes": list(f.classes)}
            for f in model.factors
        ],
        "training_data": _data(model, dataset),
        **_measured(model, evaluation),
        "ethical_considerations": _ETHICS,
        "caveats_and_recommendations": _LIMITS,
    }


def save_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write a card as JSON; equal cards give equal bytes."""
    with atomic_path(path) as aside:
        text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
        aside.write_text(text + "\n", encoding="utf-8")


def licences(provenance: object) -> list[str]:
    """Return every licence that a data set's provenance names, however deep, in order."""
    return list(dict.fromkeys(_licences(provenance)))


def _licences(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if str(key).lower() in ("licence", "license") and isinstance(item, str):
                yield item
            else:
                yield from _licences(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _licences(item)


def _data(model: FaceGenerator, dataset: Dataset | None) -> dict[str, Any]:
    fingerprint = model.provenance.get("dataset")
    if dataset is None:
        note = "the data set was not at hand when this card was written"
        return {"fingerprint": fingerprint, "licence": f"unknown: {note}", "note": note}
    counts = np.bincount(dataset.split, minlength=len(SPLITS)).tolist()
    stated = licences(dataset.provenance)
    return {
        "name": dataset.path.name,
        "fingerprint": fingerprint,
        "licence": "; ".join(stated) if stated else "not stated by the data set",
        "meshes": dict(zip(SPLITS, counts, strict=True)),
        "subjects": len(np.unique(dataset.subject)),
        "labelled_share": {
            factor: round(float((label >= 0).mean()), 6) for factor, label in dataset.labels.items()
        },
        "provenance": dataset.provenance,
    }


def _measured(model: FaceGenerator, evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the sections on metrics, evaluation data and results."""
    none: dict[str, Any] = {"metrics": [], "evaluation_data": None}
    if evaluation is None:
        return none | {"quantitative_analyses": "none: run `gan evaluate`, then export again"}
    measured = evaluation["model"]
    if any(measured.get(key) != model.provenance.get(key) for key in ("step", "dataset")):
        note = f"of step {measured.get('step')}, not of this model: run `gan evaluate` again"
        return none | {"quantitative_analyses": f"the evaluation at hand is {note}"}
    settings = {key: evaluation[key] for key in ("n_samples", "n_pairs", "seed", "commit")}
    return {
        "metrics": sorted(evaluation["metrics"]),
        "evaluation_data": evaluation["dataset"],
        "quantitative_analyses": {
            "settings": settings,
            "metrics": evaluation["metrics"],
            "skipped": evaluation["skipped"],
        },
    }
