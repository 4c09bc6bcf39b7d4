"""Fewer labels than a data set has: what a method is worth where labels are dear."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from gan.datasets.contract import UNLABELLED

REST = "neutral"  # whose labels stay: that a face is at rest is seen without an expert


def share_of_labels(
    labels: Int[np.ndarray, " N"],
    names: Sequence[str],
    share: float,
    *,
    seed: int,
    rest: str = REST,
) -> Int[np.ndarray, " N"]:
    """Return a factor's labels of which only a share is left; the others are missing (−1).

    Of every class the first ``⌈share · n⌉`` labels of an order that `seed` decides: the labels of a
    smaller share are among those of a larger one, and no class dies out before the share is 0. The
    class `rest` keeps all: every baseline starts from faces at rest.

    Parameters
    ----------
    names : of the classes
    share : in [0, 1]
    """
    kept = labels.copy()
    for k, name in enumerate(names):
        if name != rest:
            rows = np.random.default_rng([seed, k]).permutation(np.flatnonzero(labels == k))
            kept[rows[math.ceil(share * len(rows)) :]] = UNLABELLED
    return kept
