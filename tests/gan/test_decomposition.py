import math

import numpy as np
import pytest
import torch

from gan.datasets.modes import ALONG, REST, ModeSplit
from gan.evaluation.metrics.model_free import decompose_collection, decompose_model, measured
from gan.evaluation.variance import variance_components
from tests.linear_model import linear_model

V = 37


@pytest.fixture(scope="module")
def modes():
    """Modes of two factors that are not orthogonal to each other."""
    rng = np.random.default_rng(0)
    identity = rng.normal(size=(4, V, 3))
    expression = rng.normal(size=(3, V, 3))
    expression[0] += 0.7 * identity[1]
    return {"identity": identity, "expression": expression}


def mix(weights: np.ndarray, mode: np.ndarray) -> np.ndarray:
    return np.einsum("zk,kvc->zvc", weights, mode)


def size(move: np.ndarray) -> float:
    """The variance of Σ z_k move_k per vertex, z ~ N(0, I)."""
    return float((move**2).sum() / V)


def test_parts_are_those_of_least_squares(modes):
    D = np.random.default_rng(1).normal(size=(5, V, 3))
    parts = ModeSplit(modes)(D)
    A = np.concatenate([mode.reshape(len(mode), -1) for mode in modes.values()]).T
    c = np.linalg.lstsq(A, D.reshape(5, -1).T, rcond=None)[0]
    identity, expression = A[:, :4] @ c[:4], A[:, 4:] @ c[4:]
    for name, part in (
        ("identity", identity),
        ("expression", expression),
        (ALONG, identity + expression),
        (REST, D.reshape(5, -1).T - identity - expression),
    ):  # coordinates keep all lengths and angles
        np.testing.assert_allclose(parts[name] @ parts[name].T, part.T @ part, atol=1e-9)


def test_modes_that_repeat_each_other_share(modes):
    """Least norm: what two equal modes could both explain goes to each by half."""
    twice = {"identity": modes["identity"][:1], "expression": modes["identity"][:1]}
    parts = ModeSplit(twice)(2 * modes["identity"][:1])
    norm = np.linalg.norm(modes["identity"][0])
    np.testing.assert_allclose([np.linalg.norm(parts[n]) for n in twice], norm, rtol=1e-9)
    assert np.linalg.norm(parts[REST]) < 1e-9


def test_shares_of_a_generator_with_known_leaks(modes):
    """Each code moves each part by a known amount; 5 % of the rest comes from the noise."""
    rng = np.random.default_rng(2)
    own_id, leak_id = rng.normal(size=(6, 4)), 0.5 * rng.normal(size=(5, 4))
    own_exp, leak_exp = rng.normal(size=(5, 3)), 0.6 * rng.normal(size=(6, 3))
    split = ModeSplit(modes)
    noise = rng.normal(size=(3, V, 3))
    noise = 0.3 * (split(noise)[REST]).reshape(3, V, 3)  # in no mode
    model = linear_model(
        {
            "identity": mix(own_id, modes["identity"]) + mix(leak_exp, modes["expression"]),
            "expression": mix(own_exp, modes["expression"]) + mix(leak_id, modes["identity"]),
            "noise": noise,
        }
    )
    found = decompose_model(model, split, groups=3000, size=4, rng=torch.Generator().manual_seed(0))
    truth = {
        "identity": {
            "identity": size(mix(own_id, modes["identity"])),
            "expression": size(mix(leak_id, modes["identity"])),
            "noise": 0.0,
        },
        "expression": {
            "identity": size(mix(leak_exp, modes["expression"])),
            "expression": size(mix(own_exp, modes["expression"])),
            "noise": 0.0,
        },
        REST: {"identity": 0.0, "expression": 0.0, "noise": size(noise)},
    }
    for part, by_code in truth.items():
        variance = sum(by_code.values())
        assert found.parts[part].variance == pytest.approx(variance, rel=0.03)
        for code, amount in by_code.items():
            share = found.parts[part].explained[code]
            assert abs(share.mean - amount / variance) < max(4.5 * share.standard_error, 1e-6)
            assert share.standard_error < 0.02
    assert found.outside == pytest.approx(size(noise) / found.total, rel=0.02)


def test_the_standard_error_is_that_of_other_seeds(modes):
    model = linear_model({"identity": modes["identity"], "expression": modes["expression"]})
    split = ModeSplit(modes)
    shares = [
        decompose_model(model, split, groups=60, rng=torch.Generator().manual_seed(seed))
        .parts["expression"]
        .explained["identity"]
        for seed in range(60)
    ]
    spread = np.std([share.mean for share in shares], ddof=1)
    told = np.sqrt(np.mean([share.standard_error**2 for share in shares]))
    assert 0.7 < told / spread < 1.4


def test_a_collapsed_generator_has_no_shares(modes):
    model = linear_model({"identity": np.zeros((2, V, 3)), "expression": np.zeros((1, V, 3))})
    found = decompose_model(model, ModeSplit(modes), groups=20, rng=torch.Generator())
    assert (found.total, found.parts["identity"].variance) == (0, 0)
    assert math.isnan(found.parts["identity"].explained["identity"].mean)
    assert math.isnan(found.outside)


