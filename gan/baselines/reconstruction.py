"""How well a model gives faces back that it has not seen: the proof that it was trained."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int

from gan.datasets.store import Dataset
from gan.errors import CheckpointError
from gan.models.contract import FaceGenerator
from meshkit.files import atomic_path

FILE = "reconstruction.json"
MAX_MESHES = 500  # meshes of each split
_BLOCK = 64
SPLITS = ("train", "test")


class Reconstruction(NamedTuple):
    """Mean vertex distances over the meshes of a split, in mm.

    Attributes
    ----------
    error
        From a mesh to what the model makes of its codes, `decode(encode(mesh))`.
    reference
        From a mesh to the mean training face: what a model would reach that knows one face.
    meshes
        How many.
    """

    error: float
    reference: float
    meshes: int


def measure_reconstruction(
    model: FaceGenerator, dataset: Dataset, rows: Int[np.ndarray, " k"], mean: np.ndarray
) -> Reconstruction:
    """Encode and decode meshes; `mean` is the mean training face, (V, 3) in mm."""
    errors, references = [], []
    for X in dataset.chunks(rows, _BLOCK):
        with torch.no_grad():
            codes = model.encode(torch.from_numpy(X).to(model.template.device))
            decoded = model.decode(codes).cpu().numpy()
        errors.append(_distance(decoded, X))
        references.append(_distance(mean[None], X))
    return Reconstruction(
        float(np.concatenate(errors).mean()), float(np.concatenate(references).mean()), len(rows)
    )


def write_reconstruction(run: Path, model: FaceGenerator, dataset: Dataset) -> dict[str, float]:
    """Measure on seen and unseen faces and write `reconstruction.json`; return rows for the log.

    At most 500 meshes of each split, evenly spread; a split without meshes is left out.
    """
    train = dataset.indices("train")
    some = _spread(train)
    mean = np.concatenate(list(dataset.chunks(some))).mean(axis=0, dtype=np.float64)
    results = {
        split: measure_reconstruction(model, dataset, _spread(dataset.indices(split)), mean)
        for split in SPLITS
        if len(dataset.indices(split))
    }
    text = json.dumps(
        {"unit": "mm", **{split: result._asdict() for split, result in results.items()}}, indent=1
    )
    with atomic_path(run / FILE) as aside:
        aside.write_text(text + "\n")
    return {f"reconstruction/{split}": result.error for split, result in results.items()}


def read_reconstruction(run: Path) -> dict[str, Reconstruction]:
    """Read what `write_reconstruction` wrote, split by split.

    Raises
    ------
    CheckpointError
        The file is missing or damaged.
    """
    try:
        stored = json.loads((run / FILE).read_text())
        return {split: Reconstruction(**stored[split]) for split in SPLITS if split in stored}
    except FileNotFoundError:
        raise CheckpointError(f"{run} has no {FILE}: its training has not ended") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{run / FILE} is damaged: {error}") from None


def _spread(rows: np.ndarray) -> np.ndarray:
    return np.asarray(
        rows[np.unique(np.linspace(0, len(rows) - 1, min(MAX_MESHES, len(rows))).astype(int))]
    )


def _distance(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(X - Y, axis=2).mean(axis=1, dtype=np.float64))
