"""People who are never trained on, and as many faces that are: what instruments compare with."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.datasets.store import Dataset
from gan.models.face_model import Factor
from gan.training.problem import Problem
from gan.training.statistics import class_effects

MAX_FACES = 128  # of each kind
MAX_LABELLED = 512  # held-out faces that say what a label looks like
BLOCK = 64  # meshes at once


class Faces(NamedTuple):
    """Faces as meshes, about the template, and as the discriminator sees them, without noise."""

    displacements: Float[Tensor, "N n"]  # mm, flattened
    images: Float[Tensor, "N 3 s s"]
    labels: dict[str, Int[Tensor, " N"]]  # of every factor of the model; -1: none that it knows


class ClassMeans(NamedTuple):
    """What each class of a factor adds to a face, in coordinates of the data's components."""

    effects: Float[Tensor, "C K"]
    of: str  # the split whose people show it


class HeldOut(NamedTuple):
    """Held-out and training faces, and the classes' means, for the instruments of a training."""

    split: str  # "validation", or "test" for a data set without validation people
    faces: Faces
    training: Faces
    labelled: Faces | None  # held-out faces with a label of any factor but the first
    means: dict[str, ClassMeans]
    basis: Float[Tensor, "K n"]  # orthonormal: the directions of the components


def held_out_split(dataset: Dataset) -> str | None:
    """Return the split that stands for people unseen: validation, else test, None without both."""
    return next((s for s in ("validation", "test") if len(dataset.indices(s))), None)


def hold_out(dataset: Dataset, problem: Problem) -> HeldOut | None:
    """Read the faces that instruments need; None if nobody is held out.

    Choosing a checkpoint by test people would make their figures optimistic, so that validation
    people come first.
    """
    split = held_out_split(dataset)
    if split is None:
        return None
    components = torch.from_numpy(problem.statistics.components).to(problem.images.mean.device)
    basis = components / components.norm(dim=1, keepdim=True)
    rows = dataset.indices(split)
    known = {f.name: _renumbered(dataset, f) for f in problem.factors}
    others = [known[f.name][rows] >= 0 for f in problem.factors[1:]]
    with_label = rows[np.any(others, axis=0)] if others else rows[:0]
    labelled = None
    if len(with_label):
        labelled = _read(dataset, problem, _spread(with_label, MAX_LABELLED), known)
    return HeldOut(
        split=split,
        faces=_read(dataset, problem, _spread(rows, MAX_FACES), known),
        training=_read(dataset, problem, _spread(problem.indices, MAX_FACES), known),
        labelled=labelled,
        means=_class_means(dataset, problem, labelled, _spread(with_label, MAX_LABELLED), basis),
        basis=basis,
    )


def images_of(displacements: Float[Tensor, "B n"], problem: Problem) -> Float[Tensor, "B 3 s s"]:
    """Return normalised geometry images of faces given about the template, in mm."""
    B, size = len(displacements), problem.images.mean.shape[-1]
    signals = displacements.view(B, -1, 3).permute(1, 2, 0).reshape(-1, 3 * B)  # vertex-major
    pixels = problem.mapping(signals).view(-1, 3, B) / problem.images.deviation
    pixels = pixels + problem.offset[:, :, None]
    images: Tensor = pixels.view(size, size, 3, B).permute(3, 2, 0, 1).contiguous()
    return images


def _spread(rows: Int[np.ndarray, " n"], most: int) -> Int[np.ndarray, " k"]:
    """Return at most so many of the rows, evenly spaced, so that everybody takes part."""
    places = np.linspace(0, len(rows) - 1, min(most, len(rows)))
    return np.asarray(rows[np.unique(places.astype(int))])


def _renumbered(dataset: Dataset, factor: Factor) -> Int[np.ndarray, " N"]:
    """Return the labels of all meshes as the model numbers them; -1 for a class it has not."""
    names = dataset.names[factor.name]
    number = {name: k for k, name in enumerate(factor.classes)}
    table = np.array([*(number.get(name, -1) for name in names), -1])  # the last serves -1
    return table[dataset.labels[factor.name]]


def _read(
    dataset: Dataset, problem: Problem, rows: np.ndarray, known: Mapping[str, np.ndarray]
) -> Faces:
    device = problem.images.mean.device
    displacements = torch.cat(
        [
            torch.from_numpy((V - dataset.template).reshape(len(V), -1)).to(device)
            for V in dataset.chunks(rows, BLOCK)
        ]
    )
    images = torch.cat([images_of(D, problem) for D in displacements.split(BLOCK)])
    labels = {name: torch.from_numpy(label[rows]).to(device) for name, label in known.items()}
    return Faces(displacements, images, labels)


def _class_means(
    dataset: Dataset,
    problem: Problem,
    labelled: Faces | None,
    rows: np.ndarray,
    basis: Float[Tensor, "K n"],
) -> dict[str, ClassMeans]:
    """Return every factor's means: of held-out people if they show every class, else of training's.

    The classes of the first factor are the training people themselves.
    """
    statistics, means = problem.statistics, dict[str, ClassMeans]()
    for k, factor in enumerate(problem.factors):
        if k == 0:
            effects = statistics.class_codes @ statistics.between
        else:
            effects = statistics.anchors[factor.name]
        in_mm = torch.from_numpy(effects * np.float32(statistics.scale)).to(basis.device)
        means[factor.name] = ClassMeans(_centred(in_mm @ basis.T), "train")
        if k == 0 or labelled is None:
            continue
        label = labelled.labels[factor.name].cpu().numpy()
        if len(np.unique(label[label >= 0])) == len(factor.classes):
            Y = (labelled.displacements @ basis.T).cpu().numpy().astype(np.float64)
            people = np.unique(dataset.subject[rows], return_inverse=True)[1].reshape(-1)
            own = torch.from_numpy(class_effects(Y, label, [people])).float().to(basis.device)
            means[factor.name] = ClassMeans(_centred(own), held_out_split(dataset) or "")
    return means


def _centred(effects: Float[Tensor, "C K"]) -> Float[Tensor, "C K"]:
    return effects - effects.mean(dim=0)
