"""What each mesh of a data set shows, before any has vertices: people, stills, sequences, speech.

Person k depends on the seed and on k alone; each purpose has random numbers of its own, so that no
draw moves another: a data set with visemes has the people and the expressions of one without.
"""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gan.datasets.contract import SPLITS, STILL, UNLABELLED
from gan.datasets.recipes import (
    EMOTIONS,
    Style,
    emotion_units,
    resting_units,
    sample_style,
    sequence_units,
    vary_style,
)
from gan.datasets.visemes import (
    STRENGTH,
    VISEMES,
    sample_speech_style,
    speech_course,
    viseme_mouth,
)

STILL_INTENSITY = (0.4, 1.0)
APEX_INTENSITY = (0.6, 1.0)
HELD_OUT = 0.1  # share of the people for validation, and again for test
NEUTRAL = EMOTIONS.index("neutral")
PURPOSES = ("plan", "identity", "noise", "speech")


@dataclasses.dataclass(frozen=True)
class Size:
    """How many people, and how many meshes of each."""

    subjects: int
    stills: int
    sequences: int
    frames: int

    @property
    def meshes(self) -> int:
        """Return the number of meshes in all."""
        return self.subjects * (self.stills + self.sequences * self.frames)

    def check(self) -> None:
        """Raise ValueError unless there is something to learn from and to judge by."""
        if self.subjects < 4:
            raise ValueError(
                f"subjects must be at least 4 (2 to train, 1 to validate, 1 to test), "
                f"got {self.subjects}"
            )
        if min(self.stills, self.sequences) < 0 or self.stills + self.sequences < 1:
            raise ValueError(
                f"stills and sequences must be 0 or more and not both 0, "
                f"got {self.stills} and {self.sequences}"
            )
        if self.sequences and self.frames < 3:
            raise ValueError(f"frames must be at least 3 for a sequence, got {self.frames}")


class Row(NamedTuple):
    """One mesh before it has vertices."""

    subject: int
    sequence: int
    frame: int
    expression: int  # class, or UNLABELLED
    units: dict[str, float]
    viseme: int = UNLABELLED  # index into VISEMES, or UNLABELLED


def purpose_rng(seed: int, subject: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose, so that no draw moves another."""
    return np.random.default_rng([seed, subject, PURPOSES.index(purpose)])


def split_subjects(n: int) -> np.ndarray:
    """Return the split of each person: train, then a tenth each for validation and test."""
    held_out = max(1, round(HELD_OUT * n))
    counts = (n - 2 * held_out, held_out, held_out)
    return np.repeat(np.arange(len(SPLITS)), counts)


def plan_subject(subject: int, size: Size, seed: int) -> Iterator[Row]:
    """Yield a person's meshes: stills of the expressions in turn, then the sequences."""
    rng = purpose_rng(seed, subject, "plan")
    style = sample_style(rng)
    for i in range(size.stills):
        emotion = EMOTIONS[(i + subject * size.stills) % len(EMOTIONS)]
        yield Row(subject, STILL, i, EMOTIONS.index(emotion), _still_units(emotion, style, rng))
    order = [int(e) for _ in range(size.sequences) for e in rng.permutation(len(EMOTIONS) - 1)]
    for i in range(size.sequences):
        emotion = EMOTIONS[1 + order[i]]
        course, apex = sequence_units(
            emotion,
            float(rng.uniform(*APEX_INTENSITY)),
            vary_style(style, rng),
            size.frames,
            rng,
        )
        for frame, units in enumerate(course):
            label = UNLABELLED
            if frame == apex:
                label = EMOTIONS.index(emotion)
            elif frame in (0, size.frames - 1):
                label = NEUTRAL
            yield Row(subject, subject * size.sequences + i, frame, label, units)


def add_speech(rows: list[Row], size: Size, seed: int) -> list[Row]:
    """Let a person speak: a viseme in every still, a stream of them in every sequence.

    Visemes come in turn over the stills, so that with the expressions every combination occurs; in
    a sequence the frames at which a viseme is reached carry its label.
    """
    rng = purpose_rng(seed, rows[0].subject, "speech")
    style = sample_speech_style(rng)
    spoken = []
    for row in rows[: size.stills]:
        viseme = (row.frame + row.subject * size.stills) % len(VISEMES)
        mouth = viseme_mouth(VISEMES[viseme], float(rng.uniform(*STRENGTH)), style)
        spoken.append(row._replace(units=mouth.speak(row.units), viseme=viseme))
    for start in range(size.stills, len(rows), max(1, size.frames)):
        speech = speech_course(size.frames, style, rng)
        for row in rows[start : start + size.frames]:
            said = speech.visemes.get(row.frame)
            spoken.append(
                row._replace(
                    units=speech.mouths[row.frame].speak(row.units),
                    viseme=UNLABELLED if said is None else VISEMES.index(said),
                )
            )
    return spoken


def _still_units(emotion: str, style: Style, rng: np.random.Generator) -> dict[str, float]:
    """Return the action units of a still; a neutral one keeps slight tensions."""
    if emotion == "neutral":
        return resting_units(rng)
    return emotion_units(emotion, float(rng.uniform(*STILL_INTENSITY)), vary_style(style, rng))
