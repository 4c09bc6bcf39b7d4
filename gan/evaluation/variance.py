"""How much of a variance one source explains: unbiased components of one-way random effects."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int


class Components(NamedTuple):
    """A total variance, split by groups; sums over coordinates.

    Attributes
    ----------
    between
        What goes away when the group is held fixed: Var E[y | group]. Unbiased, so that it can
        come out a little below 0 where the truth is 0.
    within
        What stays: E Var[y | group].
    """

    between: float
    within: float

    @property
    def total(self) -> float:
        """The variance of all."""
        return self.between + self.within


def can_split(group: Int[np.ndarray, " n"]) -> bool:
    """Tell whether there are two groups or more, and two rows or more in one of them."""
    return 1 < len(np.unique(group)) < len(group)


def variance_components(Y: Float[np.ndarray, "n D"], group: Int[np.ndarray, " n"]) -> Components:
    """Split the variance of vectors by groups, by the method of moments.

    With A groups of sizes n_a, `within` is the pooled variance around the groups' means,
    `(MS_between − within) / n₀` the rest, n₀ = (n − Σ n_a² / n) / (A − 1): the common size if all
    are equal.

    Parameters
    ----------
    Y
        One row per sample: groups are a random sample of all groups, rows of theirs.

    Raises
    ------
    ValueError
        There are fewer than two groups, or every group has a single row.

    References
    ----------
    Searle, Casella, McCulloch, Variance components, Wiley 1992, Section 3.6.
    """
    _, index, size = np.unique(group, return_inverse=True, return_counts=True)
    n, A = len(Y), len(size)
    if not can_split(group):
        raise ValueError(f"{n} rows in {A} groups: two groups, and two rows in one, are needed")
    Y = Y - Y.mean(axis=0, dtype=np.float64)
    mean = sp.csr_array((1 / size[index], (index, np.arange(n))), shape=(A, n)) @ Y
    around_means = np.square(Y - mean[index]).sum() / (n - A)
    of_means = (size @ np.square(mean)).sum() / (A - 1)
    n0 = (n - (size**2).sum() / n) / (A - 1)
    return Components(float((of_means - around_means) / n0), float(around_means))
