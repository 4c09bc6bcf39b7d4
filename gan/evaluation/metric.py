"""Metrics by name, beside those that every evaluation takes: ours, and those of plug-ins."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.datasets.store import Dataset
from gan.evaluation.estimate import Estimate, estimate
from gan.evaluation.generated import decode_all
from gan.evaluation.nearest import NearestMesh
from gan.models.contract import FaceGenerator
from gan.progress import Progress as Progress
from gan.progress import silent as silent
from gan.registry import Registry
from gan.runs.directory import pick_device


class Unmeasurable(ValueError):  # noqa: N818
    """The data, or the time, does not allow a metric; the others can still be measured."""


class Unfinished(Unmeasurable):
    """The time is over; the same call goes on from where it stopped."""


class Measured(NamedTuple):
    """What a metric found.

    Attributes
    ----------
    values
        By "model", "training" or a name of its own. "model, X" and "training, X" stand in one row
        of tables, called X.
    notes
        What a reader must know: which judge, which data; by name.
    """

    unit: str
    meaning: str
    values: dict[str, Estimate]
    notes: Mapping[str, str] = MappingProxyType({})


class AbstractMetric(ABC):
    """A number about generated faces, and the same about training faces to hold it against.

    Attributes
    ----------
    unit : what stands behind the number in tables; "" for none
    meaning : one line for tables and reports
    free_options : options that do not change the result
    notes : what a reader must know, by name; `measure` may set it
    progress : set by whoever wants to hear how far `measure` is
    """

    unit: str = ""
    meaning: str = ""
    free_options: tuple[str, ...] = ()
    notes: Mapping[str, str] = MappingProxyType({})
    progress: Progress = staticmethod(silent)

    def depends_on(self, dataset: Dataset) -> dict[str, Any]:
        """Return what the result depends on beside model, data set, options and seed, as JSON."""
        return {}

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

        Raises
        ------
        Unmeasurable
            The data does not have what it takes; the message says what.
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

        device = pick_device("auto")
        from_model = NearestMesh(generated, len(faces), dataset.template, device=device)
        from_others = NearestMesh(training, len(offered), dataset.template, device=device)
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
        values = {"model": estimate(np.concatenate(near), unit="subjects", group=subject)}
        if several:
            found_others = np.concatenate(reference)
            values["training"] = estimate(found_others, unit="subjects", group=subject)
        return values
