"""Several data sets of one topology in one file: classes united by name, people kept apart."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gan.datasets.contract import SPLITS, STILL, UNLABELLED
from gan.datasets.importing.manifest import alike_names
from gan.datasets.store import Dataset, write_dataset
from gan.errors import DatasetError
from gan.progress import Progress, counter, silent
from gan.provenance import software
from meshkit.registration.procrustes import procrustes
from meshkit.registration.similarity import Similarity, identity

IDENTITY = "identity"
FAR = 5.0  # mm: root mean square distance of two templates that is worth a word


class Note(NamedTuple):
    """What a user should know of a merger, and the code of what mends it."""

    text: str
    remedy: str | None = None


@dataclasses.dataclass(frozen=True)
class Person:
    """A subject of one input: the number there, the name, the split."""

    source: int
    number: int
    name: str
    split: int


def merge_datasets(
    datasets: Sequence[Dataset],
    out: Path,
    *,
    same_subjects: bool = False,
    align: bool = False,
    progress: Progress = silent,
) -> list[Note]:
    """Write one data set with the meshes of several, in their order; return notes for the user.

    The classes of a factor are united by name; where a file lacks a factor, its meshes are
    unlabelled. Splits stay. The template is the mean of the templates, weighted by meshes.

    Parameters
    ----------
    same_subjects
        Subjects with the same class of "identity" are one person; else all are different, and
        names that occur twice are preceded by the file's.
    align
        Move each data set rigidly so that its template meets the first one's.

    Raises
    ------
    DatasetError
        There are fewer than two; topologies differ; a person is in two splits.
    OSError
        The file cannot be written.
    """
    if len(datasets) < 2:
        raise DatasetError("a merger needs two data sets or more")
    if len({dataset.path.resolve() for dataset in datasets} | {out.resolve()}) <= len(datasets):
        raise DatasetError(f"{out}: is one of the inputs, or an input is given twice")
    first, *others = datasets
    for dataset in others:
        dataset.check_topology(first.faces, str(first.path))
        if len(dataset.template) != len(first.template):
            raise DatasetError(
                f"{dataset.path}: {len(dataset.template)} vertices, "
                f"{first.path} has {len(first.template)}"
            )
    motions, notes = _motions(datasets, align)
    people, subject = _people(datasets, same_subjects)
    labels, names = _labels(datasets, people, subject)
    for factor, classes in names.items():
        notes += [
            Note(f"{factor}: {' and '.join(map(repr, alike))} differ by case or spaces only")
            for alike in alike_names(classes)
        ]
    n = sum(dataset.n for dataset in datasets)
    write_dataset(
        out,
        faces=first.faces,
        template=_template(datasets, motions),
        labels=labels,
        names=names,
        subject=subject,
        sequence=_sequences(datasets),
        frame=np.concatenate([dataset.frame for dataset in datasets]),
        split=np.concatenate([dataset.split for dataset in datasets]),
        vertices=_vertices(datasets, motions, counter(progress, "writing meshes", n)),
        n=n,
        modes=_common_modes(datasets, notes),
        landmarks=_common_landmarks(datasets, notes),
        provenance={
            "made_by": "gan data merge",
            "software": software(),
            "source": {"name": " + ".join(dataset.path.name for dataset in datasets)},
            "parameters": {"same_subjects": same_subjects, "aligned": align},
            "inputs": [
                {
                    "file": dataset.path.name,
                    "meshes": dataset.n,
                    "fingerprint": dataset.fingerprint,
                    "provenance": dataset.provenance,
                }
                for dataset in datasets
            ],
        },
    )
    return notes


def _motions(datasets: Sequence[Dataset], align: bool) -> tuple[list[Similarity], list[Note]]:
    """Return how each data set moves, and notes where the templates do not meet."""
    target = datasets[0].template.astype(np.float64)
    motions, notes = [identity()], list[Note]()
    for dataset in datasets[1:]:
        template = dataset.template.astype(np.float64)
        motion = procrustes(template, target)
        before, after = (
            float(np.sqrt(((V - target) ** 2).sum(axis=1).mean()))
            for V in (template, motion.apply(template))
        )
        if align:
            notes.append(
                Note(
                    f"{dataset.path}: moved onto {datasets[0].path}: its template was "
                    f"{before:.2f} mm away, now {after:.2f} mm"
                )
            )
        elif before > FAR and before > 2 * after:
            notes.append(
                Note(
                    f"{dataset.path}: its template is {before:.1f} mm from that of "
                    f"{datasets[0].path}, {after:.1f} mm if moved",
                    remedy="align-data-sets",
                )
            )
        motions.append(motion if align else identity())
    return motions, notes


def _template(datasets: Sequence[Dataset], motions: Sequence[Similarity]) -> np.ndarray:
    templates = [
        m.apply(d.template.astype(np.float64)) for d, m in zip(datasets, motions, strict=True)
    ]
    if all((template == templates[0]).all() for template in templates):
        return templates[0]
    return np.asarray(np.average(templates, axis=0, weights=[d.n for d in datasets]))


def _people(
    datasets: Sequence[Dataset], same_subjects: bool
) -> tuple[dict[str, Person], np.ndarray]:
    """Return the people by their new names, in order of their new numbers, and each mesh's."""
    listed = [
        Person(k, int(s), _name(dataset, int(s)), int(dataset.split[dataset.subject == s][0]))
        for k, dataset in enumerate(datasets)
        for s in np.unique(dataset.subject)
    ]
    count = Counter(person.name for person in listed)
    people: dict[str, Person] = {}
    number: dict[tuple[int, int], int] = {}
    names: list[str] = []
    for person in listed:
        name = person.name
        if count[name] > 1 and not same_subjects:
            name = _unique(f"{datasets[person.source].path.stem}/{name}", people)
        known = people.setdefault(name, person)
        if known.split != person.split:
            raise DatasetError(
                f"{name!r} is in {SPLITS[known.split]} in {datasets[known.source].path}, but in "
                f"{SPLITS[person.split]} in {datasets[person.source].path}"
            )
        if known is person:
            names.append(name)
        number[person.source, person.number] = names.index(name)
    subject = [number[k, int(s)] for k, dataset in enumerate(datasets) for s in dataset.subject]
    return people, np.array(subject)


