"""A mean with what is known of its error: standard error, bootstrap interval, number of samples.

An interval is only as good as what is resampled. Values that share something (meshes of a person,
pairs that share a face) are no independent samples, so the independent unit is named and drawn with
repetition as a whole; `Estimate.unit` says which it was.

Numbers of two models that rest on the same units (the same people, the same random codes) rise and
fall together. Every estimate draws its units with the same random numbers, so the resampled means
of such a pair belong together one by one: `Estimate.draws` keeps the first of them, and their
differences say what the common units leave of the noise.
"""

import math
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

LEVEL, RESAMPLES, SEED = 0.95, 1000, 0  # of every interval
METHOD = "percentile bootstrap"
KEPT_DRAWS = 200  # resampled means that travel with an estimate; a correlation needs no more
_BLOCK = 1 << 20  # indices drawn at a time
_MAX_UNITS = 10_000  # more independent values are averaged in that many parts first


class Estimate(NamedTuple):
    """A sample mean; the standard error says how far other random samples would move it.

    Attributes
    ----------
    n
        Values in the mean.
    low, high
        Bounds of the interval of `LEVEL`; NaN where there are fewer than two units.
    unit
        What was resampled: samples, pairs, subjects…
    draws, design
        The first resampled means, six digits of each, and what was resampled how: where two designs
        are equal and not "", draw k of either is of the same units.
    spread, seeds
        Of a mean over trainings: how many there were, and the standard error that is theirs.
    """

    mean: float
    standard_error: float
    n: int
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    draws: tuple[float, ...] = ()
    design: str = ""
    spread: float = 0.0
    seeds: int = 1


def estimate(
    values: Float[np.ndarray, " n"],
    *,
    unit: str = "samples",
    group: Int[np.ndarray, " n"] | None = None,
    common: str = "",
) -> Estimate:
    """Average samples; the standard error of a single independent one is not known (NaN).

    Parameters
    ----------
    group
        Values of one group depend on each other: groups are resampled whole, and the standard
        error is that of the resampled means. None: all values are independent.
    common
        What all models have these units of: a data set, a seed of codes. "": nothing.

    References
    ----------
    Efron, Tibshirani, An introduction to the bootstrap, 1993, Chapters 6 and 13.
    """
    n = len(values)
    if n == 0:
        raise ValueError("an estimate needs at least one sample")
    mean = float(values.mean(dtype=np.float64))
    if group is None:
        error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else math.nan
        part = np.arange(n) * min(n, _MAX_UNITS) // n
    else:
        error, part = math.nan, np.unique(group, return_inverse=True)[1]
    sums, counts = np.bincount(part, weights=values), np.bincount(part).astype(np.float64)
    means = resampled_ratios(sums, counts)
    if group is not None and len(means):
        error = float(means.std(ddof=1))
    return Estimate(mean, error, n, *interval(means), unit, *keep(means, common, part))


def estimate_pairs(
    values: Float[np.ndarray, " n"],
    first: Int[np.ndarray, " n"],
    second: Int[np.ndarray, " n"],
    *,
    unit: str = "subjects",
    common: str = "",
) -> Estimate:
    """Average values of pairs, each between two units that occur in many other pairs.

    The units are resampled; a pair weighs as often as both of its units are drawn, a pair within a
    unit as often as that one.

    References
    ----------
    Snijders, Borgatti, Non-parametric standard errors and tests for network statistics,
    Connections 1999 (the vertex bootstrap).
    """
    if len(values) == 0:
        raise ValueError("an estimate needs at least one sample")
    names, index = np.unique(np.concatenate([first, second]), return_inverse=True)
    units = len(names)
    a, b = index[: len(values)], index[len(values) :]
    pair, where = np.unique(a * units + b, return_inverse=True)
    sums, counts = np.bincount(where, weights=values), np.bincount(where)
    a, b = np.divmod(pair, units)

    def ratios(drawn: np.ndarray) -> np.ndarray:
        times = np.stack([np.bincount(row, minlength=units) for row in drawn])
        weight = times[:, a] * np.where(a == b, 1, times[:, b])
        total = weight @ counts
        return np.asarray((weight @ sums)[total > 0] / total[total > 0])

    means = _resample(units, ratios, cost=max(units, len(pair)))
    error = float(means.std(ddof=1)) if len(means) > 1 else math.nan
    mean = float(values.mean(dtype=np.float64))
    kept = keep(means, common, index)
    return Estimate(mean, error, len(values), *interval(means), unit, *kept)


def average(estimates: Sequence[Estimate]) -> Estimate:
    """Average numbers that rest on the same units: neither their error nor their bounds shrink."""
    numbers = [(e.mean, e.standard_error, e.low, e.high) for e in estimates]
    mean, error, low, high = np.mean(numbers, axis=0).tolist()
    return Estimate(mean, error, estimates[0].n, low, high, estimates[0].unit)


def keep(
    means: Float[np.ndarray, " r"], common: str, *units: Int[np.ndarray, " ..."]
) -> tuple[tuple[float, ...], str]:
    """Return what `Estimate` has of draws and design, nothing where `common` is ""."""
    if not common or not len(means):
        return (), ""
    digest = 0
    for array in units:
        digest = zlib.crc32(np.ascontiguousarray(array, dtype="<i8").tobytes(), digest)
    return tuple(float(f"{x:.6g}") for x in means[:KEPT_DRAWS]), f"{common}, {digest:08x}"


def resampled_ratios(
    above: Float[np.ndarray, " u"], below: Float[np.ndarray, " u"]
) -> Float[np.ndarray, " r"]:
    """Return `Σ above / Σ below` over units drawn with repetition; empty for fewer than two."""

    def ratios(drawn: np.ndarray) -> np.ndarray:
        total = below[drawn].sum(axis=1)
        return np.asarray(above[drawn].sum(axis=1)[total > 0] / total[total > 0])

    return _resample(len(above), ratios, cost=len(above))


def interval(means: Float[np.ndarray, " r"]) -> tuple[float, float]:
    """Return the bounds of resampled means; NaN if there are none."""
    if not len(means):
        return math.nan, math.nan
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _resample(units: int, ratios: Callable[[np.ndarray], np.ndarray], cost: int) -> np.ndarray:
    """Draw `units` of them with repetition, `RESAMPLES` times, in blocks of bounded memory."""
    if units < 2:
        return np.zeros(0)
    means: list[np.ndarray] = []
    rng, left = np.random.default_rng(SEED), RESAMPLES
    while left > 0:
        rows = min(left, max(1, _BLOCK // cost))
        means.append(ratios(rng.integers(0, units, (rows, units))))
        left -= rows
    return np.concatenate(means)
