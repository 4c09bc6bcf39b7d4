"""How near an expression that is carried to another person comes to the truth."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.datasets.benchmark.transfer_pairs import TransferPairs, load_transfer, transfer_path
from gan.datasets.store import Dataset
from gan.evaluation.coding import WORDS, Acted, Scans, Way, act, choose_way, evenly
from gan.evaluation.context import EXPRESSION
from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.estimate import Estimate, estimate_pairs
from gan.evaluation.generated import decode_blocks
from gan.evaluation.metric import (
    METRICS,
    AbstractMetric,
    Column,
    Context,
    Measured,
    Unmeasurable,
)
from gan.models.contract import FaceGenerator

_MAX_STRENGTHS = 6  # that stand one by one in tables


@final
@METRICS.register("transfer")
@dataclass(frozen=True, kw_only=True)
class Transfer(AbstractMetric):
    """Mean vertex distance of a held-out person, who is given another's expression, from the truth.

    Of two people A, B whom the model has not seen there are A at rest, B at rest and B in an
    expression. A's identity code and B's expression code are found, and what the expression code
    adds to A in the model is added to A as scanned at rest, and compared with A in the same
    expression. "whole face" is the error of the model's own face of A, which also holds what the
    model cannot express of A. "addition" puts B's displacements on A, "at rest" does nothing.

    Attributes
    ----------
    data : file of the pairs; default: the one beside the benchmark, NAME.transfer.h5
    way : how codes are found: "encoder", "search", or "auto": a model's own encoder if it has one
    pairs : at most so many
    """

    data: str = ""
    way: Way = "auto"
    pairs: int = 240

    unit = "mm"
    meaning = "distance of a person with another's expression from the truth"
    better = "lower"
    needs = ("codes",)
    columns = (
        Column(
            "transfer",
            "Transfer",
            reference="",
            meaning="distance of a held-out person, who is given another's expression, from the "
            "truth",
            headline=True,
        ),
        Column(
            "transfer.face",
            "Tr. face",
            "model, whole face",
            reference="",
            meaning="the same of the model's own face of the person",
        ),
    )
    by_default = "compare"
    place = 45

    def __post_init__(self) -> None:
        if self.pairs < 1 or self.way not in ("auto", *WORDS):
            raise ValueError(
                "transfer needs one pair or more, found by auto, encoder or search, got "
                f"{self.pairs} and {self.way!r}"
            )

    def depends_on(self, dataset: Dataset) -> dict[str, Any]:
        """Return the checksum of the file with the pairs."""
        return checksum_of(self._path(dataset))

    def measure(self, context: Context, *, rng: torch.Generator) -> Measured:
        """Return the errors of the model, of addition and of doing nothing, and those by kind."""
        path = self._path(context.dataset)
        if not path.exists():
            raise Unmeasurable(f"no pairs with a truth: {path.name} is not beside the data set")
        pairs = load_transfer(path)
        context.dataset.check_topology(pairs.faces, where=str(path))
        chosen = evenly(len(pairs), self.pairs)
        way = choose_way(context.model, self.way)
        acted = act(context.model, EXPRESSION, _scans(pairs, chosen), way, context.progress)
        errors = transfer_errors(context.model, pairs, chosen, acted)
        people = np.unique([pairs.person_a[chosen], pairs.person_b[chosen]])
        note = f"{len(chosen)} pairs of {len(people)} people in {path.name}"
        common = f"{context.dataset.fingerprint[:12]}, {path.name}"
        return Measured(
            estimates(errors, pairs, chosen, common=common),
            notes={"pairs": note, "codes": f"found by {WORDS[way]}"},
        )

    def _path(self, dataset: Dataset) -> Path:
        return Path(self.data) if self.data else transfer_path(dataset.path)


def checksum_of(pairs: Path) -> dict[str, Any]:
    """Return what a metric depends on that reads pairs, if there are."""
    if not pairs.exists():
        return {}
    with pairs.open("rb") as file:
        return {"pairs of people": hashlib.file_digest(file, "sha256").hexdigest()}


def transfer_errors(
    model: FaceGenerator, pairs: TransferPairs, chosen: Int[np.ndarray, " k"], acted: Acted
) -> dict[str, Float[np.ndarray, " k"]]:
    """Return the mean vertex distances from the truth, mm, for each pair that was chosen."""
    names = ("model", "model, whole face", "addition", "at rest")
    errors = {name: np.empty(len(chosen)) for name in names}
    done = 0
    for face, origin in _faces(model, acted):
        rows = chosen[done : done + len(face)]
        at_rest, truth = pairs.rest_a[rows], pairs.truth[rows]
        added = at_rest + pairs.expression_b[rows] - pairs.rest_b[rows]
        given = (at_rest + face - origin, face, added, at_rest)
        for name, X in zip(names, given, strict=True):
            errors[name][done : done + len(face)] = mean_vertex_distance(X, truth)
        done += len(face)
    return errors


def estimates(
    errors: Mapping[str, Float[np.ndarray, " k"]],
    pairs: TransferPairs,
    chosen: Int[np.ndarray, " k"],
    *,
    common: str,
) -> dict[str, Estimate]:
    """Average errors over all pairs, then those of each strength and each expression.

    People are what is resampled: a pair has two of them.
    """

    def mean(name: str, where: np.ndarray) -> Estimate:
        a, b = pairs.person_a[chosen[where]], pairs.person_b[chosen[where]]
        return estimate_pairs(errors[name][where], a, b, unit="people", common=common)

    values = {name: mean(name, np.arange(len(chosen))) for name in errors}
    strength = np.round(pairs.strength[chosen].astype(np.float64), 2)
    if len(np.unique(strength)) > _MAX_STRENGTHS:
        strength = np.round(strength, 1)
    kinds = {f"strength {s:g}": strength == s for s in np.unique(strength)}
    shown = pairs.expression[chosen]
    kinds |= {pairs.names[e]: shown == e for e in np.unique(shown)}
    for kind, where in kinds.items():
        for who in ("model", "addition"):
            values[f"{who}, {kind}"] = mean(who, np.flatnonzero(where))
    return values


def _scans(pairs: TransferPairs, chosen: Int[np.ndarray, " k"]) -> Scans:
    """Return everyone at rest once, and what the actors of these pairs show."""
    a, b = pairs.person_a[chosen], pairs.person_b[chosen]
    people, first, index = np.unique(np.concatenate([a, b]), return_index=True, return_inverse=True)
    rest = np.concatenate([pairs.rest_a[chosen], pairs.rest_b[chosen]])[first]
    receiver, actor = np.split(index, 2)
    assert len(rest) == len(people)
    return Scans(rest, pairs.expression_b[chosen], actor, receiver)


def _faces(model: FaceGenerator, acted: Acted) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield blocks of every receiver in the expression and at rest, as the model makes them."""
    blocks = (
        decode_blocks(model, {**acted.person, EXPRESSION: code})
        for code in (acted.posed, acted.rest)
    )
    yield from zip(*blocks, strict=True)
