"""Plausible people for a skinned face model: how its identity sliders are drawn.

`macro` sliders are the corners ancestry x gender x age, whose weights sum to 1; `weight` sliders
are weight x gender x age; `detail` and `asym` sliders have two ends each, of which one is used, and
a detail has one value for both sides of the face. `data/face_model_file.md` says more.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from gan.errors import DatasetError

ANCESTRY = 0.6  # Dirichlet: below 1, so that one ancestry dominates
GENDER = 0.4  # Beta, both parameters
OLD = (0.5, 0.9)  # Beta: many young, some old, few between
WEIGHT = 0.35  # deviations of normal distributions from here on
DETAIL = 0.2
ASYMMETRY = 0.1
AGES = ("young", "old", "child")
GENDERS = ("female", "male")


class Sliders:
    """The identity coefficients of a skinned face model by kind."""

    def __init__(self, fields: Mapping[str, np.ndarray], path: Path) -> None:
        names, kinds = [str(name) for name in fields["id_names"]], fields["id_kinds"]
        self.n = len(names)
        self.ancestries = [str(race) for race in fields["exp_races"]]
        self.macro = {
            tuple(names[k].removeprefix("macro:").split("-")): int(k)
            for k in np.flatnonzero(kinds == "macro")
        }
        self.weight = {
            tuple(names[k].replace(":", "-").split("-")): int(k)
            for k in np.flatnonzero(kinds == "weight")
        }
        known = (set(self.ancestries), {"minweight", "maxweight"})
        for sliders, first in zip((self.macro, self.weight), known, strict=True):
            for name, k in sliders.items():
                if len(name) != 3 or name[0] not in first or name[2] not in AGES:
                    raise DatasetError(f"{path}: id_names[{k}] is {names[k]!r}, no known corner")
                if name[1] not in GENDERS:
                    raise DatasetError(f"{path}: id_names[{k}] is {names[k]!r}, no known corner")
        if not any(age == "young" for _, _, age in self.macro):
            raise DatasetError(f"{path}: id_kinds has no macro corner of age young")
        self.detail = _pair_ends(np.flatnonzero(kinds == "detail"), names, fields)
        self.asymmetry = _pair_ends(np.flatnonzero(kinds == "asym"), names, fields)

    def sample(self, rng: np.random.Generator) -> Float[np.ndarray, " K"]:
        """Draw the coefficients of a plausible person."""
        a = np.zeros(self.n)
        race = rng.dirichlet(np.full(len(self.ancestries), ANCESTRY))
        female, old = rng.beta(GENDER, GENDER), rng.beta(*OLD)
        share = dict(zip(self.ancestries, race, strict=True))
        share |= {"female": female, "male": 1 - female, "old": old, "young": 1 - old, "child": 0.0}
        for (ancestry, gender, age), k in self.macro.items():
            a[k] = share[ancestry] * share[gender] * share[age]
        heavy = rng.normal(0, WEIGHT)
        for (end, gender, age), k in self.weight.items():
            if (end == "maxweight") == (heavy > 0):
                a[k] = min(1.0, abs(heavy)) * share[gender] * share[age]
        for sliders, deviation in ((self.detail, DETAIL), (self.asymmetry, ASYMMETRY)):
            values = rng.normal(0, deviation, len(sliders))
            for (one, other), value in zip(sliders, values, strict=True):
                a[list(one if value > 0 or not other else other)] = min(1.0, abs(value))
        return a

    def average(self) -> Float[np.ndarray, " K"]:
        """Return the coefficients of the mean face: equal shares of the young corners."""
        a = np.zeros(self.n)
        young = [k for (_, _, age), k in self.macro.items() if age == "young"]
        a[young] = 1 / len(young)
        return a

    def ancestry(self, identity: Float[np.ndarray, " K"]) -> Float[np.ndarray, " R"]:
        """Return the share of each ancestry, which its macro coefficients sum to."""
        share = dict.fromkeys(self.ancestries, 0.0)
        for (ancestry, _, _), k in self.macro.items():
            share[ancestry] += float(identity[k])
        return np.array(list(share.values()))


def _pair_ends(
    kind: np.ndarray, names: list[str], fields: Mapping[str, np.ndarray]
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return the two ends of each slider; an end is one mode, or the modes of both sides.

    Head shapes without an opposite (square, round, ...) exclude each other and are left out.
    """
    opposite, mirror = fields["id_opposite"].tolist(), fields["id_mirror"].tolist()
    sliders, seen = [], set[int]()
    for k in kind.tolist():
        if k in seen or (opposite[k] < 0 and names[k].startswith("head/")):
            continue
        one = {k}
        if mirror[k] >= 0 and mirror[k] != opposite[k]:  # else the mirror is the slider's other end
            one.add(mirror[k])
        other = {opposite[i] for i in one} - {-1}
        seen |= one | other
        sliders.append((tuple(sorted(one)), tuple(sorted(other))))
    return sliders