def _unique(name: str, taken: dict[str, Person]) -> str:
    """Return the name, with a number behind it if it is taken: files of one name in two folders."""
    k, free = 2, name
    while free in taken:
        free, k = f"{name} ({k})", k + 1
    return free


def _name(dataset: Dataset, subject: int) -> str:
    """Return a subject's class of "identity", if all labelled meshes agree; else its number."""
    if IDENTITY in dataset.labels:
        classes = np.unique(dataset.labels[IDENTITY][dataset.subject == subject])
        classes = classes[classes != UNLABELLED]
        if len(classes) == 1:
            return dataset.names[IDENTITY][int(classes[0])]
    return f"subject {subject}"


def _labels(
    datasets: Sequence[Dataset], people: dict[str, Person], subject: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """Return the labels in united lists of classes; the classes of "identity" are the people."""
    labels, names = {}, {}
    starts = np.cumsum([0, *(dataset.n for dataset in datasets)])
    for factor in sorted({factor for dataset in datasets for factor in dataset.labels}):
        label = np.full(starts[-1], UNLABELLED)
        classes = list(people) if factor == IDENTITY else []
        for start, dataset in zip(starts[:-1], datasets, strict=True):
            if factor not in dataset.labels:
                continue
            old, part = dataset.labels[factor], slice(start, start + dataset.n)
            if factor == IDENTITY and _is_subject(dataset):
                label[part] = np.where(old == UNLABELLED, UNLABELLED, subject[part])
                continue
            classes += [name for name in dataset.names[factor] if name not in classes]
            renumber = [classes.index(name) for name in dataset.names[factor]]
            label[part] = np.array([*renumber, UNLABELLED])[old]
        used = np.unique(label[label != UNLABELLED])
        if factor == IDENTITY:  # people who are never labelled make no class
            label = np.where(label == UNLABELLED, UNLABELLED, np.searchsorted(used, label))
            classes = [classes[c] for c in used]
        labels[factor], names[factor] = label, classes
    return labels, names


def _is_subject(dataset: Dataset) -> bool:
    """Return whether each class of "identity" is one subject and each subject one class."""
    label, known = dataset.labels[IDENTITY], dataset.labels[IDENTITY] != UNLABELLED
    pairs = np.unique(np.stack([label[known], dataset.subject[known]]), axis=1)
    return all(len(np.unique(row)) == pairs.shape[1] for row in pairs)


def _sequences(datasets: Sequence[Dataset]) -> np.ndarray:
    sequences, offset = [], 0
    for dataset in datasets:
        moving = dataset.sequence != STILL
        sequences.append(np.where(moving, dataset.sequence + offset, STILL))
        offset += int(dataset.sequence.max(initial=STILL)) + 1
    return np.concatenate(sequences)


def _vertices(
    datasets: Sequence[Dataset], motions: Sequence[Similarity], advance: Callable[[int], None]
) -> Iterator[np.ndarray]:
    for dataset, motion in zip(datasets, motions, strict=True):
        still = bool((np.eye(3) == motion.R).all() and (motion.t == 0).all())
        for V in dataset.chunks(np.arange(dataset.n)):
            yield V if still else motion.apply(V.astype(np.float64))
            advance(len(V))


def _common_modes(datasets: Sequence[Dataset], notes: list[Note]) -> dict[str, np.ndarray]:
    """Return the modes that all inputs share bit for bit; others are left out, which is noted."""
    common = {}
    for factor in sorted({factor for dataset in datasets for factor in dataset.modes}):
        if len({dataset.modes.get(factor, np.empty(0)).tobytes() for dataset in datasets}) == 1:
            common[factor] = datasets[0].modes[factor]
        else:
            notes.append(Note(f"the modes of {factor} are left out: the inputs differ in them"))
    return common


def _common_landmarks(datasets: Sequence[Dataset], notes: list[Note]) -> np.ndarray | None:
    known = [dataset.landmarks for dataset in datasets if dataset.landmarks is not None]
    if not known:
        return None
    if any((marks != known[0]).any() for marks in known):
        notes.append(Note("the landmarks are left out: the inputs differ in them"))
        return None
    return known[0]
