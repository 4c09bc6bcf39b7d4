"""Numbers of several seeds as one, and differences of two numbers, each with its interval."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t

from gan.evaluation.estimate import LEVEL, Estimate

SEEDS = "seeds"  # the unit of a pooled estimate
_NORMAL = 1.959963984540054  # quantile of LEVEL


class Difference(NamedTuple):
    """A difference of two numbers and its interval of `LEVEL`; NaN bounds: not known."""

    mean: float
    low: float
    high: float


def pool(estimates: Sequence[Estimate]) -> Estimate:
    """Average the same number over trainings that differ in their seed.

    One estimate is returned as it is: its interval knows the samples, not the training. Of several,
    the spread between seeds is the noise: mean ± t · s / √S with Student's t of S − 1 degrees, but
    never less than what the samples of each leave open. The `unit` is then "seeds", and `n` counts
    all values.
    """
    if len(estimates) == 1:
        return estimates[0]
    means = np.array([e.mean for e in estimates])
    errors = np.array([e.standard_error for e in estimates])
    S = len(means)
    between = float(means.std(ddof=1) / math.sqrt(S))
    within = float(np.sqrt(np.square(np.nan_to_num(errors, nan=0.0)).sum()) / S)
    quantile = float(student_t.ppf((1 + LEVEL) / 2, S - 1))
    half = max(quantile * between, _NORMAL * within)
    mean = float(means.mean())
    count = sum(e.n for e in estimates)
    return Estimate(mean, max(between, within), count, mean - half, mean + half, SEEDS)


def scaled(value: Estimate, times: float) -> Estimate:
    """Return a multiple of an estimate; `times` is positive."""
    mean, error, n, low, high, unit, draws, design = value
    moved = tuple(times * x for x in draws)
    return Estimate(times * mean, times * error, n, times * low, times * high, unit, moved, design)


def subtract(a: Estimate, b: Estimate) -> Difference:
    """Return a − b with an interval made of both intervals.

    The two are taken as independent. With `a` in [la, ua] and `b` in [lb, ub] the bounds are
    ``a − b − √((a − la)² + (ub − b)²)`` and ``a − b + √((ua − a)² + (b − lb)²)``: skewed bootstrap
    intervals stay skewed. An estimate without an interval takes its standard error for one.

    References
    ----------
    Zou, Donner, Construction of confidence limits about effect measures: a general approach,
    Statistics in Medicine 2008, Eq. 8 (MOVER).
    """
    (la, ua), (lb, ub) = _bounds(a), _bounds(b)
    mean = a.mean - b.mean
    low = mean - math.hypot(a.mean - la, ub - b.mean)
    high = mean + math.hypot(ua - a.mean, b.mean - lb)
    return Difference(mean, low, high)


def _bounds(value: Estimate) -> tuple[float, float]:
    if math.isfinite(value.low) and math.isfinite(value.high):
        # A percentile interval of few values may leave its mean out.
        return min(value.low, value.mean), max(value.high, value.mean)
    half = _NORMAL * value.standard_error
    return value.mean - half, value.mean + half
