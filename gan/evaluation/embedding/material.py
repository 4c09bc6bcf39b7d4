"""From whom a judge learns, and on whom it is tried.

A benchmark has people whom nothing but judges learn from, in a file beside it. Without one, a judge
learns from the training split: then it knows the people that a model was trained on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from gan.datasets.benchmark.transfer_pairs import judges_path
from gan.datasets.store import Dataset, load_dataset
from gan.evaluation.metric import Unmeasurable

HELD_OUT = 4  # where no split is held out, every fourth person is


class Material(NamedTuple):
    """The labelled meshes that a judge learns from, and those that it is tried on."""

    rows: Int[np.ndarray, " n"]
    label: Int[np.ndarray, " n"]
    held_out: Int[np.ndarray, " h"]
    held_out_label: Int[np.ndarray, " h"]
    held_out_subject: Int[np.ndarray, " h"]
    split: str


@contextmanager
def judge_data(dataset: Dataset, named: str = "") -> Iterator[Dataset]:
    """Open the data that judges learn from: the file named, that beside the data set, or its own.

    Raises
    ------
    DatasetError
        The file is missing or damaged, or its meshes have another topology.
    """
    path = Path(named) if named else judges_path(dataset.path)
    if not named and not path.exists():
        yield dataset
        return
    with load_dataset(path) as people:
        people.check_topology(dataset.faces, where=str(dataset.path))
        yield people


def find_material(dataset: Dataset, factor: str) -> Material:
    """Return what a judge of a factor learns from and is tried on.

    It learns from the training split; it is tried on the test split, or on the validation split
    where the other has no pairs. Where all meshes are for training, every fourth person is left out
    of it and tried.

    Raises
    ------
    Unmeasurable
        There are too few labels to learn from or to be tried on.
    """
    if factor not in dataset.labels:
        raise Unmeasurable(f"the data has no labels of {factor}")
    label = dataset.labels[factor]
    train = dataset.indices("train")
    splits = {name: dataset.indices(name) for name in ("test", "validation")}
    if not any(map(len, splits.values())):
        people = np.unique(dataset.subject[train])
        apart = np.isin(dataset.subject[train], people[::HELD_OUT])
        train, splits = train[~apart], {f"every {HELD_OUT}th person": train[apart]}
    rows = train[label[train] >= 0]
    if (np.unique(label[rows], return_counts=True)[1] > 1).sum() < 2:
        raise Unmeasurable(f"fewer than two classes of {factor} have two training meshes")
    for name, rows_of in splits.items():
        held = rows_of[label[rows_of] >= 0]
        count = np.unique(label[held], return_counts=True)[1]
        if len(count) > 1 and count.max() > 1:
            return Material(rows, label[rows], held, label[held], dataset.subject[held], name)
    raise Unmeasurable(f"no held-out split has equal and different labels of {factor}")