def test_a_collection_is_split_by_its_labels(modes):
    """Identity shapes the identity part alone; intensity is what the label leaves."""
    rng = np.random.default_rng(3)
    subject, expression = np.repeat(np.arange(300), 6), rng.integers(0, 3, 300 * 6)
    shape = mix(rng.normal(size=(300, 4)), modes["identity"])[subject]
    amount = rng.uniform(0.5, 1.5, len(subject))
    smile = mix(np.eye(3), modes["expression"])[expression]
    template = 100 * rng.normal(size=(V, 3))
    X = template + shape + amount[:, None, None] * smile
    labels = {
        "identity": subject,
        "expression": np.where(rng.uniform(size=len(subject)) < 0.3, -1, expression),
        "alone": np.arange(len(subject)),
        "same": np.zeros(len(subject), dtype=int),
    }
    found = decompose_collection(X.__getitem__, labels, ModeSplit(modes), template, block=100)
    identity, expression_part = found.parts["identity"], found.parts["expression"]
    assert identity.explained.keys() == {"identity", "expression"}
    assert identity.explained["identity"].mean == pytest.approx(1)
    assert abs(identity.explained["expression"].mean) < 0.01
    assert abs(expression_part.explained["identity"].mean) < 0.02
    flat = smile.reshape(len(smile), -1)
    left = amount.var() * (flat**2).sum(axis=1).mean()
    whole = (amount[:, None] * flat).var(axis=0).sum()
    assert expression_part.explained["expression"].mean == pytest.approx(1 - left / whole, abs=0.02)
    assert identity.variance == pytest.approx(shape.var(axis=0).sum() / V, rel=1e-2)
    assert found.outside == pytest.approx(0, abs=1e-12)


def test_variances_of_a_few_meshes_have_one_freedom_less(modes):
    """Noise in every direction, in blocks: parts, rest and total against numpy's variances."""
    rng = np.random.default_rng(5)
    X, split = rng.normal(size=(7, V, 3)), ModeSplit(modes)
    labels = {"identity": np.array([0, 0, 1, 1, 1, 2, -1])}
    found = decompose_collection(X.__getitem__, labels, split, np.zeros((V, 3)), block=3)
    variance = {name: Y.var(axis=0, ddof=1).sum() / V for name, Y in split(X).items()}
    for name in ("identity", "expression", REST):
        assert found.parts[name].variance == pytest.approx(variance[name])
    assert found.total == pytest.approx(X.reshape(7, -1).var(axis=0, ddof=1).sum() / V)
    assert found.outside == pytest.approx(variance[REST] / found.total)
    Y, label = split(X)["expression"][:6], labels["identity"][:6]
    within = sum(((Y[label == c] - Y[label == c].mean(axis=0)) ** 2).sum() for c in range(3)) / 3
    share = found.parts["expression"].explained["identity"].mean
    assert share == pytest.approx(1 - within / Y.var(axis=0, ddof=1).sum())


def test_own_is_the_factors_share_and_leak_the_most_of_any_other(modes):
    rng = np.random.default_rng(6)
    X, split = rng.normal(size=(24, V, 3)), ModeSplit(modes)
    label = {name: rng.integers(0, 3, 24) for name in ("identity", "expression", "mood")}
    found = decompose_collection(X.__getitem__, label, split, np.zeros((V, 3)))
    share = found.parts["identity"].explained
    values = measured({"training": found}).values
    assert values["training, identity, own"] == share["identity"]
    leak = max(share["expression"].mean, share["mood"].mean)
    assert values["training, identity, leak"].mean == leak
    assert len(values) == 4
    del label["identity"]
    found = decompose_collection(X.__getitem__, label, split, np.zeros((V, 3)))
    assert "training, identity, own" not in measured({"training": found}).values


@pytest.mark.parametrize("between", [0.0, 0.3, 2.0])
def test_components_are_unbiased_for_groups_of_any_size(between):
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(7), [1, 2, 3, 3, 4, 1, 9])
    found = []
    for _ in range(3000):
        effect = math.sqrt(between) * rng.normal(size=(7, 2))
        Y = 5 + effect[group] + math.sqrt(0.7) * rng.normal(size=(len(group), 2))
        found.append(variance_components(Y, group))
    mean, deviation = np.mean(found, axis=0), np.std(found, axis=0)
    expected = np.array([2 * between, 2 * 0.7])  # over two coordinates
    assert (np.abs(mean - expected) < 4 * deviation / math.sqrt(len(found))).all()


def test_groups_that_cannot_be_told_apart():
    with pytest.raises(ValueError, match="3 rows in 1 groups: two groups"):
        variance_components(np.zeros((3, 1)), np.zeros(3, dtype=int))
    with pytest.raises(ValueError, match="3 rows in 3 groups"):
        variance_components(np.zeros((3, 1)), np.arange(3))
    with pytest.raises(ValueError, match="no modes"):
        ModeSplit({"identity": np.zeros((0, 4, 3))})
