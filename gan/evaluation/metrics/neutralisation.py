"""Whether a face without its expression is the person's face at rest."""

from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import torch
from jaxtyping import Float32, Int

from gan.datasets.benchmark.transfer_pairs import load_transfer, transfer_path
from gan.datasets.store import Dataset
from gan.evaluation.coding import AT_REST, encode, evenly, rest_code
from gan.evaluation.context import EXPRESSION
from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.estimate import Estimate, estimate
from gan.evaluation.generated import decode_all
from gan.evaluation.metric import (
    METRICS,
    AbstractMetric,
    Column,
    Context,
    Measured,
    Unmeasurable,
)
from gan.evaluation.metrics.transfer import checksum_of
from gan.progress import counter


class Posed(NamedTuple):
    """Meshes of people in expressions, and each of these people at rest, mm.

    Attributes
    ----------
    person : (n,) row of `rest`
    origin : where they are from, in words
    """

    faces: Float32[np.ndarray, "n V 3"]
    rest: Float32[np.ndarray, "P V 3"]
    person: Int[np.ndarray, " n"]
    origin: str


@final
@METRICS.register("neutralisation")
@dataclass(frozen=True, kw_only=True)
class Neutralisation(AbstractMetric):
    """Mean vertex distance of held-out people from rest, when their expression is taken off them.

    A mesh in an expression is encoded, its expression code becomes that of the label of rest, and
    the decoded face is compared with the person's mesh at rest. "spread" is the distance of two
    such faces of one person: what of the expression is left in the other codes. "as scanned" are
    the same numbers of the meshes themselves.

    Attributes
    ----------
    faces : at most so many

    References
    ----------
    Jiang et al., Disentangled representation learning for 3D face shape, CVPR 2019, Section 4.
    """

    faces: int = 400

    unit = "mm"
    meaning = "distance from rest of a held-out face whose expression code is that of rest"
    better = "lower"
    needs = ("codes",)
    columns = (
        Column("neutralisation", "Neutral", reference="", headline=True),
        Column(
            "neutralisation.spread",
            "N. spread",
            "model, spread",
            reference="",
            meaning="distance of two such faces of one person",
        ),
    )
    by_default = "compare"
    place = 46

    def __post_init__(self) -> None:
        if self.faces < 2:
            raise ValueError(f"neutralisation needs two faces or more, got {self.faces}")

    def depends_on(self, dataset: Dataset) -> dict[str, Any]:
        """Return the checksum of the pairs beside a benchmark."""
        return checksum_of(transfer_path(dataset.path))

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return error and spread of the model's neutral faces and of the meshes themselves."""
        neutral = rest_code(context.model, EXPRESSION)
        posed = self._faces(context.dataset)
        advance = counter(context.progress, "taking off expressions", len(posed.faces))
        codes = encode(context.model, posed.faces, advance)
        codes[EXPRESSION] = neutral.expand(len(posed.faces), -1)
        values = dict[str, Estimate]()
        common = f"{context.dataset.fingerprint[:12]}, {posed.origin}"
        for who, X in (("model", decode_all(context.model, codes)), ("as scanned", posed.faces)):
            error = mean_vertex_distance(X, posed.rest[posed.person])
            values[who] = estimate(error, group=posed.person, unit="people", common=common)
            first, second = _pairs(posed.person)
            if len(first):
                apart = mean_vertex_distance(X[first], X[second])
                group = posed.person[first]
                values[f"{who}, spread"] = estimate(
                    apart, group=group, unit="people", common=common
                )
        count = f"{len(posed.faces)} faces of {len(posed.rest)} people, {posed.origin}"
        return Measured(values, notes={"faces": count})

    def _faces(self, dataset: Dataset) -> Posed:
        path = transfer_path(dataset.path)
        return self._from_pairs(dataset) if path.exists() else self._from_split(dataset)

    def _from_pairs(self, dataset: Dataset) -> Posed:
        """Return what actors show in the pairs beside a benchmark, every mesh once."""
        path = transfer_path(dataset.path)
        pairs = load_transfer(path)
        dataset.check_topology(pairs.faces, where=str(path))
        shown = np.stack([pairs.person_b, pairs.expression, np.round(1000 * pairs.strength)])
        first = np.sort(np.unique(shown, axis=1, return_index=True)[1])
        rows = first[evenly(len(first), self.faces)]
        people, at, person = np.unique(pairs.person_b[rows], return_index=True, return_inverse=True)
        assert len(people) == len(at)
        rest = pairs.rest_b[rows[at]]
        return Posed(pairs.expression_b[rows], rest, person, f"from {path.name}")

    def _from_split(self, dataset: Dataset) -> Posed:
        """Return the labelled meshes of held-out people who have one at rest."""
        names = dataset.names.get(EXPRESSION, ())
        at_rest = next((names.index(name) for name in AT_REST if name in names), -1)
        if at_rest < 0:
            raise Unmeasurable(f"no label of rest: the data has no {EXPRESSION} {AT_REST[0]}")
        label = dataset.labels[EXPRESSION]
        for split in ("test", "validation"):
            held = dataset.indices(split)
            resting = held[label[held] == at_rest]
            people = np.unique(dataset.subject[resting])
            acting = held[(label[held] >= 0) & (label[held] != at_rest)]
            acting = acting[np.isin(dataset.subject[acting], people)]
            if len(acting) == 0:
                continue
            acting = acting[evenly(len(acting), self.faces)]
            people, person = np.unique(dataset.subject[acting], return_inverse=True)
            rest = [
                dataset.vertices(resting[dataset.subject[resting] == p]).mean(axis=0)
                for p in people
            ]
            return Posed(dataset.vertices(acting), np.stack(rest), person, f"{split} split")
        raise Unmeasurable("no held-out person has labelled meshes at rest and in an expression")


def _pairs(person: Int[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray]:
    """Return each mesh with the next of the same person, around."""
    order = np.argsort(person, kind="stable")
    _, start, count = np.unique(person[order], return_index=True, return_counts=True)
    first = np.arange(len(order))
    start, count = np.repeat(start, count), np.repeat(count, count)
    second = start + (first - start + 1) % count
    several = count > 1
    return order[first[several]], order[second[several]]
