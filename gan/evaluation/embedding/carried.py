"""Labelled expressions carried to other people: faces that nobody scanned, for judges to learn.

A few hundred labelled faces teach a network who is smiling, not what a smile is. So what a mesh has
beyond its own person's mean face is put on the mean faces of others, with the same label. It is the
additive model of faces, person + expression: true for small changes of meshes that share topology
and frame, and good enough to learn from. Nothing of it is asked or counted later: judges are tried
on real held-out meshes only.

In even rounds every labelled mesh is carried to one other person. In odd rounds it is mixed with
another of its label and put between two people, so that no picture comes twice.

References
----------
Noh, Neumann, Expression cloning, SIGGRAPH 2001: motions of vertices carried from face to face; here
without their rotation and scaling. Zhang et al., mixup: Beyond empirical risk minimization, ICLR
2018; here of shapes that share a label, in place of pictures and labels.
"""

import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from gan.datasets.store import Dataset
from gan.evaluation.embedding.kept_pictures import KeptPictures
from gan.evaluation.embedding.learning import JudgeSettings
from gan.evaluation.embedding.normal_maps import draw_normal_maps
from gan.evaluation.metric import Progress

MAX_ROUNDS = 20
_RECIPE = 1  # raised when the same settings come to give other pictures


class Recipe(NamedTuple):
    """What each carried mesh is made of, `s E_i + (1 − s) E_j + t m_a + (1 − t) m_b`.

    m is a person's mean face, E what a mesh has beyond its own person's; s is `share`, t `blend`.

    Attributes
    ----------
    source, partner : i and j, rows of the data set; of one label
    person, other : a and b, indices into `people`
    share, blend : 1, in [0, 1]
    people : subjects of the training split, ascending
    label : of each
    """

    source: Int[np.ndarray, " k"]
    partner: Int[np.ndarray, " k"]
    person: Int[np.ndarray, " k"]
    other: Int[np.ndarray, " k"]
    share: Float[np.ndarray, " k"]
    blend: Float[np.ndarray, " k"]
    people: Int[np.ndarray, " p"]
    label: Int[np.ndarray, " k"]


