"""The open-faces benchmark, version 2: registered faces that anyone can make.

Few labels, unlabelled motion, people who move differently, a scanner that errs, people who are no
Gaussian, and expressions that depend on whose face they are on, by a dial. Beside the file lie
three more: `NAME.extreme.h5`, extreme expressions of further people; `NAME.judges.h5`, stills of
further people from whom only judges learn; `NAME.transfer.h5`, transfer between held-out people
with the truth. `data/open_faces.md` is the datasheet.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gan.datasets.benchmark.interaction import InteractingFace
from gan.datasets.benchmark.transfer_pairs import extreme_path, judges_path, transfer_path
from gan.datasets.benchmark.transfer_plan import count_pairs, write_pairs
from gan.datasets.contract import SPLITS, STILL, UNLABELLED
from gan.datasets.make import check_options, name_subjects, write_rows
from gan.datasets.plan import NEUTRAL, Row, purpose_rng
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

NAME, VERSION = "open-faces", 2  # raise the version when a face or a label changes
CYCLE, STILL_PERSON, LABELLED_PERSON = 7, 2, 5  # of seven people one is still, one labelled
FRAMES = 9  # of a moving person's sequence of each emotion
INTENSITIES = (0.5, 0.75, 1.0)  # of stills: all of each expression of a still person
JITTER = 0.05  # of the intensity
APEX_INTENSITY = (0.6, 1.0)
EXTREME_INTENSITY = (0.85, 1.0)
JUDGE_INTENSITY = (0.45, 1.0)
JUDGE_STILLS = 2  # of each expression of a person from whom judges learn
JUDGE_SPLIT = (0.8, 0.1, 0.1)
SCANNER = Scanner(white=0.05, smooth=0.15, reach=15.0)  # mm

Names = tuple[str, ...]  # of the expressions of a file


@dataclasses.dataclass(frozen=True)
class OpenFacesSize:
    """How many people there are for training, validation and test, for extremes and for judges."""

    train: int
    validation: int
    test: int
    extremes: int
    judges: int

    @property
    def subjects(self) -> int:
        """Return the number of people of the main file."""
        return self.train + self.validation + self.test

    @property
    def meshes(self) -> int:
        """Return the number of meshes of the main file."""
        still = len(range(STILL_PERSON, self.subjects, CYCLE))
        moving = self.subjects - still
        stills = len(EMOTIONS) * len(INTENSITIES)
        return still * stills + moving * (len(EMOTIONS) - 1) * FRAMES


SIZES = {
    "tiny": OpenFacesSize(8, 2, 4, extremes=2, judges=12),
    "small": OpenFacesSize(150, 15, 35, extremes=12, judges=300),
    "full": OpenFacesSize(350, 30, 70, extremes=12, judges=300),
}


def open_faces_size(name: str) -> OpenFacesSize:
    """Return one of `SIZES`; ValueError lists them."""
    if name not in SIZES:
        raise ValueError(f"size of {NAME} must be one of {', '.join(SIZES)}, got {name!r}")
    return SIZES[name]


def side_files(path: Path | str) -> dict[str, Path]:
    """Return what is written beside a benchmark file: the purpose of each file, and its path."""
    return {
        "extremes": extreme_path(path),
        "judges": judges_path(path),
        "transfer": transfer_path(path),
    }


def make_open_faces(
    source: FaceSource,
    path: Path | str,
    *,
    size: str = "small",
    seed: int = 0,
    interaction: float = 1.0,
    jobs: int = 1,
    progress: Progress = silent,
) -> None:
    """Write the benchmark and the files beside it; equal arguments, equal bytes.

    Parameters
    ----------
    interaction
        In [0, 1]: by how much expressions depend on whose face they are on (`InteractingFace`). At
        0 identity and expression add up.
    jobs
        Processes; their number changes nothing but the time.

    Raises
    ------
    ValueError
        The size is unknown; the seed, the interaction or the number of jobs is out of range.
    OSError
        A file cannot be written.
    """
    numbers, path = open_faces_size(size), Path(path)
    check_options(seed, SCANNER.white, jobs)
    shaper = Shaper(InteractingFace(source, interaction), seed, SCANNER)
    parameters = {"benchmark": NAME, "version": VERSION, "size": size, "seed": seed}
    parameters |= {"interaction": interaction}
    parameters |= {f"noise_{name}_mm": value for name, value in SCANNER._asdict().items()}
    first = numbers.subjects
    people = [list(plan_person(k, seed)) for k in range(first)]
    last = first + numbers.extremes
    strained = [list(plan_extremes(k, seed)) for k in range(first, last)]
    judged = [list(plan_judge(k, seed)) for k in range(last, last + numbers.judges)]
    held_out = list(range(first - numbers.test, first))
    pairs = count_pairs(len(held_out))
    total = sum(len(rows) for group in (people, strained, judged) for rows in group) + pairs
    advance = counter(progress, "making faces", total)

    def write(
        file: Path, group: list[list[Row]], names: tuple[str, ...], split: np.ndarray
    ) -> None:
        vertices = shape_people(shaper, group, jobs, advance)
        _write(file, shaper, group, names, split, vertices, parameters)

    beside = side_files(path)
    with contextlib.ExitStack() as stack:
        # The files beside it appear when the large one is there: all, or none.
        aside = {name: stack.enter_context(atomic_path(file)) for name, file in beside.items()}
        only_test = np.full(len(strained), SPLITS.index("test"))
        write(aside["extremes"], strained, tuple(extremes()), only_test)
        write(aside["judges"], judged, EMOTIONS, _split_judges(len(judged)))
        write_pairs(aside["transfer"], shaper, held_out, jobs, advance, parameters)
        counts = (numbers.train, numbers.validation, numbers.test)
        write(path, people, EMOTIONS, np.repeat(np.arange(len(SPLITS)), counts))


def plan_person(subject: int, seed: int) -> Iterator[Row]:
    """Yield a person's meshes: those of a still person, or the sequences of a moving one.

    A still person shows every expression at every intensity, labelled. A moving one shows all six
    emotions; one in six of them is labelled at each apex and once at rest, the others nowhere. So
    whoever shows anything shows everything, and whoever has labels has all.
    """
    if subject % CYCLE == STILL_PERSON:
        levels = [level for level in INTENSITIES for _ in EMOTIONS]
        yield from _stills(subject, seed, levels, JITTER)
    else:
        yield from _sequences(subject, seed, labelled=subject % CYCLE == LABELLED_PERSON)


def plan_judge(subject: int, seed: int) -> Iterator[Row]:
    """Yield the labelled stills of a person from whom only judges learn."""
    rng = purpose_rng(seed, subject, "speech")  # judges do not speak: a stream of their own
    levels = rng.uniform(*JUDGE_INTENSITY, JUDGE_STILLS * len(EMOTIONS))
    yield from _stills(subject, seed, levels.tolist(), 0.0)


def _stills(subject: int, seed: int, levels: list[float], jitter: float) -> Iterator[Row]:
    """Yield a labelled still of the expressions in turn, at these intensities."""
    rng = purpose_rng(seed, subject, "plan")
    style = sample_style(rng)
    for i, level in enumerate(levels):
        expression = i % len(EMOTIONS)
        intensity = min(1.0, level + float(rng.uniform(-jitter, jitter)))
        acted = emotion_units(EMOTIONS[expression], intensity, vary_style(style, rng))
        yield Row(subject, STILL, i, expression, _add(acted, resting_units(rng)))


def _sequences(subject: int, seed: int, labelled: bool) -> Iterator[Row]:
    """Yield a sequence of each emotion, in an order of the person's own."""
    rng = purpose_rng(seed, subject, "plan")
    style = sample_style(rng)
    n = len(EMOTIONS) - 1
    for k, expression in enumerate((rng.permutation(n) + 1).tolist()):
        tension, strength = resting_units(rng), float(rng.uniform(*APEX_INTENSITY))
        manner = vary_style(style, rng)
        course, apex = sequence_units(EMOTIONS[expression], strength, manner, FRAMES, rng)
        for frame, units in enumerate(course):
            label = UNLABELLED
            if labelled and frame == apex:
                label = expression
            elif labelled and (k, frame) == (0, 0):
                label = NEUTRAL
            yield Row(subject, subject * n + k, frame, label, _add(units, tension))


def _split_judges(n: int) -> np.ndarray:
    """Return the split of each person from whom judges learn."""
    counts = [max(1, round(share * n)) for share in JUDGE_SPLIT[1:]]
    return np.repeat(np.arange(len(SPLITS)), (n - sum(counts), *counts))


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
    write_rows(
        path,
        source,
        rows,
        labels={"identity": person, "expression": expression},
        names={"identity": name_subjects(len(people), first), "expression": expressions},
        split=split[person],
        vertices=vertices,
        modes={factor: source.modes(factor) for factor in ("identity", "expression")},
        parameters=parameters,
    )
