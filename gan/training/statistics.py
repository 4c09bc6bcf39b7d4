"""Mean, deviation and principal components of a data set's displacements."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gan.datasets.store import Dataset
from meshkit.files import atomic_path

BLOCK = 256  # meshes read at once
SAMPLED = 1024  # meshes from which components are computed
ANCHORED = 64  # meshes from which the mean of a class is computed


class Statistics(NamedTuple):
    """Of the displacements from the template, over the training split.

    Components are principal components times their deviations; they, and `anchors`, are in units
    of `scale`, flattened.
    """

    mean: Float[np.ndarray, "V 3"]  # mm
    scale: float  # mm: deviation of one coordinate about the mean, over all vertices
    components: Float[np.ndarray, "K n"]  # of all displacements
    between: Float[np.ndarray, "C n"]  # of the class means of the first factor
    within: Float[np.ndarray, "W n"]  # of what is left within its classes
    anchors: dict[str, Float[np.ndarray, "A n"]]  # other factors: class means of what is left


def displacement_statistics(
    dataset: Dataset,
    indices: np.ndarray,
    labels: Mapping[str, np.ndarray],
    n_components: int,
    folder: Path,
) -> Statistics:
    """Compute, or read from `folder`, the statistics of the meshes `indices`.

    `labels` gives the classes of those meshes, factor by factor, or -1; the first factor is the
    one that is taken apart.
    """
    key = hashlib.sha256(json.dumps([n_components, *labels]).encode())
    for part in (indices, *labels.values()):
        key.update(part.astype(np.int64).tobytes())
    path = folder / f"components-{key.hexdigest()[:16]}.npz"
    if not path.exists():
        arrays = _compute(dataset, indices, labels, n_components)
        with atomic_path(path) as aside:
            np.savez(aside, allow_pickle=False, **arrays)
    with np.load(path, allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}
    anchors = {name: stored.pop(f"anchors.{name}") for name in list(labels)[1:]}
    scale = float(stored.pop("scale"))
    return Statistics(**stored, scale=scale, anchors=anchors)


def _compute(
    dataset: Dataset, indices: np.ndarray, labels: Mapping[str, np.ndarray], n_components: int
) -> dict[str, np.ndarray]:
    mean, scale = _mean_and_scale(dataset, indices)

    def displacements(places: np.ndarray) -> np.ndarray:
        # Block by block: in one piece, the steps between would need five times the memory.
        D = np.empty((len(places), mean.size), dtype=np.float32)
        for start in range(0, len(places), ANCHORED):
            block = slice(start, start + ANCHORED)
            V = dataset.vertices(indices[places[block]])
            D[block] = ((V - dataset.template - mean) / scale).reshape(len(V), -1)
        return D

    first, *others = labels
    # Evenly spaced, so that every class of the first factor takes part.
    sampled = np.unique(np.linspace(0, len(indices) - 1, SAMPLED).astype(int))
    D = displacements(sampled)
    arrays = {"components": _components(D, n_components)}
    means = _take_class_means(D, labels[first][sampled], int(labels[first].max()) + 1)
    arrays |= {"between": _components(means, n_components), "within": _components(D, n_components)}
    del D
    for factor in others:
        anchors = []
        for c in range(int(labels[factor].max()) + 1):
            members = np.flatnonzero((labels[factor] == c) & (labels[first] >= 0))
            if len(members):
                members = members[np.linspace(0, len(members) - 1, ANCHORED).astype(int)]
                own = displacements(members) - means[labels[first][members]]
            anchors.append(own.mean(axis=0) if len(members) else np.zeros_like(means[0]))
        arrays[f"anchors.{factor}"] = np.stack(anchors)
    return {"mean": mean, "scale": np.array(scale), **arrays}


def _mean_and_scale(dataset: Dataset, indices: np.ndarray) -> tuple[np.ndarray, float]:
    total, squares = np.zeros(dataset.template.shape), 0.0
    for start in range(0, len(indices), BLOCK):
        d = dataset.vertices(indices[start : start + BLOCK]).astype(np.float64) - dataset.template
        total += d.sum(axis=0)
        squares += float((d**2).sum())
    mean = total / len(indices)
    return mean, float(np.sqrt(squares / (len(indices) * mean.size) - (mean**2).mean()))


def _take_class_means(
    D: Float[np.ndarray, "N n"], labels: np.ndarray, n_classes: int
) -> Float[np.ndarray, "C n"]:
    """Take the class means off displacements, in place; leave alone what has no label."""
    means = np.zeros((n_classes, D.shape[1]), dtype=D.dtype)
    for c in np.unique(labels[labels >= 0]):
        means[c] = D[labels == c].mean(axis=0)
        D[labels == c] -= means[c]
    return means


def _components(D: Float[np.ndarray, "N n"], n_components: int) -> Float[np.ndarray, "K n"]:
    values, vectors = np.linalg.eigh((D @ D.T).astype(np.float64) / len(D))
    keep = np.argsort(-values)[:n_components]
    keep = keep[values[keep] > 1e-7 * values.max()]
    # With D = U s Vᵀ, a component times its deviation is s Vᵀ / √N = Uᵀ D / √N.
    components = (vectors[:, keep].T.astype(np.float32) @ D) / np.float32(np.sqrt(len(D)))
    return np.asarray(components)