def find_carriers(
    label: Int[np.ndarray, " n"], subject: Int[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Tell which of the training meshes can be carried to other people; no unlabelled one (-1) can.

    None where every person has one label: then the label is the person's, not the expression's. Nor
    those of a person of whom only one label is there, beside no unlabelled mesh: their mean face
    wears it, and nothing is beyond it.
    """
    labelled = label >= 0
    several = _with_several(subject[labelled], label[labelled])
    if len(several) == 0 or len(np.unique(subject)) < 2:
        return np.zeros(len(label), dtype=bool)
    return labelled & np.isin(subject, _with_several(subject, label))


def _with_several(subject: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the subjects that have two different labels, or more."""
    pairs = np.unique(np.stack([subject, label]), axis=1)
    people, count = np.unique(pairs[0], return_counts=True)
    return np.asarray(people[count > 1])


def draw_recipe(dataset: Dataset, factor: str, settings: JudgeSettings) -> Recipe:
    """Draw what is carried to whom, in as many rounds as `settings.pictures` asks for.

    The labelled meshes count as well. There are at most 20 rounds; each draws from the seed, the
    factor and its own number.
    """
    train, label = dataset.indices("train"), dataset.labels[factor]
    carriers = train[find_carriers(label[train], dataset.subject[train])]
    people = np.unique(dataset.subject[train])
    missing = max(0, settings.pictures - int((label[train] >= 0).sum())) if len(carriers) else 0
    rounds = min(MAX_ROUNDS, -(-missing // max(1, len(carriers))))
    label = label[carriers]
    own = np.searchsorted(people, dataset.subject[carriers])
    # source, partner, person, other; share, blend
    indices, mixing = [np.empty((4, 0), dtype=np.int64)], [np.empty((2, 0))]
    for k in range(rounds):
        key = [settings.seed, zlib.crc32(factor.encode()), zlib.crc32(b"carried"), k]
        rng = np.random.default_rng(key)
        if k % 2 == 0:
            # Anyone but the person whose expression it is.
            person = (own + rng.integers(1, len(people), len(own))) % len(people)
            indices.append(np.stack([carriers, carriers, person, person]))
            mixing.append(np.ones((2, len(own))))
        else:
            either = rng.integers(0, len(people), (2, len(own)))
            indices.append(np.stack([carriers, carriers[_draw_same(label, rng)], *either]))
            mixing.append(rng.random((2, len(own))))
    share, blend = np.concatenate(mixing, axis=1)
    source, partner, person, other = np.concatenate(indices, axis=1)
    return Recipe(source, partner, person, other, share, blend, people, np.tile(label, rounds))


def _draw_same(label: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw for each index one of the same label: any, itself as well."""
    _, which, count = np.unique(label, return_inverse=True, return_counts=True)
    order, first = np.argsort(which, kind="stable"), np.cumsum(count) - count
    return np.asarray(order[first[which] + rng.integers(0, count[which])])


class CarriedMaps(KeptPictures):
    """The normal maps of carried meshes, by their place in a recipe, in a file."""

    def __init__(
        self, dataset: Dataset, factor: str, recipe: Recipe, settings: JudgeSettings, folder: Path
    ) -> None:
        count = len(recipe.label)
        asked = [_RECIPE, dataset.fingerprint, factor, settings.seed, settings.image, count]
        key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:24]
        super().__init__(folder / f"carried-{key}.npy", count, settings.image)
        self._dataset, self._factor, self._recipe = dataset, factor, recipe

    def draw(self, progress: Progress, stop: Callable[[], bool] = lambda: False) -> None:
        """Draw what is not drawn yet.

        Raises
        ------
        Unfinished
            `stop` came first; what was drawn until then is kept.
        """
        if self._done.all():
            return
        data, recipe = self._dataset, self._recipe
        means = mean_faces(data, recipe.people, progress)
        self.draw_missing(
            np.arange(len(recipe.label)),
            lambda chosen: draw_normal_maps(
                carry(data, recipe, chosen, means), data.faces, data.template, self.size
            ),
            f"carried pictures for the judge of {self._factor}",
            progress,
            stop,
        )


def mean_faces(
    dataset: Dataset, people: Int[np.ndarray, " p"], progress: Progress
) -> Float32[np.ndarray, "p V 3"]:
    """Average all training meshes of each person, labelled or not; mm."""
    rows = dataset.indices("train")
    means = np.empty((len(people), *dataset.template.shape), dtype=np.float32)
    for k, (mean, person) in enumerate(zip(means, people, strict=True)):
        progress("averaging people", k, len(people))
        own = rows[dataset.subject[rows] == person]
        total = np.zeros(dataset.template.shape)
        for X in dataset.chunks(own):
            total += X.sum(axis=0, dtype=np.float64)
        mean[:] = total / len(own)
    return means


def carry(
    dataset: Dataset,
    recipe: Recipe,
    chosen: Int[np.ndarray, " b"],
    means: Float32[np.ndarray, "p V 3"],
) -> Float32[np.ndarray, "b V 3"]:
    """Make the meshes at these places of a recipe; mm."""
    share, blend = (x[chosen, None, None] for x in (recipe.share, recipe.blend))

    def beyond(rows: np.ndarray) -> np.ndarray:
        own = np.searchsorted(recipe.people, dataset.subject[rows])
        return np.asarray(dataset.vertices(rows) - means[own])

    first, second = beyond(recipe.source[chosen]), beyond(recipe.partner[chosen])
    expression = share * first + (1 - share) * second
    person, other = means[recipe.person[chosen]], means[recipe.other[chosen]]
    carried = expression + blend * person + (1 - blend) * other
    return np.asarray(carried, dtype=np.float32)
