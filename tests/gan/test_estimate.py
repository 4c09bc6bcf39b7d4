"""Intervals that hold what they promise, whatever depends on what."""

import math

import numpy as np
import pytest

from gan.evaluation import estimate as module
from gan.evaluation.estimate import estimate, estimate_pairs


def covered(draw, truth: float, times: int = 60) -> float:
    """The share of experiments whose interval holds the truth."""
    found = [draw(np.random.default_rng(seed)) for seed in range(times)]
    return float(np.mean([e.low <= truth <= e.high for e in found]))


def test_intervals_of_independent_values_hold_the_truth():
    assert covered(lambda rng: estimate(rng.exponential(size=80)), 1.0) >= 0.85


def test_values_of_a_group_are_one_observation():
    """Twenty people with ten alike meshes are twenty observations, not two hundred."""

    def draw(rng, **group):
        return estimate((rng.normal(size=(20, 1)) + np.zeros((20, 10))).ravel(), **group)

    people = np.repeat(np.arange(20), 10)
    assert covered(lambda rng: draw(rng, group=people), 0.0) >= 0.85
    assert covered(draw, 0.0) < 0.6


def test_pairs_that_share_units_depend_on_each_other():
    """The mean distance of random numbers: 2/√π; every number is in many pairs."""
    first, second = np.triu_indices(25, k=1)

    def distances(rng):
        x = rng.normal(size=25)
        return abs(x[first] - x[second])

    truth = 2 / math.sqrt(math.pi)
    pairs = covered(lambda rng: estimate_pairs(distances(rng), first, second), truth)
    assert pairs >= 0.84
    assert covered(lambda rng: estimate(distances(rng)), truth) < pairs - 0.1


def test_pairs_against_loops():
    """Resampled means from the same draws, pair by pair."""
    rng = np.random.default_rng(0)
    unit = np.array([3, 3, 8, 8, 9, 11, 11])
    pairs = rng.integers(0, len(unit), (40, 2))
    values = rng.normal(size=40)
    found = estimate_pairs(values, unit[pairs[:, 0]], unit[pairs[:, 1]])
    names, draws, means = [3, 8, 9, 11], np.random.default_rng(module.SEED), []
    for row in draws.integers(0, 4, (module.RESAMPLES, 4)):
        times = {name: list(row).count(k) for k, name in enumerate(names)}
        above = below = 0.0
        for (i, j), value in zip(pairs, values, strict=True):
            weight = times[unit[i]] * (times[unit[j]] if unit[i] != unit[j] else 1)
            above, below = above + weight * value, below + weight
        if below:
            means.append(above / below)
    np.testing.assert_allclose([found.low, found.high], np.quantile(means, [0.025, 0.975]))
    np.testing.assert_allclose(found.standard_error, np.std(means, ddof=1))
    np.testing.assert_allclose(found.mean, values.mean())
    assert (found.n, found.unit) == (40, "subjects")


def test_groups_against_loops():
    """Groups are drawn whole: a large one weighs as its values, as often as it is drawn."""
    group = np.array([5, 5, 5, 5, 2, 2, 9, 1, 1, 1])
    values = np.random.default_rng(2).normal(size=10)
    found, names = estimate(values, group=group, unit="people"), [1, 2, 5, 9]
    draws, means = np.random.default_rng(module.SEED), []
    for row in draws.integers(0, 4, (module.RESAMPLES, 4)):
        means.append(np.mean(np.concatenate([values[group == names[k]] for k in row])))
    np.testing.assert_allclose([found.low, found.high], np.quantile(means, [0.025, 0.975]))
    np.testing.assert_allclose(found.standard_error, np.std(means, ddof=1))
    assert (found.mean, found.n, found.unit) == (pytest.approx(values.mean()), 10, "people")


def test_blocks_do_not_change_the_answer(monkeypatch):
    x = np.random.default_rng(1).normal(size=300)
    whole = estimate(x, group=np.arange(300) // 3)
    monkeypatch.setattr(module, "_BLOCK", 1000)
    assert estimate(x, group=np.arange(300) // 3) == whole


def test_one_unit_says_nothing_of_others():
    found = estimate(np.ones(5), group=np.zeros(5, int))
    assert math.isnan(found.low)
    assert math.isnan(found.standard_error)
    with pytest.raises(ValueError, match="at least one sample"):
        estimate_pairs(np.zeros(0), np.zeros(0, int), np.zeros(0, int))
