"""The open-faces benchmark: registered faces that anyone can make, with the paper's properties.

Few labels, unlabelled motion, people who move differently, a scanner that errs, and expressions
that depend on whose face they are on. A second file holds extreme expressions of further people.
`data/open_faces.md` is the datasheet.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gan.datasets.benchmark.transfer import TransferredFace
from gan.datasets.benchmark.transfer_pairs import extreme_path
from gan.datasets.contract import SPLITS, STILL, UNLABELLED
from gan.datasets.make import check_options, name_subjects, write_rows
from gan.datasets.morphable import LinearFace
from gan.datasets.plan import Row, purpose_rng
from gan.datasets.recipes import (
    EMOTIONS,
    Style,
    emotion_units,
    resting_units,
    sample_style,
    sequence_units,
    sided_units,
    vary_style,
)
from gan.datasets.scanner import Scanner
from gan.datasets.shaping import Shaper, shape_people
from gan.datasets.source import FaceSource
from gan.datasets.tables import read_table
from gan.progress import Progress, counter, silent
from meshkit.files import atomic_path

NAME, VERSION = "open-faces", 1  # raise the version when a face or a label changes
STILLS, SEQUENCES, FRAMES = len(EMOTIONS), 2, 37  # of each person; 8 of 81 labelled
INTENSITIES = (0.5, 0.75, 1.0)  # of stills, in turn
JITTER = 0.05  # of the intensity
APEX_INTENSITY = (0.6, 1.0)
EXTREME_INTENSITY = (0.85, 1.0)
VALIDATION, TEST = 0.05, 0.15  # shares of the people
SCANNER = Scanner(white=0.05, smooth=0.15, reach=15.0)  # mm


@dataclasses.dataclass(frozen=True)
class OpenFacesSize:
    """How many people show emotions, and how many others show extreme expressions."""

    subjects: int
    extreme_subjects: int

    @property
    def meshes(self) -> int:
        """Return the number of meshes in both files."""
        emotions = self.subjects * (STILLS + SEQUENCES * FRAMES)
        return emotions + self.extreme_subjects * len(extremes())


SIZES = {
    "tiny": OpenFacesSize(8, 2),
    "small": OpenFacesSize(75, 12),
    "full": OpenFacesSize(371, 12),
}


def open_faces_size(name: str) -> OpenFacesSize:
    """Return one of `SIZES`; ValueError lists them."""
    if name not in SIZES:
        raise ValueError(f"size of {NAME} must be one of {', '.join(SIZES)}, got {name!r}")
    return SIZES[name]


def make_open_faces(
    source: FaceSource,
    path: Path | str,
    *,
    size: str = "small",
    seed: int = 0,
    jobs: int = 1,
    progress: Progress = silent,
) -> None:
    """Write the benchmark and, beside it, its extreme expressions; equal arguments, equal bytes.

    The expressions of a linear model are carried to each person by deformation transfer; other
    sources interact by themselves and are used as they are.

    Parameters
    ----------
    jobs
        Processes; their number changes nothing but the time.

    Raises
    ------
    ValueError
        The size is unknown; the seed or the number of jobs is out of range.
    OSError
        A file cannot be written.
    """
    numbers, path = open_faces_size(size), Path(path)
    check_options(seed, SCANNER.white, jobs)
    if isinstance(source, LinearFace):
        source = TransferredFace(source)
    shaper = Shaper(source, seed, SCANNER)
    parameters = {"benchmark": NAME, "version": VERSION, "size": size, "seed": seed}
    people = [list(plan_person(k, seed)) for k in range(numbers.subjects)]
    others = range(numbers.subjects, numbers.subjects + numbers.extreme_subjects)
    strained = [list(plan_extremes(k, seed)) for k in others]
    advance = counter(progress, "making faces", numbers.meshes)
    # The small file appears when the large one is there: both, or neither.
    with atomic_path(extreme_path(path)) as aside:
        split = np.full(len(others), SPLITS.index("test"))
        vertices = shape_people(shaper, strained, jobs, advance)
        _write(aside, shaper, strained, tuple(extremes()), split, vertices, parameters)
        vertices = shape_people(shaper, people, jobs, advance)
        _write(path, shaper, people, EMOTIONS, split_people(len(people)), vertices, parameters)


def split_people(n: int) -> np.ndarray:
    """Return the split of each person: train, then a few for validation, more for test."""
    validation, test = max(1, round(VALIDATION * n)), max(2, round(TEST * n))
    return np.repeat(np.arange(len(SPLITS)), (n - validation - test, validation, test))


def plan_person(subject: int, seed: int) -> Iterator[Row]:
    """Yield a person's meshes: a labelled still of each expression, then two sequences.

    Of the first sequence the apex is labelled, of the second nothing.
    """
    rng = purpose_rng(seed, subject, "plan")
    style = sample_style(rng)
    for i, emotion in enumerate(EMOTIONS):
        level = INTENSITIES[(i + subject) % len(INTENSITIES)]
        intensity = min(1.0, level + float(rng.uniform(-JITTER, JITTER)))
        acted = emotion_units(emotion, intensity, vary_style(style, rng))
        yield Row(subject, STILL, i, i, _add(acted, resting_units(rng)))
    performed = rng.permutation(len(EMOTIONS) - 1)[:SEQUENCES] + 1
    for k, expression in enumerate(performed.tolist()):
        tension, strength = resting_units(rng), float(rng.uniform(*APEX_INTENSITY))
        manner = vary_style(style, rng)
        course, apex = sequence_units(EMOTIONS[expression], strength, manner, FRAMES, rng)
        for frame, units in enumerate(course):
            label = expression if (k, frame) == (0, apex) else UNLABELLED
            yield Row(subject, subject * SEQUENCES + k, frame, label, _add(units, tension))


def plan_extremes(subject: int, seed: int) -> Iterator[Row]:
    """Yield a still of each extreme expression in a person's manner."""
    rng = purpose_rng(seed, subject, "plan")
    style = sample_style(rng)
    for i, name in enumerate(extremes()):
        intensity = float(rng.uniform(*EXTREME_INTENSITY))
        yield Row(subject, STILL, i, i, extreme_units(name, intensity, style))


