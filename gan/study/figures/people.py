"""Which real faces a figure shows: people that no model has seen, moving or at rest."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from gan.datasets.store import Dataset
from gan.evaluation.coding import AT_REST
from gan.evaluation.distance import mean_vertex_distance
from gan.study.figures.studio import EXPRESSION

_CANDIDATES = 16  # meshes of one person and class among which the strongest is looked for


class Shown(NamedTuple):
    """A mesh of a data set.

    Attributes
    ----------
    mesh, subject : its index, and the number of the person
    label : its expression; "" where it has none
    """

    mesh: int
    subject: int
    label: str


def held_out(dataset: Dataset) -> tuple[str, Int[np.ndarray, " n"]]:
    """Return the split that models have seen least of, and the indices of its meshes."""
    split = next(s for s in ("test", "validation", "train") if len(dataset.indices(s)))
    return split, dataset.indices(split)


def moving_faces(
    dataset: Dataset, rows: Int[np.ndarray, " r"], n: int, *, rng: np.random.Generator
) -> list[Shown]:
    """Return n of the meshes `rows`: the labelled expressions in turn, each as strong as it gets.

    Each is of the next person, in a random order, who shows that expression. Without labels they
    are what moves a person furthest from the template.
    """
    people = rng.permutation(np.unique(dataset.subject[rows]))
    label = _labels(dataset)[rows]
    names = dataset.names.get(EXPRESSION, ())
    moving = [c for c, name in enumerate(names) if name not in AT_REST and (label == c).any()]
    faces = []
    for k in range(n):
        wanted = moving[k % len(moving)] if moving else None
        own = rows if wanted is None else rows[label == wanted]
        order = np.roll(people, -k)
        person = next(p for p in order if (dataset.subject[own] == p).any())
        mesh = _strongest(dataset, own[dataset.subject[own] == person], rows)
        faces.append(Shown(mesh, int(person), "" if wanted is None else names[wanted]))
    return faces


def resting_face(dataset: Dataset, rows: Int[np.ndarray, " r"], *, after: int) -> int | None:
    """Return a mesh of the person who follows `after`, at rest if there is one; None: nobody."""
    people = np.unique(dataset.subject[rows])
    others = [*people[people > after], *people[people < after]]
    if not others:
        return None
    own = rows[dataset.subject[rows] == others[0]]
    still = own[_at_rest(dataset, own)]
    return int(still[0] if len(still) else own[0])


def _strongest(dataset: Dataset, own: Int[np.ndarray, " k"], rows: Int[np.ndarray, " r"]) -> int:
    """Return the mesh of one person's that lies furthest from that person at rest."""
    own = own[np.unique(np.linspace(0, len(own) - 1, _CANDIDATES).astype(int))]
    same = rows[dataset.subject[rows] == dataset.subject[own[0]]]
    still = same[_at_rest(dataset, same)]
    rest = dataset.vertices(still[:1])[0] if len(still) else dataset.template
    return int(own[mean_vertex_distance(dataset.vertices(own), rest).argmax()])


def _at_rest(dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    names = dataset.names.get(EXPRESSION, ())
    return np.isin(_labels(dataset)[rows], [c for c, n in enumerate(names) if n in AT_REST])


def _labels(dataset: Dataset) -> np.ndarray:
    return dataset.labels.get(EXPRESSION, np.full(dataset.n, -1))
