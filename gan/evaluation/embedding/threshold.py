"""When two embeddings are the same: a threshold from pairs of known labels."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Threshold(NamedTuple):
    """Two faces nearer than `distance` are judged the same.

    Attributes
    ----------
    accuracy : 1
        Share of the pairs that are judged right.
    accepted, false_accepted : 1
        Share of the positive, and of the negative pairs that are judged the same.
    """

    distance: float
    accuracy: float
    accepted: float
    false_accepted: float


def choose_threshold(
    positive: Float[np.ndarray, " p"], negative: Float[np.ndarray, " q"], *, most_false: float
) -> Threshold:
    """Maximise the accuracy over all thresholds that accept few enough negative pairs.

    Candidates lie halfway between neighbouring distances, and below them all: then nothing is the
    same. Of equally accurate ones the lowest is taken.

    Parameters
    ----------
    positive, negative
        Distances of pairs with equal, and with different labels.
    most_false : 1
        Cap of the false acceptance rate.

    References
    ----------
    Donahue et al., Semantically decomposing the latent spaces of GANs, ICLR 2018, Section 4.
    """
    if len(positive) == 0 or len(negative) == 0:
        raise ValueError("a threshold needs positive and negative pairs")
    values = np.unique(np.concatenate([positive, negative]))
    candidates = np.append(values[0], np.append((values[1:] + values[:-1]) / 2, np.inf))
    # Between neighbouring numbers there may be none: a midpoint that rounds down accepts less.
    accepted = np.searchsorted(np.sort(positive), candidates) / len(positive)
    false = np.searchsorted(np.sort(negative), candidates) / len(negative)
    right = accepted * len(positive) + (1 - false) * len(negative)
    accuracy = np.where(false <= most_false, right / (len(positive) + len(negative)), -1)
    best = int(accuracy.argmax())
    return Threshold(
        float(candidates[best]), float(accuracy[best]), float(accepted[best]), float(false[best])
    )


def draw_different(
    label: Int[np.ndarray, " n"], n_pairs: int, *, rng: np.random.Generator
) -> Int[np.ndarray, "p 2"]:
    """Draw pairs of indices with different labels; negative labels take no part.

    Raises
    ------
    ValueError
        There are fewer than two labels.
    """
    order = np.argsort(label, kind="stable")
    order = order[label[order] >= 0]
    _, start, count = np.unique(label[order], return_index=True, return_counts=True)
    if len(start) < 2:
        raise ValueError("no two meshes have different labels")
    start, count = np.repeat(start, count), np.repeat(count, count)
    first = rng.integers(0, len(order), n_pairs)
    # The others in a row: those before the class, then those after it.
    second = rng.integers(0, len(order) - count[first])
    second += np.where(second >= start[first], count[first], 0)
    return np.asarray(np.stack([order[first], order[second]], axis=1))
