"""Metrics by name, beside those that every evaluation takes: ours, and those of plug-ins."""

from abc import ABC, abstractmethod
from typing import NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.datasets.store import Dataset
from gan.evaluation.estimate import Estimate, estimate
from gan.evaluation.generated import decode_all
from gan.evaluation.nearest import NearestMesh
from gan.models.contract import FaceGenerator
from gan.registry import Registry


class Measured(NamedTuple):
    """What a metric found: by "model", "training" or a name of its own."""

    unit: str
    meaning: str
    values: dict[str, Estimate]


class AbstractMetric(ABC):
    """A number about generated faces, and the same about training faces to hold it against.

    Attributes
    ----------
    unit : what stands behind the number in tables; "" for none
    meaning : one line for tables and reports
    """

    unit: str = ""
    meaning: str = ""

    @abstractmethod
    def measure(
        self,
        model: FaceGenerator,
        dataset: Dataset,
        rows: Int[np.ndarray, " n"],
        *,
        n_samples: int,
        rng: torch.Generator,
    ) -> dict[str, Estimate]:
        """Return "model" and, where it makes sense, "training".

        Parameters
        ----------
        rows : the training meshes, for `dataset.vertices`
        n_samples : of generated faces, and at most so many training meshes
        rng : all random numbers, so that an evaluation can be repeated
        """


METRICS: Registry[AbstractMetric] = Registry("metric", "meshkit_gan.metrics", AbstractMetric)


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

    def measure(
        self,
        model: FaceGenerator,
        dataset: Dataset,
        rows: Int[np.ndarray, " n"],
        *,
        n_samples: int,
        rng: torch.Generator,
    ) -> dict[str, Estimate]:
        """Return the mean distance to generated faces, and to those of other people."""
        faces = decode_all(model, model.sample_codes(n_samples, rng=rng))
        order = torch.randperm(len(rows), generator=rng).numpy()
        asked = rows[np.sort(order[:n_samples])]
        offered = rows[np.sort(order[-n_samples:])]

        def generated(chosen: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k V 3"]:
            return np.asarray(faces[chosen])

        def training(chosen: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k V 3"]:
            return dataset.vertices(offered[chosen])

        from_model = NearestMesh(generated, len(faces), dataset.template)
        from_others = NearestMesh(training, len(offered), dataset.template)
        subject, others = dataset.subject[asked], dataset.subject[offered]
        several = len(np.unique(others)) > 1
        near: list[np.ndarray] = []
        reference: list[np.ndarray] = []
        for part in np.array_split(np.arange(len(asked)), max(1, len(asked) // 250)):
            X = dataset.vertices(asked[part])
            near.append(from_model.query(X).distance)
            if several:
                found = from_others.query(X, group=subject[part], groups=others)
                reference.append(found.distance)
        values = {"model": estimate(np.concatenate(near))}
        if several:
            values["training"] = estimate(np.concatenate(reference))
        return values
