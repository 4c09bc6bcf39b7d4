"""Numbers of several trainings as one, and differences of two numbers, each with its interval.

Three kinds of noise are told apart. Samples, people and judges are resampled: `Estimate.draws` say
how they move a number, and where two models were measured with the same ones, how they move the
difference. The training is known from seeds: `Estimate.spread`. It moves every model for itself.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student_t

from gan.evaluation.estimate import LEVEL, Estimate

SEEDS = "seeds"  # the unit of a pooled estimate
MIN_SEEDS = 3  # fewer say too little of the noise of training
NORMAL = 1.959963984540054  # quantile of LEVEL


class Difference(NamedTuple):
    """A difference of two numbers and its interval of `LEVEL`; NaN bounds: not known."""

    mean: float
    low: float
    high: float


def pool(estimates: Sequence[Estimate]) -> Estimate:
    """Average the same number over trainings that differ in their seed.

    One estimate is returned as it is: its interval knows the samples, not the training. Of S, the
    interval joins both kinds of noise: t · s / √S with Student's t of S − 1 degrees, s the spread
    between seeds; and what the samples leave open. People who are the same for all seeds leave as
    much open after many trainings as after one. The `unit` is then "seeds"; `n` counts all values.
    """
    if len(estimates) == 1:
        return estimates[0]
    means = np.array([e.mean for e in estimates])
    S = len(means)
    spread = float(means.std(ddof=1) / math.sqrt(S))
    alone = np.nan_to_num([e.standard_error for e in estimates], nan=0.0)
    draws = _common_draws(estimates)
    if draws is None:
        samples = float(np.sqrt(np.square(alone).sum()) / S)
    else:
        samples = float(draws.mean(axis=0).std(ddof=1))
    # The shape of the intervals stays, skewed or not; their width becomes that of the average.
    shrink = samples / alone.mean() if alone.any() else 0.0
    below, above = (shrink * np.mean(sides) for sides in zip(*map(_sides, estimates), strict=True))
    half = _quantile(float(S - 1)) * spread
    mean = float(means.mean())
    return Estimate(
        mean,
        math.hypot(spread, samples),
        sum(e.n for e in estimates),
        mean - math.hypot(half, below),
        mean + math.hypot(half, above),
        SEEDS,
        () if draws is None else tuple(draws.mean(axis=0).tolist()),
        "" if draws is None else estimates[0].design,
        spread,
        S,
    )


def scaled(value: Estimate, times: float) -> Estimate:
    """Return a multiple of an estimate; `times` is positive."""
    return value._replace(
        mean=times * value.mean,
        standard_error=times * value.standard_error,
        low=times * value.low,
        high=times * value.high,
        draws=tuple(times * x for x in value.draws),
        spread=times * value.spread,
    )


def distance_from(value: Estimate, reference: Estimate) -> Estimate:
    """Return how far a number is from the data's, whichever way, with the error of both."""
    apart = subtract(value, reference)
    sign = -1.0 if apart.mean < 0 else 1.0
    low, high = sorted((sign * apart.low, sign * apart.high))
    error = math.hypot(value.standard_error, reference.standard_error)
    # Where the reference drew other units, its draws move all models alike: they cancel later.
    draws = tuple(sign * (x - reference.mean) for x in value.draws)
    return value._replace(
        mean=abs(apart.mean), standard_error=error, low=max(low, 0.0), high=high, draws=draws
    )


def subtract(a: Estimate, b: Estimate) -> Difference:
    """Return a − b with an interval made of both intervals.

    With `a` in [la, ua] and `b` in [lb, ub] by their samples, the lower bound is
    ``a − b − √((a − la)² + (ub − b)² − 2 r (a − la)(ub − b) + q²)``, the upper one alike: skewed
    bootstrap intervals stay skewed. r is the correlation of the two where they rest on the same
    samples, people or judges, else 0; q is Student's t, with Welch's degrees of freedom, times what
    the training of both leaves open. An estimate without an interval takes its standard error.

    References
    ----------
    Zou, Donner, Construction of confidence limits about effect measures: a general approach,
    Statistics in Medicine 2008, Eq. 8 (MOVER). Welch, The generalization of Student's problem when
    several different population variances are involved, Biometrika 1947.
    """
    (below_a, above_a), (below_b, above_b) = _sides(a), _sides(b)
    draws = _common_draws((a, b))
    r = 0.0
    if draws is not None and (draws.std(axis=1) > 0).all():
        r = float(np.corrcoef(draws)[0, 1])
    training = _training(a, b)
    mean = a.mean - b.mean

    def joined(x: float, y: float) -> float:
        return math.sqrt(max(x**2 + y**2 - 2 * r * x * y, 0.0) + training**2)

    return Difference(mean, mean - joined(below_a, above_b), mean + joined(above_a, below_b))


def _common_draws(estimates: Sequence[Estimate]) -> Float[np.ndarray, "S r"] | None:
    """Return the resampled means, row by row; None unless all are of the same units."""
    first = estimates[0]
    if not first.design or any(e.design != first.design for e in estimates):
        return None
    if any(len(e.draws) != len(first.draws) for e in estimates):
        return None
    return np.array([e.draws for e in estimates])


def _training(a: Estimate, b: Estimate) -> float:
    """Return how far the training of both may have moved the difference."""
    parts = [(e.spread**2, e.seeds - 1) for e in (a, b) if e.seeds > 1 and e.spread > 0]
    if not parts:
        return 0.0
    total = sum(square for square, _ in parts)
    degrees = total**2 / sum(square**2 / free for square, free in parts)
    return _quantile(degrees) * math.sqrt(total)


def _quantile(degrees: float) -> float:
    return float(student_t.ppf((1 + LEVEL) / 2, degrees))


def _sides(value: Estimate) -> tuple[float, float]:
    """Return how far the bounds are below and above, as far as samples move them."""
    if math.isfinite(value.low) and math.isfinite(value.high):
        # A percentile interval of few values may leave its mean out.
        sides = max(value.mean - value.low, 0.0), max(value.high - value.mean, 0.0)
    else:
        sides = (NORMAL * value.standard_error,) * 2
    if value.seeds < 2:
        return sides
    training = _quantile(float(value.seeds - 1)) * value.spread
    below, above = (math.sqrt(max(side**2 - training**2, 0.0)) for side in sides)
    return below, above
