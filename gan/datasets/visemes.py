"""Fifteen mouth shapes of speech, and how they combine with an expression.

A viseme says where the lips are, an expression how the face feels: while the mouth speaks, the
units that open, close, round and press the lips belong to the viseme, and what the expression asks
of them is attenuated. The table is `tables/visemes.toml`; `data/mouth_shapes.md` has the sources.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from gan.datasets.recipes import PLAIN, Style, sided_units
from gan.datasets.source import FaceSource, translate_units
from gan.datasets.tables import read_table

VISEMES = (
    *("rest", "PP", "FF", "TH", "DD", "kk", "CH", "SS"),
    *("nn", "RR", "aa", "E", "ih", "oh", "ou"),
)

GAIN = 0.1  # deviation of the logarithm of a person's strength per unit
CLARITY = 0.1  # and of all units together: some people mumble
LEAN = 0.05  # deviation of the lean to the left, per unit
STRENGTH = (0.75, 1.0)  # of one viseme
FRAMES_EACH = 3  # frames from one viseme to the next: a tenth of a second at 30 a second
ALIKE = 1.5  # mm: shapes that nowhere differ by more are one class


class Mouth(NamedTuple):
    """What the mouth does, and how much of an expression it leaves."""

    units: Mapping[str, float]
    hold: float  # share of the expression's articulators that is given up
    ease: float  # share of its pull at the corners that is

    def speak(self, expression: Mapping[str, float]) -> dict[str, float]:
        """Return the action units of a face that shows an expression while it speaks."""
        table = _table()
        units = dict[str, float]()
        for unit, weight in expression.items():
            stem = unit.partition("_")[0]
            left = 1 - self.hold if stem in table.articulators else 1.0
            units[unit] = weight * (1 - self.ease if stem in table.corners else left)
        for unit, weight in self.units.items():
            units[unit] = min(1.0, units.get(unit, 0.0) + weight)
        return units


def viseme_mouth(name: str, strength: float = 1.0, style: Style = PLAIN) -> Mouth:
    """Return the mouth of a viseme at a strength in [0, 1].

    Raises
    ------
    ValueError
        The viseme is none of `VISEMES`, or the strength lies outside [0, 1].
    """
    if name not in VISEMES:
        raise ValueError(f"unknown viseme {name!r}; known: {', '.join(VISEMES)}")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must be in [0, 1], got {strength}")
    shape = _table().visemes[name]
    units = dict[str, float]()
    for unit, weight in shape.units.items():
        gain = style.gain.get(unit, 1.0)
        units |= sided_units(unit, strength * gain * weight, style.lean.get(unit, 0.0))
    return Mouth(units, shape.hold, shape.ease)


def sample_speech_style(rng: np.random.Generator) -> Style:
    """Draw a person's manner of speaking: strength and lean of each unit."""
    units = sorted({unit for shape in _table().visemes.values() for unit in shape.units})
    gain = np.exp(rng.normal(0, CLARITY) + rng.normal(0, GAIN, len(units)))
    lean = rng.normal(0, LEAN, len(units))
    return Style(
        dict(zip(units, gain.tolist(), strict=True)), dict(zip(units, lean.tolist(), strict=True))
    )


class Speech(NamedTuple):
    """What a mouth says in the frames of a sequence: from rest to rest."""

    mouths: list[Mouth]
    visemes: dict[int, str]  # frame -> the viseme that is reached there


def speech_course(frames: int, style: Style, rng: np.random.Generator) -> Speech:
    """Draw a sequence of visemes that flow into each other, none twice in a row.

    Raises
    ------
    ValueError
        There are fewer than three frames.
    """
    if frames < 3:
        raise ValueError(f"a sequence needs at least 3 frames, got {frames}")
    count = max(1, (frames - 1) // FRAMES_EACH - 1)
    said = [VISEMES[0]]
    while len(said) <= count:
        said += [v for v in [VISEMES[int(rng.integers(1, len(VISEMES)))]] if v != said[-1]]
    said.append(VISEMES[0])
    at = np.linspace(0, frames - 1, len(said)).round().astype(int).tolist()
    key = [viseme_mouth(name, float(rng.uniform(*STRENGTH)), style) for name in said]
    mouths = []
    for (one, start), (other, end) in itertools.pairwise(zip(key, at, strict=True)):
        for frame in range(start, end):
            x = (frame - start) / (end - start)
            mouths.append(_blend(one, other, x**3 * (10 - 15 * x + 6 * x**2)))
    return Speech([*mouths, key[-1]], dict(zip(at, said, strict=True)))


def articulators() -> frozenset[str]:
    """Return the units that belong to the viseme while the mouth speaks, without sides."""
    return _table().articulators


def split_units(controls: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a source's units into those of the expression and those of the viseme."""
    own = [unit.partition("_")[0] in articulators() for unit in controls]
    return (
        tuple(unit for unit, is_own in zip(controls, own, strict=True) if not is_own),
        tuple(unit for unit, is_own in zip(controls, own, strict=True) if is_own),
    )


def group_visemes(source: FaceSource, alike: float = ALIKE) -> list[tuple[str, ...]]:
    """Group the visemes which a source cannot tell apart; most groups have one member.

    A face without tongue and teeth shows no difference between some sounds. The measure is the
    largest distance of a vertex between two shapes at full strength on one person.

    Parameters
    ----------
    alike : mm
        No two members of a group differ by more.
    """
    identity = source.sample_identity(np.random.default_rng(0))
    shapes = [
        source.shape(identity, translate_units(viseme_mouth(name).units, source.controls)).ravel()
        for name in VISEMES
    ]
    far = pdist(np.stack(shapes), lambda a, b: np.linalg.norm((a - b).reshape(-1, 3), axis=1).max())
    cluster = fcluster(linkage(far, "complete"), alike, "distance")
    first = {c: i for i, c in reversed(list(enumerate(cluster)))}
    return [
        tuple(name for name, other in zip(VISEMES, cluster, strict=True) if other == c)
        for c in sorted(first, key=first.__getitem__)
    ]


class _Shape(NamedTuple):
    units: dict[str, float]
    hold: float
    ease: float


class _Table(NamedTuple):
    visemes: dict[str, _Shape]
    articulators: frozenset[str]
    corners: frozenset[str]


@functools.cache
def _table() -> _Table:
    """Read tables/visemes.toml."""
    table = read_table("visemes")
    shapes = {name: _Shape(**table[name]) for name in VISEMES}
    return _Table(shapes, frozenset(table["articulators"]), frozenset(table["corners"]))


def _blend(one: Mouth, other: Mouth, share: float) -> Mouth:
    """Return the mouth on the way from one to the other."""
    units = {
        unit: (1 - share) * one.units.get(unit, 0.0) + share * other.units.get(unit, 0.0)
        for unit in sorted(one.units.keys() | other.units.keys())
    }
    hold, ease = (
        (1 - share) * a + share * b for a, b in ((one.hold, other.hold), (one.ease, other.ease))
    )
    return Mouth(units, hold, ease)
