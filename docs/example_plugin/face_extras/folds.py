"""Surfaces that fold over."""

from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.datasets.store import Dataset
from gan.evaluation.estimate import Estimate, estimate
from gan.evaluation.generated import decode_blocks
from gan.evaluation.metric import AbstractMetric
from gan.models.contract import FaceGenerator


@final
class Folds(AbstractMetric):
    """Triangles that look the other way than the template's, per thousand.

    No expression turns skin by more than 90°, except at the lips: a fold is a fault of the mesh,
    which distances between vertices do not show.
    """

    unit = "‰"
    meaning = "triangles turned over against the template"

    def measure(
        self,
        model: FaceGenerator,
        dataset: Dataset,
        rows: Int[np.ndarray, " n"],
        *,
        n_samples: int,
        rng: torch.Generator,
    ) -> dict[str, Estimate]:
        """Return the share of generated and of training faces' triangles."""
        F = dataset.faces
        front = _normals(dataset.template, F)

        def folded(X: Float[np.ndarray, "k V 3"]) -> Float[np.ndarray, " k"]:
            return np.array([1000 * ((_normals(x, F) * front).sum(axis=1) < 0).mean() for x in X])

        codes = model.sample_codes(n_samples, rng=rng)
        made = [folded(X) for X in decode_blocks(model, codes)]
        chosen = torch.randperm(len(rows), generator=rng)[:n_samples].numpy()
        blocks = np.array_split(np.sort(rows[chosen]), max(1, len(chosen) // 250))
        real = [folded(dataset.vertices(block)) for block in blocks]
        return {
            "model": estimate(np.concatenate(made)),
            "training": estimate(np.concatenate(real)),
        }


def _normals(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Float[np.ndarray, "m 3"]:
    """Return a vector across each triangle, twice its area long."""
    a, b, c = V[F].swapaxes(0, 1)
    return np.cross(b - a, c - a)
