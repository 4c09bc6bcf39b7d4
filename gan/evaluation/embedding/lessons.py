"""All pictures that a judge learns from, in a row: those of labelled meshes, then carried ones."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from gan.datasets.store import Dataset
from gan.evaluation.embedding.carried import CarriedMaps, draw_recipe
from gan.evaluation.embedding.learning import JudgeSettings
from gan.evaluation.embedding.normal_maps import NormalMaps
from gan.evaluation.metric import Progress


class Taught(NamedTuple):
    """How many pictures a judge learned from: of labelled meshes, and carried ones."""

    labelled: int
    carried: int


class Lessons(NamedTuple):
    """What reads the pictures with given places in the row, and the labels of them all."""

    read: Callable[[np.ndarray], np.ndarray]
    label: Int[np.ndarray, " n"]
    taught: Taught


def gather_lessons(
    dataset: Dataset,
    factor: str,
    rows: Int[np.ndarray, " k"],
    maps: NormalMaps,
    settings: JudgeSettings,
    folder: Path,
    *,
    progress: Progress,
    stop: Callable[[], bool],
) -> Lessons:
    """Draw what is not drawn yet of the pictures of labelled meshes, and of the carried ones.

    Raises
    ------
    Unfinished
        `stop` came first; what was drawn until then is kept.
    """
    maps.draw(rows, progress)
    label, n = dataset.labels[factor][rows], len(rows)
    recipe = draw_recipe(dataset, factor, settings)
    if len(recipe.label) == 0:
        return Lessons(lambda chosen: maps[rows[chosen]], label, Taught(n, 0))
    carried = CarriedMaps(dataset, factor, recipe, settings, folder)
    carried.draw(progress, stop)

    def read(chosen: np.ndarray) -> np.ndarray:
        own, size = chosen < n, maps.size
        pictures = np.empty((len(chosen), size, size, 3), dtype=np.uint8)
        pictures[own] = maps[rows[chosen[own]]]
        pictures[~own] = carried[chosen[~own] - n]
        return pictures

    return Lessons(read, np.concatenate([label, recipe.label]), Taught(n, len(recipe.label)))
