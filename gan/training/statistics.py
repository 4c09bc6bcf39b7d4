"""Mean, deviation and principal components of a data set's displacements."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from gan.datasets.store import Dataset
from meshkit.sealed import kept_arrays

LAYOUT = 6  # of the stored file
BLOCK = 256  # meshes read at once
SAMPLED = 1024  # meshes from which components are computed
PROJECTED = 64  # meshes projected at once
ALTERNATIONS = 5  # between the effects of classes and of states
MIN_VARIANCE = 1e-2  # variance of a state, over that of the one that varies most
TINY = 1e-12  # for what must not be 0


class Statistics(NamedTuple):
    """Of the displacements from the template, over the training split.

    Components are principal components times their deviations; they, and `anchors`, are in units
    of `scale`, flattened.
    """

    mean: Float[np.ndarray, "V 3"]  # mm
    scale: float  # mm: deviation of one coordinate about the mean, over all vertices
    components: Float[np.ndarray, "K n"]  # of all displacements
    between: Float[np.ndarray, "B n"]  # of the class means of the first factor
    class_codes: Float[np.ndarray, "C B"]  # those means less the mean, in these components
    within: Float[np.ndarray, "W n"]  # of what is left within its classes
    states: Float[np.ndarray, "N W"]  # what is left of every mesh, in these components
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
    key = hashlib.sha256(json.dumps([LAYOUT, n_components, *labels]).encode())
    for part in (indices, *labels.values()):
        key.update(part.astype(np.int64).tobytes())
    path = folder / f"components-{key.hexdigest()[:16]}.npz"
    stored = kept_arrays(path, lambda: _compute(dataset, indices, labels, n_components))
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
        for start in range(0, len(places), PROJECTED):
            block = slice(start, start + PROJECTED)
            V = dataset.vertices(indices[places[block]])
            D[block] = ((V - dataset.template - mean) / scale).reshape(len(V), -1)
        return D

    # Evenly spaced, so that every class of the first factor takes part.
    sampled = np.unique(np.linspace(0, len(indices) - 1, SAMPLED).astype(int))
    components = _components(displacements(sampled), n_components)
    # From here on in the span of the components: coefficients, in units of the displacements.
    unit = np.linalg.norm(components, axis=1)
    basis = components / unit[:, None]
    Y = np.concatenate(
        [
            displacements(np.arange(start, min(start + PROJECTED, len(indices)))) @ basis.T
            for start in range(0, len(indices), PROJECTED)
        ]
    ).astype(np.float64)
    first, *others = labels.values()
    effect = class_effects(Y, first, others)
    between, codes = _coefficient_components(effect, len(np.unique(first[first >= 0])) - 1)
    known = first >= 0
    Y[known] -= effect[first[known]]
    within, states = _coefficient_components(Y, len(Y))
    arrays = {
        "components": components,
        "between": between[:n_components] @ basis,
        "class_codes": codes[:, :n_components],
        "within": within[:n_components] @ basis,
        "states": states[:, :n_components],
    }
    for name, label in list(labels.items())[1:]:
        arrays[f"anchors.{name}"] = _class_means(Y, np.where(known, label, -1)) @ basis
    float32 = {key: array.astype(np.float32) for key, array in arrays.items()}
    return {"mean": mean, "scale": np.array(scale), **float32}


def class_effects(
    Y: Float[np.ndarray, "N K"],
    first: Int[np.ndarray, " N"],
    others: Sequence[Int[np.ndarray, " N"]],
) -> Float[np.ndarray, "C K"]:
    """Return what the classes of the first factor add to every mesh of theirs.

    The model is `y = a_class + b_state + ε`, the state being the mesh's labels of all other
    factors, on the mean of every class in every state. A state counts by how little it varies from
    class to class: people at rest say more about who they are than the mean of all they do, which
    is also how they do it. Where no other label is known these are the means of the classes. They
    are about 0; a class without a mesh has 0.

    References
    ----------
    Weighted least squares with a variance for each state, by alternation; Searle, Casella,
    McCulloch, Variance components, Wiley 1992, Chapter 8.
    """
    known = first >= 0
    state = _states([label[known] for label in others], int(known.sum()))
    cells, cell = np.unique(np.stack([first[known], state]), axis=1, return_inverse=True)
    M = _class_means(Y[known], cell.reshape(-1))
    of_class, of_state = cells
    # A state of one class says nothing of classes, unless there is nothing else.
    trust = np.where(np.bincount(of_state) < 2, TINY, 1.0)
    weight = trust[of_state]
    for _ in range(ALTERNATIONS):
        a = _class_means(M, of_class, weight)
        b = _class_means(M - a[of_class], of_state)
        a = _class_means(M - b[of_state], of_class, weight)
        error = np.square(M - a[of_class] - b[of_state]).sum(axis=1)
        square = _class_means(error[:, None], of_state)[:, 0]
        largest = max(float(square.max()), TINY)
        weight = (trust / np.maximum(square / largest, MIN_VARIANCE))[of_state]
    occurring = np.unique(of_class)
    a[occurring] -= a[occurring].mean(axis=0)
    return a


def _states(labels: Sequence[np.ndarray], n: int) -> Int[np.ndarray, " N"]:
    """Return a number for every combination of labels that occurs."""
    if not labels:
        return np.zeros(n, dtype=np.int64)
    return np.unique(np.stack(labels), axis=1, return_inverse=True)[1].reshape(-1)


def _class_means(
    Y: Float[np.ndarray, "N K"], label: Int[np.ndarray, " N"], weight: np.ndarray | None = None
) -> Float[np.ndarray, "C K"]:
    """Return weighted means of the classes 0, 1, …; 0 for one without a mesh."""
    known = label >= 0
    w = np.ones(known.sum()) if weight is None else weight[known]
    n = int(label.max()) + 1
    gather = sp.csr_array((w, (label[known], np.flatnonzero(known))), shape=(n, len(Y)))
    total = np.bincount(label[known], weights=w, minlength=n)
    return np.asarray(gather @ Y) / np.where(total > 0, total, 1)[:, None]


def _mean_and_scale(dataset: Dataset, indices: np.ndarray) -> tuple[np.ndarray, float]:
    total, squares = np.zeros(dataset.template.shape), 0.0
    for start in range(0, len(indices), BLOCK):
        d = dataset.vertices(indices[start : start + BLOCK]).astype(np.float64) - dataset.template
        total += d.sum(axis=0)
        squares += float((d**2).sum())
    mean = total / len(indices)
    return mean, float(np.sqrt(squares / (len(indices) * mean.size) - (mean**2).mean()))


def _components(D: Float[np.ndarray, "N n"], n_components: int) -> Float[np.ndarray, "K n"]:
    values, vectors = np.linalg.eigh((D @ D.T).astype(np.float64) / len(D))
    keep = np.argsort(-values)[:n_components]
    keep = keep[values[keep] > 1e-7 * values.max()]
    # With D = U s Vᵀ, a component times its deviation is s Vᵀ / √N = Uᵀ D / √N.
    components = (vectors[:, keep].T.astype(np.float32) @ D) / np.float32(np.sqrt(len(D)))
    return np.asarray(components)


def _coefficient_components(
    Y: Float[np.ndarray, "N K"], freedom: int
) -> tuple[Float[np.ndarray, "k K"], Float[np.ndarray, "N k"]]:
    """Return components times deviations about 0, largest first, and the rows in these units.

    `freedom` is what the sum of squares is divided by: people are few, and their mean was taken
    off.
    """
    values, vectors = np.linalg.eigh(Y.T @ Y / max(1, freedom))
    keep = np.argsort(-values)
    keep = keep[values[keep] > 1e-7 * values.max()]
    deviation = np.sqrt(values[keep])
    return vectors[:, keep].T * deviation[:, None], Y @ vectors[:, keep] / deviation
