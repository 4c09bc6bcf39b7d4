"""What all figures share: the models, the data, one camera, and numbers drawn from one seed."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gan.datasets.store import Dataset
from gan.evaluation.coding import AT_REST
from gan.evaluation.generated import decode_all
from gan.models.contract import FaceGenerator, Factor
from gan.report.faces import pick_real
from gan.runs.opening import open_model
from gan.study.figures.figure import Figure
from gan.study.figures.grid import Cell
from gan.study.member import TITLES, Member
from gan.study.results import Comparison
from meshkit.render import Frame, View, frame_of, render_mesh

IDENTITY, EXPRESSION = "identity", "expression"
OURS = ("ours-plus", "ours")  # the better first
METHODS = (*OURS, "3dmm", "mae", "coma")
ABLATIONS = tuple(name for name, (_, kind) in TITLES.items() if kind == "ablation")
TILE = (170, 150)  # height and width of the picture of a face
_TYPICAL = 12  # real faces that decide on the scale


class Cast(NamedTuple):
    """The members that a figure shows, and a sentence about those that it does not."""

    members: tuple[Member, ...]
    missing: str


class Studio:
    """The models of a study before one camera; models are read when they are first drawn.

    Parameters
    ----------
    seed
        Of all random faces, not of the scale: equal seeds give equal pictures.
    comparison
        What was measured; rows say it beside the models' names.

    Raises
    ------
    DatasetError
        The data set has another topology than a model; raised when that is first drawn.
    """

    def __init__(
        self,
        members: Sequence[Member],
        dataset: Dataset,
        *,
        seed: int,
        comparison: Comparison | None = None,
    ) -> None:
        # Of a model that was trained with several seeds, the first.
        first = {member.name: member for member in reversed(members)}
        self.members = tuple(first[name] for name in dict.fromkeys(m.name for m in members))
        self.dataset, self.seed, self.comparison = dataset, seed, comparison
        self.F, self.tile = dataset.faces, TILE
        typical = dataset.vertices(pick_real(dataset, _TYPICAL, seed=0))
        self.frames: dict[View, Frame] = {
            view: frame_of(typical, view=view, size=self.tile, margin=0.05)
            for view in ("front", "three-quarter")
        }
        self._models = dict[Member, FaceGenerator]()

    def model(self, member: Member) -> FaceGenerator:
        """Return a member's model, on the CPU."""
        if member not in self._models:
            model = open_model(member.run, self.dataset).to("cpu")
            self.dataset.check_topology(model.faces.numpy(), where=str(member.run))
            self._models[member] = model
        return self._models[member]

    def cast(self, expected: Sequence[str], *, factors: Sequence[str] = ()) -> Cast:
        """Return the members with these names in this order, then those of other names.

        Parameters
        ----------
        factors
            Which a model must have to take part.
        """
        known = {member.name: member for member in self.members}
        chosen = [known[name] for name in expected if name in known]
        chosen += [m for m in self.members if m.kind == "other"]
        # A comparison of other runs misses nothing.
        study = any(member.name in TITLES for member in self.members)
        absent = [TITLES[name][0] for name in expected if name not in known] if study else []
        told = [f"Left out, for there is no run: {', '.join(absent)}."] if absent else []
        shown = []
        for member in chosen:
            own = [factor.name for factor in self.model(member).factors]
            if lacking := [name for name in factors if name not in own]:
                told.append(f"{member.title} has no {_listed(lacking)} code.")
            else:
                shown.append(member)
        return Cast(tuple(shown), " ".join(told))

    def titles(self, members: Sequence[Member], *keys: str) -> list[str]:
        """Return the members' titles, each with the numbers that were measured, a line each.

        Parameters
        ----------
        keys
            Of the columns of a comparison; the mean over the seeds of a model. What was not
            measured has no line.
        """
        return ["\n".join([member.title, *self._numbers(member, keys)]) for member in members]

    def _numbers(self, member: Member, keys: Sequence[str]) -> list[str]:
        result = self.comparison.result(member.name) if self.comparison else None
        if self.comparison is None or result is None:
            return []
        columns = {column.key: column for column in self.comparison.columns()}
        lines = []
        for column in (columns[key] for key in keys if key in columns):
            value, _ = result.number(column)
            if value is not None:
                share = column.unit == "%"
                text = f"{100 * value.mean:.0f} %" if share else f"{value.mean:.2f} {column.unit}"
                lines.append(f"{column.title} {text}")
        return lines

    def best(self) -> Member | None:
        """Return the member that stands for the method, or None."""
        for name in (*OURS, None):
            for member in self.members:
                if member.name == name or (name is None and member.kind == "other"):
                    return member
        return None

    def rng(self, name: str) -> torch.Generator:
        """Return the random numbers of one purpose."""
        return torch.Generator().manual_seed(self._seed_of(name))

    def numpy_rng(self, name: str) -> np.random.Generator:
        """Return the random numbers of one purpose."""
        return np.random.default_rng(self._seed_of(name))

    def _seed_of(self, name: str) -> int:
        sequence = np.random.SeedSequence([self.seed, zlib.crc32(name.encode())])
        return int(sequence.generate_state(1, np.uint64)[0] >> 1)

    def shoot(
        self,
        V: Float[np.ndarray, "V 3"],
        caption: str = "",
        *,
        view: View = "front",
        field: Float[np.ndarray, " V"] | None = None,
        limits: tuple[float, float] | None = None,
    ) -> Cell:
        """Draw a face as every other, in clay or in the colours of a field."""
        picture = render_mesh(
            V.astype(np.float64),
            self.F,
            size=self.tile,
            view=view,
            frame=self.frames[view],
            mode="shaded" if field is None else "scalar",
            field=field,
            limits=limits,
        )
        return Cell(picture, caption)

    def shoot_codes(
        self,
        model: FaceGenerator,
        codes: Mapping[str, Tensor],
        captions: Sequence[str] = (),
        *,
        view: View = "front",
    ) -> list[Cell]:
        """Draw the faces of a batch of codes."""
        X = decode_all(model, codes)
        told = captions or [""] * len(X)
        return [self.shoot(V, text, view=view) for V, text in zip(X, told, strict=True)]


def rest_of(factor: Factor) -> str | None:
    """Return the class of rest of a factor, None if it has none."""
    return next((name for name in AT_REST if name in factor.classes), None)


def lively(factor: Factor) -> list[str]:
    """Return the classes of a factor without that of rest, those that move most first by custom.

    A surprised face opens mouth and eyes: what goes wrong shows there first.
    """
    first = [name for name in ("surprise", "happy", "disgust") if name in factor.classes]
    others = [name for name in factor.classes if name not in (*AT_REST, *first)]
    return first + others


def join_text(*sentences: str) -> str:
    """Join sentences, some of which may be empty."""
    return " ".join(sentence for sentence in sentences if sentence)


def absent(name: str, title: str, reason: str) -> Iterator[Figure]:
    """Yield a figure that cannot be drawn, with the reason."""
    yield Figure(name, title, f"Not drawn: {reason}", None)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