def extreme_units(name: str, intensity: float, style: Style) -> dict[str, float]:
    """Return the action units of an extreme expression at an intensity in [0, 1].

    Of the style only the strengths count: the sides are the expression's own.
    """
    if name not in extremes():
        raise ValueError(f"unknown extreme expression {name!r}; known: {', '.join(extremes())}")
    if not 0 <= intensity <= 1:
        raise ValueError(f"intensity must be in [0, 1], got {intensity}")
    units = dict[str, float]()
    for unit, weight in extremes()[name].items():
        gain = style.gain.get(unit.partition("_")[0], 1.0)
        units |= sided_units(unit, weight * intensity * gain, 0.0)
    return units


def extremes() -> dict[str, dict[str, float]]:
    """Return the units of each extreme expression."""
    return read_table("extremes")


def _add(units: dict[str, float], tension: dict[str, float]) -> dict[str, float]:
    """Return an expression on a face that is never quite at rest."""
    total = {unit: units.get(unit, 0.0) + tension.get(unit, 0.0) for unit in units | tension}
    return {unit: min(1.0, weight) for unit, weight in total.items()}


def _write(
    path: Path,
    shaper: Shaper,
    people: list[list[Row]],
    expressions: tuple[str, ...],
    split: np.ndarray,
    vertices: Iterator[np.ndarray],
    parameters: dict[str, Any],
) -> None:
    source, rows = shaper.source, [row for person in people for row in person]
    first = rows[0].subject
    person = np.array([row.subject for row in rows]) - first
    expression = np.array([row.expression for row in rows])
    scanner = {f"noise_{name}_mm": value for name, value in shaper.scanner._asdict().items()}
    write_rows(
        path,
        source,
        rows,
        labels={"identity": person, "expression": expression},
        names={"identity": name_subjects(len(people), first), "expression": expressions},
        split=split[person],
        vertices=vertices,
        modes={factor: source.modes(factor) for factor in ("identity", "expression")},
        parameters=parameters | scanner,
    )
