"""The seven expressions as recipes of action units, and how people differ in performing them.

The table is `tables/emotions.toml`; `data/emotions.md` has the literature behind it.
"""

import functools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gan.datasets.source import SIDES
from gan.datasets.tables import read_table

EMOTIONS = ("neutral", "happy", "sad", "surprise", "fear", "anger", "disgust")

GAIN = 0.18  # deviation of the logarithm of a person's strength per unit
LEAN_LEFT = 0.03  # posed expressions are a little stronger on the left (Borod et al. 1997)
LEAN = 0.08  # deviation between people, over all units
LEAN_UNIT = 0.06  # and beyond that in single units
MOOD = 0.3  # how much of the spread between people one performance adds
OTHER_VARIANT = 0.15  # how often a performance departs from the person's habit
TIMING = 0.25  # deviation of the logarithm of the exponent that warps a unit's course
REST = 0.08  # largest weight of the tensions in a resting face


class Part(NamedTuple):
    """One action unit in a recipe."""

    weight: float  # at full intensity
    onset: float  # the intensity at which the unit sets in

    def at(self, intensity: float) -> float:
        """Return the unit's weight: 0 up to the onset, then a straight line."""
        return self.weight * max(0.0, (intensity - self.onset) / (1 - self.onset))


class Variant(NamedTuple):
    """One way of showing an emotion."""

    share: float
    units: dict[str, Part]


class Style(NamedTuple):
    """How one person, or one performance, moves the face; the default is the bare recipe."""

    gain: Mapping[str, float] = {}  # unit -> factor of its weight
    lean: Mapping[str, float] = {}  # unit -> left side (1 + lean), right side (1 - lean)
    variant: Mapping[str, str] = {}  # emotion -> the variant that is used


PLAIN = Style()


def emotion_units(name: str, intensity: float, style: Style = PLAIN) -> dict[str, float]:
    """Return the action units of an emotion at an intensity in [0, 1]; neutral has none.

    Raises
    ------
    ValueError
        The emotion is none of `EMOTIONS`, or the intensity lies outside [0, 1].
    """
    if not 0 <= intensity <= 1:
        raise ValueError(f"intensity must be in [0, 1], got {intensity}")
    return _perform(name, style, {}, intensity)


def recipes() -> dict[str, dict[str, Variant]]:
    """Return the variants of every emotion but neutral, which has no action units."""
    return {emotion: dict(variants) for emotion, variants in _table()[0].items()}


def sample_style(rng: np.random.Generator) -> Style:
    """Draw a person's manner: strength and lean of each unit, a variant of each emotion."""
    units = _known_units()
    habit = rng.normal(LEAN_LEFT, LEAN)
    gain = np.exp(rng.normal(0, GAIN, len(units)))
    lean = habit + rng.normal(0, LEAN_UNIT, len(units))
    return Style(
        dict(zip(units, gain.tolist(), strict=True)),
        dict(zip(units, lean.tolist(), strict=True)),
        {emotion: _draw_variant(emotion, rng) for emotion in EMOTIONS[1:]},
    )


def vary_style(style: Style, rng: np.random.Generator) -> Style:
    """Draw one performance of a person: near the habit, at times another variant."""
    other = sample_style(rng)
    departs = rng.random(len(EMOTIONS)) < OTHER_VARIANT
    return Style(
        {unit: style.gain[unit] * other.gain[unit] ** MOOD for unit in style.gain},
        {unit: style.lean[unit] + MOOD * (other.lean[unit] - LEAN_LEFT) for unit in style.lean},
        {
            emotion: other.variant[emotion] if departs[i] else style.variant[emotion]
            for i, emotion in enumerate(EMOTIONS)
            if emotion != "neutral"
        },
    )


def resting_units(rng: np.random.Generator) -> dict[str, float]:
    """Draw the slight tensions of a face at rest: a person's neutral is never quite the same."""
    units = rng.choice(_known_units(), size=3, replace=False).tolist()
    tensions = dict[str, float]()
    for unit, weight in zip(units, rng.uniform(0, REST, len(units)).tolist(), strict=True):
        tensions |= sided_units(unit, weight, 0.0)
    return tensions


