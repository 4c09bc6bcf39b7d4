"""A data set from a source of faces: people who show expressions, in stills and in sequences.

Identities are always labelled. Expressions are labelled in stills and, in a sequence from neutral
over an apex to neutral, in its first, last and apex frame only; the first and last are "neutral".
People are numbered train first, then validation, then test, so that training classes of "identity"
are a prefix of its names. Person k depends on the seed and on k alone. With visemes, people speak:
every still has a viseme's label, and in a sequence the frames at which one is reached.
"""

import dataclasses
import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gan.cache import cache_folder
from gan.datasets.contract import UNLABELLED
from gan.datasets.plan import Row, Size, add_speech, plan_subject, split_subjects
from gan.datasets.recipes import EMOTIONS, recipes
from gan.datasets.scanner import Scanner
from gan.datasets.shaping import Shaper, shape_people
from gan.datasets.source import FaceSource, translate_units
from gan.datasets.store import check_dataset, load_dataset, write_dataset
from gan.datasets.visemes import VISEMES, group_visemes, split_units
from gan.errors import DatasetError
from gan.progress import Progress, counter, silent
from gan.provenance import software

__all__ = [
    "SIZES",
    "Size",
    "default_dataset",
    "make_dataset",
    "named_size",
    "split_subjects",
]

LARGEST_NOISE = 5.0  # mm; more is no scanner

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


def make_dataset(
    source: FaceSource,
    path: Path | str,
    *,
    size: Size,
    seed: int,
    noise: float = 0.0,
    visemes: bool = False,
    jobs: int = 1,
    progress: Progress = silent,
) -> None:
    """Write a data set of faces from a source; equal arguments give equal bytes.

    Parameters
    ----------
    noise : mm
        Deviation of a scanner's noise: white, along the vertex normals.
    visemes
        Let the people speak: "viseme" becomes a third factor, and the modes of "expression" are
        those of the units that speech leaves alone. People and expressions are the same.
    jobs
        Processes; their number changes nothing but the time.

    Raises
    ------
    ValueError
        The size, the seed, the noise or the number of jobs is out of range; the source cannot
        speak.
    OSError
        The file cannot be written.
    """
    size.check()
    check_options(seed, noise, jobs)
    people = [list(plan_subject(subject, size, seed)) for subject in range(size.subjects)]
    groups = group_visemes(source) if visemes else []
    if visemes:
        if len(groups) < 2:
            raise ValueError(f"{source.name} cannot speak: all visemes look alike")
        people = [add_speech(rows, size, seed) for rows in people]
    rows = [row for person in people for row in person]
    subject = np.array([row.subject for row in rows])
    labels = {"identity": subject, "expression": np.array([row.expression for row in rows])}
    names = {"identity": name_subjects(size.subjects), "expression": EMOTIONS}
    if visemes:
        labels["viseme"] = _viseme_labels(rows, groups)
        names["viseme"] = tuple("+".join(group) for group in groups)
    parameters = {**dataclasses.asdict(size), "seed": seed, "noise_mm": noise}
    if visemes:
        parameters["visemes"] = True
    shaper = Shaper(source, seed, Scanner(white=noise))
    write_rows(
        path,
        source,
        rows,
        labels=labels,
        names=names,
        split=split_subjects(size.subjects)[subject],
        vertices=shape_people(shaper, people, jobs, counter(progress, "making faces", len(rows))),
        modes=_modes(source, visemes),
        parameters=parameters,
    )


def write_rows(
    path: Path | str,
    source: FaceSource,
    rows: Sequence[Row],
    *,
    parameters: dict[str, Any],
    **contents: Any,
) -> None:
    """Write the planned meshes of a source; `contents` are the further arrays of `write_dataset`.

    The provenance holds what is needed to make the file again, and what the source could not do.
    """
    asked = {unit for row in rows for unit in row.units}
    ignored = sorted(u for u in asked if not translate_units({u: 1.0}, source.controls))
    write_dataset(
        path,
        faces=source.faces,
        template=source.template,
        landmarks=source.landmarks,
        subject=np.array([row.subject for row in rows]),
        sequence=np.array([row.sequence for row in rows]),
        frame=np.array([row.frame for row in rows]),
        n=len(rows),
        provenance={
            "made_by": "gan data make",
            "software": software(),
            "source": {"name": source.name, **source.provenance},
            "parameters": parameters,
            "ignored_units": ignored,
        },
        **contents,
    )


def default_dataset(size: str = "small", progress: Progress = silent) -> Path:
    """Return the data set of embedded procedural heads; it is made once and kept in the cache.

    Its name carries a hash of what it is made from, so that another version makes it anew.
    """
    from gan.datasets.procedural import ProceduralHead

    source, numbers = ProceduralHead(), named_size(size)
    digest = hashlib.sha256(repr((numbers, software(), recipes())).encode())
    identity = source.sample_identity(np.random.default_rng(0))
    digest.update(source.shape(identity, dict.fromkeys(source.controls, 0.5)).tobytes())
    path = cache_folder() / f"procedural-{size}-{digest.hexdigest()[:12]}.h5"
    if not _is_whole(path):
        make_dataset(source, path, size=numbers, seed=0, progress=progress)
    return path


def _is_whole(path: Path) -> bool:
    try:
        with load_dataset(path) as dataset:
            check_dataset(dataset)
    except FileNotFoundError:
        return False
    except DatasetError as error:
        warnings.warn(f"{error}; it is made anew", stacklevel=3)
        return False
    return True


def check_options(seed: int, noise: float, jobs: int) -> None:
    """Raise ValueError unless the numbers are in range."""
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    if not 0 <= noise <= LARGEST_NOISE:
        raise ValueError(f"noise must be in [0, {LARGEST_NOISE:g}] mm, got {noise}")
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, got {jobs}")


def name_subjects(n: int, first: int = 0) -> tuple[str, ...]:
    """Return the names of the classes of "identity"."""
    return tuple(f"subject-{k:03d}" for k in range(first, first + n))


def _viseme_labels(rows: list[Row], groups: list[tuple[str, ...]]) -> np.ndarray:
    """Return the class of each mesh's viseme: the group that it belongs to."""
    group = {name: c for c, members in enumerate(groups) for name in members}
    table = np.array([*(group[name] for name in VISEMES), UNLABELLED])  # [-1] is the last
    return np.asarray(table[[row.viseme for row in rows]])


def _modes(source: FaceSource, visemes: bool) -> dict[str, np.ndarray]:
    """Return the modes per factor; with visemes, each unit belongs to one factor."""
    if not visemes:
        return {factor: source.modes(factor) for factor in ("identity", "expression")}
    expression, viseme = split_units(source.controls)
    modes = {"identity": source.modes("identity")}
    for factor, units in (("expression", expression), ("viseme", viseme)):
        if units:
            modes[factor] = source.unit_modes(units)
    return modes
