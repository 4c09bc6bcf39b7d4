"""What all baselines learn from: the training split, its labels, each person's neutral face."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gan.baselines.config import BaselineConfig
from gan.datasets.contract import STILL
from gan.datasets.label_share import share_of_labels
from gan.datasets.store import Dataset
from gan.errors import DatasetError
from gan.models.contract import Core, Factor
from meshkit.mesh import Mesh
from meshkit.param import parameterize


@dataclass(frozen=True)
class LabelledFaces:
    """Meshes whose person has a neutral face; the neutral face is the mean of the labelled ones.

    Attributes
    ----------
    rows : (N,)
        Of the data set.
    person, expression : (N,)
        Classes; −1: no expression label.
    people, expressions
        Names of the classes.
    neutral : (A, V, 3), mm
        Of every person, float64.
    """

    dataset: Dataset
    rows: Int[np.ndarray, " N"]
    person: Int[np.ndarray, " N"]
    expression: Int[np.ndarray, " N"]
    people: tuple[str, ...]
    expressions: tuple[str, ...]
    neutral: Float[np.ndarray, "A V 3"]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def size(self) -> int:
        """Coordinates of a mesh, 3V."""
        return int(self.dataset.template.size)

    def vertices(self, which: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k V 3"]:
        """Return meshes by their number in these, in mm."""
        return self.dataset.vertices(self.rows[which])

    def displacements(self, which: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k V 3"]:
        """Return meshes less their person's neutral face, in mm, float32."""
        D = self.vertices(which) - self.neutral[self.person[which]]
        return np.asarray(D, dtype=np.float32)

    def spread(self, most: int) -> Int[np.ndarray, " k"]:
        """Return numbers of at most `most` meshes, evenly spread."""
        return np.unique(np.linspace(0, len(self) - 1, min(most, len(self))).astype(np.int64))

    @cached_property
    def mesh(self) -> Mesh:
        """The template with texture coordinates: outer border on the unit square, holes filled."""
        V = self.dataset.template.astype(np.float64)
        UV = parameterize(V, self.dataset.faces, fill_holes=True).UV
        return Mesh(V, self.dataset.faces, UV=UV)

    def core(self, config: BaselineConfig, codes: Mapping[str, Tensor], step: int) -> Core:
        """Return what a model learned from these faces has in common with every other."""
        marks = self.dataset.landmarks
        mesh = self.mesh
        assert mesh.UV is not None
        return Core(
            factors=(
                Factor(config.identity, config.identity_size, self.people),
                Factor(config.expression, config.expression_size, self.expressions),
            ),
            codes=codes,
            template=torch.from_numpy(mesh.V).float(),
            faces=torch.from_numpy(mesh.F),
            UV=torch.from_numpy(mesh.UV),
            landmarks=None if marks is None else torch.from_numpy(marks),
            provenance={
                "step": step,
                "dataset": self.dataset.fingerprint,
                "baseline": config.kind,
            },
        )


def labelled_faces(dataset: Dataset, config: BaselineConfig, split: str = "train") -> LabelledFaces:
    """Gather the meshes of a split, and the neutral face of everyone in it.

    Who has no labelled neutral face is taken to be at rest where sequences begin, unless the
    configuration says that they begin otherwise. Meshes without an identity label, and people
    without either, are left out with a warning that counts them.

    Raises
    ------
    DatasetError
        A factor or the class of rest is missing, or fewer than two people are left.
    """
    for factor in (config.identity, config.expression):
        if factor not in dataset.labels:
            known = ", ".join(dataset.labels)
            raise DatasetError(f"{dataset.path}: no labels for {factor!r}; it has {known}")
    names = dataset.names[config.expression]
    if config.neutral not in names:
        raise DatasetError(
            f"{dataset.path}: {config.expression!r} has no class {config.neutral!r}, which every "
            f"baseline starts from; it has {', '.join(names)}; set neutral to one of them"
        )
    rows = dataset.indices(split)
    rest = names.index(config.neutral)
    person, expression = (dataset.labels[f][rows] for f in (config.identity, config.expression))
    expression = share_of_labels(
        expression, names, config.label_share, seed=config.seed, rest=config.neutral
    )
    if config.starts_at_rest:
        guessed = _guess_rest(dataset, rows, person, expression == rest)
        expression = np.where(guessed, rest, expression)
    have = np.intersect1d(person[expression == rest], person[person >= 0])
    kept = np.isin(person, have)
    if not kept.all():
        warnings.warn(
            f"{dataset.path}: {int((~kept).sum())} of {len(rows)} {split} meshes are left out: "
            f"their person has no {config.neutral} face",
            stacklevel=2,
        )
    if len(have) < 2:
        raise DatasetError(
            f"{dataset.path}: {len(have)} people with a {config.neutral} face in the {split} "
            "split; a baseline needs two or more"
        )
    rows, person, expression = rows[kept], person[kept], expression[kept]
    neutral = np.stack(
        [
            dataset.vertices(rows[(person == p) & (expression == rest)]).mean(
                axis=0, dtype=np.float64
            )
            for p in have
        ]
    )
    shown = np.unique(expression[expression >= 0])
    renumber = np.full(len(names) + 1, -1)  # the last entry serves the label −1
    renumber[shown] = np.arange(len(shown))
    return LabelledFaces(
        dataset=dataset,
        rows=rows,
        person=np.searchsorted(have, person),
        expression=renumber[expression],
        people=tuple(dataset.names[config.identity][p] for p in have),
        expressions=tuple(names[e] for e in shown),
        neutral=neutral,
    )


def _guess_rest(
    dataset: Dataset,
    rows: Int[np.ndarray, " N"],
    person: Int[np.ndarray, " N"],
    labelled: Bool[np.ndarray, " N"],
) -> Bool[np.ndarray, " N"]:
    """Return which meshes begin a sequence of a person without a labelled face at rest; warn."""
    begins = (dataset.sequence[rows] != STILL) & (dataset.frame[rows] == 0)
    guessed = begins & (person >= 0) & ~np.isin(person, person[labelled])
    if people := len(np.unique(person[guessed])):
        warnings.warn(
            f"{dataset.path}: {people} people have no labelled face at rest: where their sequences "
            "begin they are taken to be (starts_at_rest)",
            stacklevel=3,
        )
    return np.asarray(guessed)
