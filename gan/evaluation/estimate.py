"""A mean with its standard error and the number of samples behind it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Estimate(NamedTuple):
    """A sample mean; the standard error says how far other random samples would move it."""

    mean: float
    standard_error: float
    n: int


def estimate(values: Float[np.ndarray, " n"]) -> Estimate:
    """Average independent samples; the standard error of a single one is not known (NaN)."""
    n = len(values)
    if n == 0:
        raise ValueError("an estimate needs at least one sample")
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return Estimate(float(values.mean(dtype=np.float64)), error, n)
