"""A data set from a source of faces: people who show expressions, in stills and in sequences.

Identities are always labelled. Expressions are labelled in stills and, in a sequence from neutral
over an apex to neutral, in its first, last and apex frame only; the first and last are "neutral".
People are numbered train first, then validation, then test, so that training classes of "identity"
are a prefix of its names. Person k depends on the seed and on k alone.
"""

import dataclasses
import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from gan.cache import cache_folder
from gan.datasets.contract import SPLITS, STILL, UNLABELLED
from gan.datasets.recipes import (
    EMOTIONS,
    Style,
    emotion_units,
    recipes,
    resting_units,
    sample_style,
    sequence_units,
    vary_style,
)
from gan.datasets.source import FaceSource, translate_units
from gan.datasets.store import write_dataset
from meshkit.render import vertex_normals

STILL_INTENSITY = (0.4, 1.0)
APEX_INTENSITY = (0.6, 1.0)
HELD_OUT = 0.1  # share of the people for validation, and again for test
NEUTRAL = EMOTIONS.index("neutral")
LARGEST_NOISE = 5.0  # mm; more is no scanner


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


SIZES = {
    "tiny": Size(subjects=8, stills=7, sequences=1, frames=9),
    "demo": Size(subjects=40, stills=7, sequences=2, frames=20),
    "small": Size(subjects=100, stills=7, sequences=3, frames=20),
    "full": Size(subjects=150, stills=7, sequences=6, frames=33),
}


def named_size(name: str) -> Size:
    """Return one of `SIZES`; ValueError lists them."""
    if name not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}, got {name!r}")
    return SIZES[name]


class Row(NamedTuple):
    """One mesh before it has vertices."""

    subject: int
    sequence: int
    frame: int
    expression: int  # class, or UNLABELLED
    units: dict[str, float]


def make_dataset(
    source: FaceSource,
    path: Path | str,
    *,
    size: Size,
    seed: int,
    noise: float = 0.0,
    progress: Callable[[int], None] = lambda n: None,
) -> None:
    """Write a data set of faces from a source; equal arguments give equal bytes.

    Parameters
    ----------
    noise : mm
        Deviation of a scanner's noise: white, along the vertex normals.
    progress
        Is told the number of meshes made since it was last called.

    Raises
    ------
    ValueError
        The size, the seed or the noise is out of range.
    OSError
        The file cannot be written.
    """
    size.check()
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    if not 0 <= noise <= LARGEST_NOISE:
        raise ValueError(f"noise must be in [0, {LARGEST_NOISE:g}] mm, got {noise}")
    rows = [row for subject in range(size.subjects) for row in plan_subject(subject, size, seed)]
    subject = np.array([row.subject for row in rows])
    write_dataset(
        path,
        faces=source.faces,
        template=source.template,
        labels={"identity": subject, "expression": np.array([row.expression for row in rows])},
        names={
            "identity": [f"subject-{k:03d}" for k in range(size.subjects)],
            "expression": EMOTIONS,
        },
        subject=subject,
        sequence=np.array([row.sequence for row in rows]),
        frame=np.array([row.frame for row in rows]),
        split=split_subjects(size.subjects)[subject],
        vertices=_shapes(source, rows, size, seed, noise, progress),
        n=len(rows),
        modes={factor: source.modes(factor) for factor in ("identity", "expression")},
        landmarks=source.landmarks,
        provenance=_provenance(source, size, seed, noise, rows),
    )


def default_dataset(size: str = "small", progress: Callable[[int], None] = lambda n: None) -> Path:
    """Return the data set of embedded procedural heads; it is made once and kept in the cache.

    Its name carries a hash of what it is made from, so that another version makes it anew.
    """
    from gan.datasets.procedural import ProceduralHead

    source, numbers = ProceduralHead(), named_size(size)
    digest = hashlib.sha256(repr((numbers, _software(), recipes())).encode())
    identity = source.sample_identity(np.random.default_rng(0))
    digest.update(source.shape(identity, dict.fromkeys(source.controls, 0.5)).tobytes())
    path = cache_folder() / f"procedural-{size}-{digest.hexdigest()[:12]}.h5"
    if not path.is_file():
        make_dataset(source, path, size=numbers, seed=0, progress=progress)
    return path


def split_subjects(n: int) -> np.ndarray:
    """Return the split of each person: train, then a tenth each for validation and test."""
    held_out = max(1, round(HELD_OUT * n))
    counts = (n - 2 * held_out, held_out, held_out)
    return np.repeat(np.arange(len(SPLITS)), counts)


def plan_subject(subject: int, size: Size, seed: int) -> Iterator[Row]:
    """Yield a person's meshes: stills of the expressions in turn, then the sequences."""
    rng = _rng(seed, subject, "plan")
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


def _still_units(emotion: str, style: Style, rng: np.random.Generator) -> dict[str, float]:
    """Return the action units of a still; a neutral one keeps slight tensions."""
    if emotion == "neutral":
        return resting_units(rng)
    return emotion_units(emotion, float(rng.uniform(*STILL_INTENSITY)), vary_style(style, rng))


def _shapes(
    source: FaceSource,
    rows: list[Row],
    size: Size,
    seed: int,
    noise: float,
    progress: Callable[[int], None],
) -> Iterator[Float[np.ndarray, "_ V 3"]]:
    """Yield the vertices person by person, so that few are in memory."""
    each = len(rows) // size.subjects
    for subject in range(size.subjects):
        identity = source.sample_identity(_rng(seed, subject, "identity"))
        scanner = _rng(seed, subject, "noise")
        for first in range(subject * each, (subject + 1) * each, 32):
            block = rows[first : min(first + 32, (subject + 1) * each)]
            V = np.stack(
                [
                    source.shape(identity, translate_units(row.units, source.controls))
                    for row in block
                ]
            )
            if noise > 0:
                offset = scanner.normal(0, noise, (*V.shape[:2], 1))
                V = V + offset * vertex_normals(V, source.faces)
            yield V
            progress(len(V))


def _rng(seed: int, subject: int, purpose: str) -> np.random.Generator:
    """Return the generator of one purpose, so that no draw moves another."""
    return np.random.default_rng([seed, subject, ("plan", "identity", "noise").index(purpose)])


def _software() -> str:
    return f"meshkit-gan {importlib.metadata.version('meshkit-gan')}"


def _provenance(
    source: FaceSource, size: Size, seed: int, noise: float, rows: list[Row]
) -> dict[str, Any]:
    """Return what is needed to make the file again, and what the source could not do."""
    asked = {unit for row in rows for unit in row.units}
    ignored = sorted(u for u in asked if not translate_units({u: 1.0}, source.controls))
    return {
        "made_by": "gan data make",
        "software": _software(),
        "source": {"name": source.name, **source.provenance},
        "parameters": {**dataclasses.asdict(size), "seed": seed, "noise_mm": noise},
        "ignored_units": ignored,
    }
