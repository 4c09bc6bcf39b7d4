"""How well a model can represent faces that it has not seen."""

from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.datasets.store import Dataset
from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.estimate import Estimate, estimate
from gan.evaluation.metric import METRICS, AbstractMetric, Unmeasurable
from gan.models.contract import FaceGenerator

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

    def measure(
        self,
        model: FaceGenerator,
        dataset: Dataset,
        rows: Int[np.ndarray, " n"],
        *,
        n_samples: int,
        rng: torch.Generator,
    ) -> dict[str, Estimate]:
        """Return the mean distance over at most `n_samples` meshes of either kind."""
        splits = {name: dataset.indices(name) for name in ("test", "validation")}
        split = next((name for name, held in splits.items() if len(held)), None)
        if split is None:
            raise Unmeasurable("the data set has no held-out meshes: no test or validation split")
        held = _choose(splits[split], n_samples, rng)
        seen = _choose(rows, n_samples, rng)
        template = dataset.template[None]
        far = [mean_vertex_distance(X, template) for X in dataset.chunks(held, _BLOCK)]
        subject = dataset.subject[held]
        self.notes = {
            "held out": f"{len(held)} meshes of {len(np.unique(subject))} subjects, {split} split"
        }
        distance = self._distances(model, dataset, held, "reconstructing held-out faces")
        again = self._distances(model, dataset, seen, "reconstructing training faces")
        return {
            "model": estimate(distance, unit="subjects", group=subject),
            "training": estimate(again, unit="subjects", group=dataset.subject[seen]),
            "model, template": estimate(np.concatenate(far), unit="subjects", group=subject),
        }

    def _distances(
        self, model: FaceGenerator, dataset: Dataset, rows: Int[np.ndarray, " k"], stage: str
    ) -> Float[np.ndarray, " k"]:
        found = list[np.ndarray]()
        for k, X in enumerate(dataset.chunks(rows, _BLOCK)):
            self.progress(stage, k * _BLOCK, len(rows))
            with torch.no_grad():
                again = model.decode(model.encode(torch.from_numpy(X).to(model.template)))
            found.append(mean_vertex_distance(again.cpu().numpy(), X))
        return np.concatenate(found)


def _choose(rows: Int[np.ndarray, " n"], most: int, rng: torch.Generator) -> Int[np.ndarray, " k"]:
    return np.sort(rows[torch.randperm(len(rows), generator=rng).numpy()[:most]])
