"""Mean, deviation and principal components of a data set's displacements."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from gan.datasets.store import Dataset
from meshkit.files import atomic_path

BLOCK = 256  # meshes read at once
SAMPLED = 1024  # meshes from which components are computed


class Statistics(NamedTuple):
    """Of the displacements from the template, over the training split."""

    mean: Float[np.ndarray, "V 3"]  # mm
    scale: float  # mm: deviation of one coordinate about the mean, over all vertices
    components: Float[np.ndarray, "K n"]  # principal components times their deviations, over scale


def displacement_statistics(
    dataset: Dataset, indices: np.ndarray, n_components: int, folder: Path
) -> Statistics:
    """Compute, or read from `folder`, the statistics of the meshes `indices`."""
    path = folder / f"statistics-{n_components}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            return Statistics(file["mean"], float(file["scale"]), file["components"])
    total, squares = np.zeros(dataset.template.shape), 0.0
    for start in range(0, len(indices), BLOCK):
        d = dataset.vertices(indices[start : start + BLOCK]).astype(np.float64) - dataset.template
        total += d.sum(axis=0)
        squares += float((d**2).sum())
    mean = total / len(indices)
    scale = float(np.sqrt(squares / (len(indices) * mean.size) - (mean**2).mean()))
    components = _components(dataset, indices, mean, scale, n_components)
    statistics = Statistics(mean, scale, components)
    with atomic_path(path) as aside:
        np.savez(aside, **statistics._asdict())
    return statistics


def _components(
    dataset: Dataset, indices: np.ndarray, mean: np.ndarray, scale: float, n_components: int
) -> Float[np.ndarray, "K n"]:
    # Evenly spaced meshes, so that every subject takes part; the Gram matrix is the small one.
    sampled = indices[np.linspace(0, len(indices) - 1, min(SAMPLED, len(indices))).astype(int)]
    D = dataset.vertices(np.unique(sampled)) - dataset.template.astype(np.float32)
    D = ((D - mean.astype(np.float32)) / np.float32(scale)).reshape(len(D), -1)
    values, vectors = np.linalg.eigh((D @ D.T).astype(np.float64) / len(D))
    keep = np.argsort(-values)[:n_components]
    keep = keep[values[keep] > 1e-9 * values.max()]
    # With D = U s Vᵀ, a component times its deviation is s Vᵀ / √N = Uᵀ D / √N.
    return (vectors[:, keep].T.astype(np.float32) @ D) / np.float32(np.sqrt(len(D)))
