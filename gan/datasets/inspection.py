"""What a data set holds, in numbers, and what about it looks odd."""

from typing import Any

import numpy as np
from jaxtyping import Float

from gan.datasets.contract import SPLITS, STILL, UNLABELLED
from gan.datasets.model_file import LARGEST_FACE
from gan.datasets.store import Dataset

OUTLIER = 5.0  # times the median distance: beyond what people and expressions differ
MAX_NAMED = 5  # indices named in a warning


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return the facts of a data set as JSON values; the vertices are not read."""
    moving = dataset.sequence != STILL
    return {
        "path": str(dataset.path),
        "bytes": dataset.path.stat().st_size,
        "meshes": dataset.n,
        "vertices": len(dataset.template),
        "faces": len(dataset.faces),
        "template_mm": [float(x) for x in np.ptp(dataset.template, axis=0)],
        "stills": int((~moving).sum()),
        "sequences": len(np.unique(dataset.sequence[moving])),
        "splits": {
            name: {
                "meshes": len(dataset.indices(name)),
                "subjects": len(np.unique(dataset.subject[dataset.indices(name)])),
            }
            for name in SPLITS
        },
        "factors": {
            factor: {
                "labelled": int((label != UNLABELLED).sum()),
                "classes": dict(
                    zip(
                        dataset.names[factor],
                        np.bincount(
                            label[label != UNLABELLED], minlength=len(dataset.names[factor])
                        ).tolist(),
                        strict=True,
                    )
                ),
            }
            for factor, label in dataset.labels.items()
        },
        "modes": {factor: len(modes) for factor, modes in dataset.modes.items()},
        "landmarks": dataset.landmarks is not None,
        "fingerprint": dataset.fingerprint,
        "provenance": dataset.provenance,
    }


def find_oddities(dataset: Dataset, distance: Float[np.ndarray, " n"]) -> list[str]:
    """Return warnings about a data set that is valid; `distance` (mm) is from `check_dataset`."""
    warnings = []
    for name in SPLITS:
        if len(dataset.indices(name)) == 0:
            warnings.append(f"no mesh is in the split {name}")
    low, high = LARGEST_FACE
    size = float(np.ptp(dataset.template, axis=0).max())
    if not low <= size < high:
        warnings.append(f"the template is {size:.4g} mm long: are the lengths millimetres?")
    lonely = np.setdiff1d(np.arange(len(dataset.template)), dataset.faces)
    if lonely.size:
        warnings.append(f"{lonely.size} vertices are in no face, the first is {lonely[0]}")
    warnings += _find_untaught(dataset)
    middle = np.median(distance)
    far = np.flatnonzero(distance > OUTLIER * max(float(middle), 0.1))
    if far.size:
        named = ", ".join(f"{i} ({distance[i]:.1f} mm)" for i in far[:MAX_NAMED])
        warnings.append(
            f"{far.size} meshes lie far from the template (median {middle:.1f} mm): {named}"
        )
    return warnings


def _find_untaught(dataset: Dataset) -> list[str]:
    """Return warnings about classes without a labelled mesh to train on."""
    warnings = []
    train = dataset.split == SPLITS.index("train")
    for factor, label in dataset.labels.items():
        classes = np.arange(len(dataset.names[factor]))
        elsewhere = label[~train & (label != UNLABELLED)]
        absent = np.setdiff1d(classes, label[train])
        if not np.intersect1d(elsewhere, label[train]).size:
            # Classes such as identities, which no two splits share: those of others are expected.
            absent = np.setdiff1d(absent, elsewhere)
        if absent.size:
            names = ", ".join(dataset.names[factor][c] for c in absent[:MAX_NAMED])
            warnings.append(
                f"{factor}: no labelled training mesh of {absent.size} classes: {names}"
            )
    return warnings
