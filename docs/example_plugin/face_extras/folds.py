"""Surfaces that fold over."""

from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.evaluation.estimate import estimate
from gan.evaluation.metric import AbstractMetric, Context, Measured


@final
class Folds(AbstractMetric):
    """Triangles that look the other way than the template's, per thousand.

    No expression turns skin by more than 90°, except at the lips: a fold is a fault of the mesh,
    which distances between vertices do not show.
    """

    unit = "‰"
    meaning = "triangles turned over against the template"
    better = "lower"

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return the share of generated and of training faces' triangles."""
        F = context.dataset.faces
        front = _normals(context.dataset.template, F)

        def folded(X: Float[np.ndarray, "k V 3"]) -> Float[np.ndarray, " k"]:
            return np.array([1000 * ((_normals(x, F) * front).sum(axis=1) < 0).mean() for x in X])

        made = [folded(X) for X in context.generated()]
        real = [folded(X) for _, X in context.training()]
        return Measured(
            {
                "model": estimate(np.concatenate(made)),
                "training": estimate(np.concatenate(real)),
            }
        )


def _normals(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Float[np.ndarray, "m 3"]:
    """Return a vector across each triangle, twice its area long."""
    a, b, c = V[F].swapaxes(0, 1)
    return np.cross(b - a, c - a)
