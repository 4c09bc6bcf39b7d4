"""How well a model can represent faces that it has not seen."""

from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.estimate import estimate
from gan.evaluation.metric import METRICS, AbstractMetric, Column, Context, Measured

_BLOCK = 32


@final
@METRICS.register("generalisation")
class Generalisation(AbstractMetric):
    """Mean vertex distance of held-out meshes from what the model makes of them: encode, decode.

    Held out is the test split, or the validation split where there is no other; the training column
    holds as many training meshes. "template" is the distance to the template: what encoding
    everything as one face would give.

    References
    ----------
    Styner et al., Evaluation of 3D correspondence methods for model building, IPMI 2003.
    """

    unit = "mm"
    meaning = "distance of held-out faces to their reconstruction; of training faces"
    better = "lower"
    needs = ("held-out", "encoder")
    columns = (
        Column(
            "reconstruction.held-out",
            "rec. held-out",
            reference="",
            meaning="distance of held-out faces to what encoding and decoding make of them: proves "
            "the training",
            group="reconstruction",
        ),
        Column(
            "reconstruction.seen",
            "rec. seen",
            "training",
            reference="",
            meaning="distance of training faces to what encoding and decoding make of them",
            group="reconstruction",
        ),
    )
    by_default = "compare"
    place = 60

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return the mean distance over at most `n_samples` meshes of either kind."""
        dataset, (split, rows) = context.dataset, context.held_out
        held = _choose(rows, context.n_samples, rng)
        seen = _choose(context.rows, context.n_samples, rng)
        template = dataset.template[None]
        far = [mean_vertex_distance(X, template) for X in dataset.chunks(held, _BLOCK)]
        subject = dataset.subject[held]
        distance = _distances(context, held, "reconstructing held-out faces")
        again = _distances(context, seen, "reconstructing training faces")
        return Measured(
            {
                "model": estimate(distance, unit="subjects", group=subject),
                "training": estimate(again, unit="subjects", group=dataset.subject[seen]),
                "model, template": estimate(np.concatenate(far), unit="subjects", group=subject),
            },
            notes={
                "held out": f"{len(held)} meshes of {len(np.unique(subject))} subjects, "
                f"{split} split"
            },
        )


def _distances(
    context: Context, rows: Int[np.ndarray, " k"], stage: str
) -> Float[np.ndarray, " k"]:
    model, distances = context.model, list[np.ndarray]()
    for k, X in enumerate(context.dataset.chunks(rows, _BLOCK)):
        context.progress(stage, k * _BLOCK, len(rows))
        with torch.no_grad():
            again = model.decode(model.encode(torch.from_numpy(X).to(model.template)))
        distances.append(mean_vertex_distance(again.cpu().numpy(), X))
    return np.concatenate(distances)


def _choose(rows: Int[np.ndarray, " n"], count: int, rng: torch.Generator) -> Int[np.ndarray, " k"]:
    return np.sort(rows[torch.randperm(len(rows), generator=rng).numpy()[:count]])
