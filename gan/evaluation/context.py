"""What the metrics of one evaluation are given; what several of them use is made once."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.datasets.store import Dataset
from gan.evaluation.generated import decode_blocks
from gan.evaluation.nearest import NearestMesh
from gan.models.contract import FaceGenerator
from gan.progress import Progress, silent

IDENTITY, EXPRESSION = "identity", "expression"  # factors that some metrics are about
NO_LABEL = "the data has no label that the model knows"
_BLOCK = 250  # training meshes read at a time
_MAX_KEPT = 1 << 29  # bytes of meshes kept for the next metric; more are made again


class Context:
    """A model, the training meshes that it is held against, and the numbers of samples.

    Attributes
    ----------
    n_samples : of generated faces, and at most so many training meshes
    n_pairs : for each diversity
    device : where nearest meshes are searched, and networks judge
    rows : the training meshes, for `dataset.vertices`
    subject : whose mesh each of them is
    progress : called with what a long metric is at, how far, of how much
    """

    def __init__(
        self,
        model: FaceGenerator,
        dataset: Dataset,
        *,
        n_samples: int = 1000,
        n_pairs: int = 10_000,
        seed: int = 0,
        device: torch.device | None = None,
        progress: Progress = silent,
    ) -> None:
        self.model, self.dataset, self.progress = model, dataset, progress
        self.n_samples, self.n_pairs, self.seed = n_samples, n_pairs, seed
        self.device = device or torch.device("cpu")
        self.rows = dataset.indices("train")
        self.subject = dataset.subject[self.rows]
        self._kept: dict[str, list[Float[np.ndarray, "k V 3"]]] = {}

    @cached_property
    def factors(self) -> list[str]:
        """The names of the model's factors."""
        return [factor.name for factor in self.model.factors]

    @cached_property
    def labels(self) -> dict[str, Int[np.ndarray, " n"]]:
        """By factor, the training meshes' labels in the model's numbering; -1: one it has not."""
        labels: dict[str, np.ndarray] = {}
        for factor in self.model.factors:
            if factor.name not in self.dataset.labels:
                continue
            known = {name: c for c, name in enumerate(factor.classes)}
            table = [known.get(name, -1) for name in self.dataset.names[factor.name]]
            label = np.array([*table, -1])[self.dataset.labels[factor.name][self.rows]]
            if (label >= 0).any():
                labels[factor.name] = label
        return labels

    @cached_property
    def modes(self) -> dict[str, Float[np.ndarray, "k V 3"]]:
        """By factor, the linear modes of the data's source, where it has some."""
        return {
            name: self.dataset.modes[name] for name in self.factors if name in self.dataset.modes
        }

    @cached_property
    def held_out(self) -> tuple[str, Int[np.ndarray, " h"]]:
        """The split of held-out meshes and their rows: test, else validation, where it has some."""
        splits = {name: self.dataset.indices(name) for name in ("validation", "test")}
        name = "test" if len(splits["test"]) else "validation"
        return name, splits[name]

    @cached_property
    def several_people(self) -> bool:
        """Whether the training meshes are of two people or more."""
        return len(np.unique(self.subject)) > 1

    @cached_property
    def nearest(self) -> NearestMesh:
        """The search among all training meshes."""
        return NearestMesh(self.read, len(self.rows), self.dataset.template, device=self.device)

    @cached_property
    def chosen(self) -> Int[np.ndarray, " k"]:
        """The training meshes that stand for all of them, by their number within the split."""
        order = self.numpy_rng("training meshes").permutation(len(self.rows))
        return np.sort(order[: self.n_samples])

    def read(self, rows: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k V 3"]:
        """Return training meshes by their number within the training split, in mm."""
        return self.dataset.vertices(self.rows[rows])

    def generated(self) -> Iterator[Float[np.ndarray, "k V 3"]]:
        """Yield `n_samples` random faces of the model in blocks, the same ones every time."""

        def make() -> Iterator[Float[np.ndarray, "k V 3"]]:
            codes = self.model.sample_codes(self.n_samples, rng=self.torch_rng("specificity"))
            return decode_blocks(self.model, codes)

        return self._again("generated", self.n_samples, make)

    def training(self) -> Iterator[tuple[Int[np.ndarray, " k"], Float[np.ndarray, "k V 3"]]]:
        """Yield the `chosen` training meshes in blocks, with their numbers."""
        parts = np.array_split(self.chosen, max(1, len(self.chosen) // _BLOCK))
        blocks = self._again("training", len(self.chosen), lambda: map(self.read, parts))
        return zip(parts, blocks, strict=True)

    def seed_of(self, stream: str) -> int:
        """Derive the seed of one stream of random numbers."""
        sequence = np.random.SeedSequence([self.seed, zlib.crc32(stream.encode())])
        return int(sequence.generate_state(1, np.uint64)[0] >> 1)

    def numpy_rng(self, stream: str) -> np.random.Generator:
        """Return the random numbers of a stream."""
        return np.random.default_rng(self.seed_of(stream))

    def torch_rng(self, stream: str) -> torch.Generator:
        """Return the random numbers of a stream, for codes."""
        return torch.Generator().manual_seed(self.seed_of(stream))

    def _again(
        self, name: str, n: int, make: Callable[[], Iterator[Float[np.ndarray, "k V 3"]]]
    ) -> Iterator[Float[np.ndarray, "k V 3"]]:
        """Keep n meshes for the next call, unless they are too large for that."""
        if 4 * n * self.dataset.template.size > _MAX_KEPT:
            return make()
        if name not in self._kept:
            self._kept[name] = list(make())
        return iter(self._kept[name])


# What a metric may need -> what to say where it is not there.
NEEDS: Mapping[str, Callable[[Context], str]] = MappingProxyType(
    {
        "pairs": lambda context: "",
        "codes": lambda context: "" if context.factors else "the model has no codes of factors",
        "encoder": lambda context: "" if context.model.encodes else "no codes: meshes alone",
        "gradients": lambda context: (
            "" if context.model.differentiable else "no gradients flow through the decoder"
        ),
        "labels": lambda context: "" if context.labels else NO_LABEL,
        "modes": lambda context: (
            "" if context.modes else "the data set holds no linear modes of its source"
        ),
        "held-out": lambda context: (
            ""
            if len(context.held_out[1])
            else "the data set has no held-out meshes: no test or validation split"
        ),
        "landmarks": lambda context: (
            "the data set has no landmarks" if context.dataset.landmarks is None else ""
        ),
    }
)