def sequence_units(
    name: str, intensity: float, style: Style, frames: int, rng: np.random.Generator
) -> tuple[list[dict[str, float]], int]:
    """Return the action units of each frame from neutral over the apex to neutral, and the apex.

    A minimum-jerk onset and a slower offset; each unit follows its own course between the ends.

    Raises
    ------
    ValueError
        There are fewer than three frames.
    """
    course, apex = emotion_course(frames, rng)
    warp = np.exp(rng.normal(0, TIMING, len(_known_units()))).tolist()
    warps = dict(zip(_known_units(), warp, strict=True))
    frames_units = [
        _perform(name, style, {unit: float(p) ** w for unit, w in warps.items()}, intensity)
        for p in course
    ]
    return frames_units, apex


def emotion_course(
    frames: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, " frames"], int]:
    """Return the share of the apex's intensity in each frame, 0 at both ends, and the apex."""
    if frames < 3:
        raise ValueError(f"a sequence needs at least 3 frames, got {frames}")
    apex = int(np.clip(round(rng.uniform(0.3, 0.5) * (frames - 1)), 1, frames - 2))
    rise = np.arange(apex + 1) / apex
    fall = np.arange(frames - 1 - apex, 0, -1)[1:] / (frames - 1 - apex)
    x = np.concatenate([rise, fall, [0.0]])
    return x**3 * (10 - 15 * x + 6 * x**2), apex


def _perform(
    name: str, style: Style, progress: Mapping[str, float], intensity: float
) -> dict[str, float]:
    """Return the units of an emotion, each at its own share (default 1) of the intensity."""
    units = dict[str, float]()
    for unit, part in _variant(name, style).units.items():
        weight = part.at(intensity * progress.get(unit, 1.0)) * style.gain.get(unit, 1.0)
        units |= sided_units(unit, weight, style.lean.get(unit, 0.0))
    return units


def sided_units(unit: str, weight: float, lean: float) -> dict[str, float]:
    """Return a unit's weight in [0, 1]; of a unit with sides, left (1 + lean), right (1 - lean)."""
    if unit not in _table()[1]:
        return {unit: min(1.0, max(0.0, weight))}
    left = {"L": 1 + lean, "R": 1 - lean}
    return {f"{unit}_{side}": min(1.0, max(0.0, weight * left[side])) for side in SIDES}


def _variant(emotion: str, style: Style) -> Variant:
    """Return the variant that the style uses; without a choice, the first in the table."""
    if emotion not in EMOTIONS:
        raise ValueError(f"unknown emotion {emotion!r}; known: {', '.join(EMOTIONS)}")
    variants = _table()[0].get(emotion, {"": Variant(1.0, {})})
    return variants[style.variant.get(emotion, next(iter(variants)))]


def _draw_variant(emotion: str, rng: np.random.Generator) -> str:
    """Draw a variant by its share."""
    variants = _table()[0][emotion]
    shares = np.array([variant.share for variant in variants.values()])
    return str(rng.choice(list(variants), p=shares / shares.sum()))


@functools.cache
def _known_units() -> tuple[str, ...]:
    """Return every unit that some recipe uses, sorted."""
    recipes = _table()[0].values()
    return tuple(sorted({u for variants in recipes for v in variants.values() for u in v.units}))


@functools.cache
def _table() -> tuple[dict[str, dict[str, Variant]], frozenset[str]]:
    """Read tables/emotions.toml: emotion -> variant -> recipe, and the units that have sides."""
    table = read_table("emotions")
    recipes = {
        emotion: {
            name: Variant(variant["share"], {u: Part(*p) for u, p in variant["units"].items()})
            for name, variant in variants.items()
        }
        for emotion, variants in table.items()
        if emotion != "both"
    }
    return recipes, frozenset(table["both"])
