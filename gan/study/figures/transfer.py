"""Expressions of held-out people on the faces of others, by every method."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from gan.datasets.store import Dataset
from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.match import AT_REST
from gan.study.figures.figure import Figure
from gan.study.figures.grid import Axis, draw_grid
from gan.study.figures.studio import EXPRESSION, METHODS, Studio, absent, join_text

NAME, TITLE = "expression-transfer", "Expression transfer"
_PAIRS = 5
_MOST = 16  # meshes of one person and class among which the strongest is looked for


class Pair(NamedTuple):
    """Meshes of a data set: whose expression is taken, and who is given it."""

    source: int
    target: int
    label: str  # of the source's expression; "" where it has none


def transfer_figure(studio: Studio) -> Iterator[Figure]:
    """Draw source, target and every method's result for the same pairs of held-out faces."""
    cast = studio.cast(METHODS, factors=(EXPRESSION,))
    if not cast.members:
        yield from absent(NAME, TITLE, join_text("no model takes part.", cast.missing))
        return
    pairs, split = pick_pairs(studio.dataset, _PAIRS, rng=studio.numpy_rng(NAME))
    if not pairs:
        yield from absent(NAME, TITLE, "the data set has a single person.")
        return
    source = studio.dataset.vertices([pair.source for pair in pairs])
    target = studio.dataset.vertices([pair.target for pair in pairs])
    columns = [source, target]
    for member in cast.members:
        with torch.no_grad():
            given = studio.model(member).transfer(
                torch.from_numpy(source), torch.from_numpy(target), EXPRESSION
            )
        columns.append(given.numpy())
    cells = [[studio.shoot(X[k]) for X in columns] for k in range(len(pairs))]
    titles = ("source", "target", *(member.title for member in cast.members))
    groups = (("given", 2), ("target with the source's expression", len(cast.members)))
    text = (
        f"Faces of the {split} split: each method encodes both, and decodes the target with the "
        "source's expression code. The expression should be the source's, the person the target."
    )
    rows = Axis([pair.label for pair in pairs])
    image = draw_grid(cells, rows=rows, columns=Axis(titles, groups))
    yield Figure(NAME, TITLE, join_text(text, cast.missing), image)


def pick_pairs(dataset: Dataset, n: int, *, rng: np.random.Generator) -> tuple[list[Pair], str]:
    """Return n pairs of faces of different people, and the split that they are from.

    The sources show the labelled expressions in turn, each as strong as that person shows it; the
    targets are at rest where the data has such faces. Of the test split, else of what there is.
    """
    split = next(s for s in ("test", "validation", "train") if len(dataset.indices(s)))
    rows = dataset.indices(split)
    people = rng.permutation(np.unique(dataset.subject[rows]))
    if len(people) < 2:
        return [], split
    label = dataset.labels.get(EXPRESSION, np.full(dataset.n, -1))
    names = dataset.names.get(EXPRESSION, ())
    moving = [c for c, name in enumerate(names) if name not in AT_REST and (label[rows] == c).any()]
    still = [c for c, name in enumerate(names) if name in AT_REST]
    pairs = []
    for k in range(n):
        wanted = moving[k % len(moving)] if moving else -1
        own = rows[label[rows] == wanted]
        order = np.roll(people, -k)
        source = next(person for person in order if (dataset.subject[own] == person).any())
        target = next(person for person in np.roll(people, -k - 1) if person != source)
        at_rest = rows[(dataset.subject[rows] == target) & np.isin(label[rows], still)]
        other = at_rest if len(at_rest) else rows[dataset.subject[rows] == target]
        chosen = _strongest(dataset, own[dataset.subject[own] == source], rows, still)
        pairs.append(Pair(chosen, int(other[0]), names[wanted] if wanted >= 0 else ""))
    return pairs, split


def _strongest(
    dataset: Dataset, own: Int[np.ndarray, " k"], rows: Int[np.ndarray, " n"], still: list[int]
) -> int:
    """Return the mesh of one person's that lies furthest from that person at rest."""
    own = own[np.unique(np.linspace(0, len(own) - 1, _MOST).astype(int))]
    label = dataset.labels.get(EXPRESSION, np.full(dataset.n, -1))
    same = dataset.subject[rows] == dataset.subject[own[0]]
    at_rest = rows[same & np.isin(label[rows], still)]
    X: Float[np.ndarray, "k V 3"] = dataset.vertices(own)
    rest = dataset.vertices(at_rest[:1])[0] if len(at_rest) else dataset.template
    return int(own[mean_vertex_distance(X, rest).argmax()])
