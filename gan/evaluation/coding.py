"""Codes of real meshes, for metrics: by a model's own encoder, else by a search.

What a search finds of a person in an expression, it finds from two meshes at once: the person at
rest, whose expression code is known (it is that of the label of rest), and what the expression adds
to that. Both share every other code, so that nothing of the person has a reason to end in the
expression: fitted to the mesh itself, its code also makes up for what the model cannot express of
the person (of 2.48 mm of purely additive transfers a 3DMM then misses 0.43, not 0.21).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from gan.evaluation.metric import Unmeasurable
from gan.models.contract import NOISE, PRIOR, FaceGenerator, Factor
from gan.models.inversion import DifferenceSearch
from gan.progress import Progress, counter

AT_REST = ("neutral", "rest")  # the class of rest of a factor that has one
Way = Literal["auto", "encoder", "search"]
WORDS = {"encoder": "the model's own encoder", "search": "a search through the decoder"}
_POINTS = 800  # vertices that a search looks at
_ROWS = 128  # meshes that are encoded or decoded at a time


class Acted(NamedTuple):
    """Codes of people and of an expression that another shows: one row for each pair.

    Attributes
    ----------
    person : every code but the expression's, of who is to show it
    rest, posed : the expression codes of who shows it, at rest and in the expression
    """

    person: dict[str, Tensor]
    rest: Float[Tensor, "N d"]
    posed: Float[Tensor, "N d"]


class Scans(NamedTuple):
    """People at rest, and some of them in expressions, mm.

    Attributes
    ----------
    rest : (P, V, 3)
    posed : (N, V, 3), who shows what
    actor, receiver : (N,) rows of `rest`: who shows it, and who is to show it
    """

    rest: Float32[np.ndarray, "P V 3"]
    posed: Float32[np.ndarray, "N V 3"]
    actor: Int[np.ndarray, " N"]
    receiver: Int[np.ndarray, " N"]


def rest_class(factor: Factor) -> int:
    """Return the index of the class of rest, -1 if the factor has none."""
    return next((factor.classes.index(name) for name in AT_REST if name in factor.classes), -1)


def rest_code(model: FaceGenerator, factor: str) -> Float[Tensor, " d"]:
    """Return the fixed code of the label of rest.

    Raises
    ------
    Unmeasurable
        The model has no such factor, or the factor no such label.
    """
    if factor not in [f.name for f in model.factors]:
        raise Unmeasurable(f"the model has no factor {factor!r}")
    index = rest_class(model.factor(factor))
    if index < 0:
        raise Unmeasurable(f"the model's {factor} has no label of rest: {' or '.join(AT_REST)}")
    return model.codes[factor][index]


def evenly(n: int, count: int) -> Int[np.ndarray, " k"]:
    """Return at most so many of n indices, evenly spread: neighbours are alike."""
    return np.unique(np.linspace(0, n - 1, min(n, count)).round().astype(np.int64))


def choose_way(model: FaceGenerator, way: Way) -> Literal["encoder", "search"]:
    """Return how codes are found: by the encoder, unless the model has none of its own."""
    if way == "auto":
        return "encoder" if model.own_encoder else "search"
    return way


def encode(
    model: FaceGenerator,
    X: Float32[np.ndarray, "n V 3"],
    advance: Callable[[int], None],
    *,
    rest: Float32[np.ndarray, "n V 3"] | None = None,
) -> dict[str, Tensor]:
    """Return the codes of meshes, each by itself or beside its person at rest."""
    parts = list[dict[str, Tensor]]()
    with torch.no_grad():
        for start in range(0, len(X), _ROWS):
            rows = slice(start, start + _ROWS)
            block = torch.from_numpy(X[rows]).to(model.template)
            if rest is None:
                parts.append(model.encode(block))
            else:
                neutral = torch.from_numpy(rest[rows]).to(model.template)
                parts.append(model.encode_with_rest(block, neutral))
            advance(len(block))
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def act(
    model: FaceGenerator,
    factor: str,
    scans: Scans,
    way: Literal["encoder", "search"],
    progress: Progress,
) -> Acted:
    """Return the codes with which every receiver shows what every actor shows."""
    rest, posed = scans.rest, scans.posed
    advance = counter(progress, "finding codes", len(rest) + len(posed))
    if way == "encoder":
        at_rest = encode(model, rest, advance, rest=rest)
        shown = encode(model, posed, advance, rest=rest[scans.actor])[factor]
        person = {name: code for name, code in at_rest.items() if name != factor}
        origin = at_rest[factor][scans.actor]
    else:
        search = PersonSearch(model, factor)
        person = search.people(rest, advance)
        shown = search.expressions(rest[scans.actor], posed, advance)
        origin = search.rest.expand(len(shown), -1)
    return Acted({name: code[scans.receiver] for name, code in person.items()}, origin, shown)


class PersonSearch(DifferenceSearch):
    """Least squares over the codes of people at rest, alone or together with an expression.

    Every model is searched in the same way: from the mean face, over the same vertices, with the
    same prior (λ = 1 mm² on all vertices), and derivatives by differences.
    """

    steps, settled = 15, 1e-4

    def __init__(self, model: FaceGenerator, factor: str) -> None:
        self.model, self.factor, self.rest = model, factor, rest_code(model, factor)
        V = len(model.template)
        self._seen = np.sort(np.random.default_rng(0).permutation(V)[:_POINTS])
        k = len(self._seen)
        pick = sp.csr_array((np.ones(k), (np.arange(k), self._seen)), shape=(k, V))
        self._points, self._prior = model.point_decoder(pick), PRIOR * k / V
        sizes = {f.name: f.code_size for f in model.factors} | {NOISE: model.noise_size}
        self._sizes = {name: size for name, size in sizes.items() if name != factor}
        self._person_size = sum(self._sizes.values())

    def people(
        self, rest: Float32[np.ndarray, "P V 3"], advance: Callable[[int], None]
    ) -> dict[str, Tensor]:
        """Return every code but the expression's of people at rest."""
        start = self.rest.new_zeros(self._person_size)
        return self._person(self._codes(self._points_of(rest), start, advance))

    def expressions(
        self,
        rest: Float32[np.ndarray, "N V 3"],
        posed: Float32[np.ndarray, "N V 3"],
        advance: Callable[[int], None],
    ) -> Float[Tensor, "N d"]:
        """Return the expression codes of people who are seen at rest and in an expression."""
        target = torch.cat([self._points_of(rest), self._points_of(posed - rest)], dim=1)
        start = torch.cat([self.rest.new_zeros(self._person_size), self.rest])
        return self._codes(target, start, advance)[:, self._person_size :]

    def values(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B r"]:
        """Return the points of people at rest and, where z has it, what their expression adds."""
        z = z.to(self.rest)
        person, shown = z[:, : self._person_size], z[:, self._person_size :]
        faces = [self._decode(person, self.rest.expand(len(z), -1))]
        if shown.shape[1]:
            faces.append(self._decode(person, shown) - faces[0])
        return torch.cat(faces, dim=1).double()

    def _codes(self, target: Tensor, start: Tensor, advance: Callable[[int], None]) -> Tensor:
        parts = list[Tensor]()
        with torch.no_grad():
            for rows in target.split(_ROWS):
                z = self.search(rows, len(start), prior=self._prior, start=start)
                parts.append(z.to(self.rest))
                advance(len(rows))
        return torch.cat(parts)

    def _points_of(self, X: np.ndarray) -> Tensor:
        return torch.from_numpy(X[:, self._seen]).flatten(1).double()

    def _person(self, z: Tensor) -> dict[str, Tensor]:
        parts = z.split(list(self._sizes.values()), dim=1)
        return dict(zip(self._sizes, parts, strict=True))

    def _decode(self, z: Tensor, expression: Tensor) -> Tensor:
        return torch.cat(
            [
                self._points(self._person(rows) | {self.factor: code}).flatten(1)
                for rows, code in zip(z.split(_ROWS), expression.split(_ROWS), strict=True)
            ]
        )
