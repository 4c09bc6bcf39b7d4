"""How much of the real faces a model covers."""

from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.evaluation.estimate import estimate
from gan.evaluation.generated import decode_all
from gan.evaluation.metric import METRICS, AbstractMetric, Context, Measured
from gan.evaluation.nearest import NearestMesh


@final
@METRICS.register("coverage")
class Coverage(AbstractMetric):
    """How far training faces are from the nearest of n generated ones: what the model left out.

    The other direction of specificity. A model that has collapsed to one good face is specific and
    covers nothing. Held against n training faces of other subjects in place of the generated ones.

    References
    ----------
    Achlioptas et al., Learning representations and generative models for 3D point clouds, ICML
    2018, Section 2: minimum matching distance.
    """

    unit = "mm"
    meaning = "distance of training faces to the nearest of as many others; of other subjects"
    better = "lower"
    place = 35

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return the mean distance to generated faces, and to those of other people."""
        n, rows, dataset = context.n_samples, context.rows, context.dataset
        faces = decode_all(context.model, context.model.sample_codes(n, rng=rng))
        order = torch.randperm(len(rows), generator=rng).numpy()
        asked, offered = rows[np.sort(order[:n])], rows[np.sort(order[-n:])]

        def training(chosen: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k V 3"]:
            return dataset.vertices(offered[chosen])

        template, device = dataset.template, context.device
        from_model = NearestMesh(faces.__getitem__, len(faces), template, device=device)
        from_others = NearestMesh(training, len(offered), template, device=device)
        subject, others = dataset.subject[asked], dataset.subject[offered]
        several = len(np.unique(others)) > 1
        near, reference = list[np.ndarray](), list[np.ndarray]()
        for part in np.array_split(np.arange(len(asked)), max(1, len(asked) // 250)):
            X = dataset.vertices(asked[part])
            near.append(from_model.query(X).distance)
            if several:
                by_others = from_others.query(X, group=subject[part], groups=others)
                reference.append(by_others.distance)
        values = {"model": estimate(np.concatenate(near), unit="subjects", group=subject)}
        if not several:
            why = "the training faces offered are of a single subject"
            return Measured(values, skipped={"training": why})
        real = estimate(np.concatenate(reference), unit="subjects", group=subject)
        return Measured(values | {"training": real})
