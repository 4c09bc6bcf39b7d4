import itertools
import math

import numpy as np
import pytest
import torch

from gan.evaluation import generated
from gan.evaluation.estimate import estimate, estimate_pairs
from gan.evaluation.metrics.diversity import collection_diversity, draw_pairs, model_diversity
from tests.linear_model import linear_model
from tests.reference import distances as slow

V = 37  # vertices of the model's template


def along_x(amount: float) -> np.ndarray:
    return np.full((1, V, 3), [amount, 0.0, 0.0])


def torch_rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_diversity_of_a_model_that_slides():
    """The whole face moves by z mm along x: E|z − z'| = 2/√π, and its deviation is known too."""
    model = linear_model({"identity": along_x(3.0), "expression": along_x(4.0)})
    n = 4000
    for share, size in ((None, 5.0), ("identity", 4.0), ("expression", 3.0), ("noise", 5.0)):
        found = model_diversity(model, n, rng=torch_rng(), share=share)
        expected, deviation = size * 2 / math.sqrt(math.pi), size * math.sqrt(2 - 4 / math.pi)
        assert found.n == n
        assert abs(found.mean - expected) < 4 * deviation / math.sqrt(n)
        assert found.standard_error == pytest.approx(deviation / math.sqrt(n), rel=0.1)


def test_blocks_do_not_part_pairs(monkeypatch):
    model = linear_model({"identity": along_x(1.0), "expression": along_x(1.0)})
    whole = model_diversity(model, 50, rng=torch_rng(), share="identity")
    monkeypatch.setattr(generated, "_BLOCK_BYTES", 4 * 3 * V * 7)  # seven meshes: no even number
    assert model_diversity(model, 50, rng=torch_rng(), share="identity") == whole


def test_a_collapsed_model_has_none():
    model = linear_model({"identity": np.zeros((2, V, 3)), "noise": np.zeros((1, V, 3))})
    assert model_diversity(model, 10, rng=torch_rng()).mean == 0


def test_only_what_is_not_shared_is_counted():
    model = linear_model({"identity": along_x(1.0), "expression": np.zeros((1, V, 3))})
    assert model_diversity(model, 10, rng=torch_rng(), share="identity").mean == 0


def test_an_unknown_factor_is_named():
    model = linear_model({"identity": along_x(1.0)})
    with pytest.raises(KeyError, match="no code 'mood'; it has identity, noise"):
        model_diversity(model, 10, rng=torch_rng(), share="mood")


@pytest.mark.parametrize("labelled", [False, True])
def test_diversity_of_a_collection_against_all_pairs(labelled):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 5, 3)).astype(np.float32)
    label = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, -1, -1, 3]) if labelled else None
    pairs = [
        (i, j)
        for i, j in itertools.permutations(range(12), 2)
        if label is None or (label[i] == label[j] and label[i] >= 0)
    ]
    exact = np.mean([slow.mean_vertex_distance(X[i], X[j]) for i, j in pairs])
    found = collection_diversity(X.__getitem__, 12, 3000, rng=rng, label=label)
    assert abs(found.mean - exact) < 4 * found.standard_error < 0.05


def test_pairs_are_all_the_pairs_of_a_class_equally_often():
    label = np.array([0, 5, 0, -1, 5, 0, 7, -1])
    pairs = draw_pairs(label, 8000, rng=np.random.default_rng(0))
    found, count = np.unique(pairs, axis=0, return_counts=True)
    expected = sorted([*itertools.permutations([0, 2, 5], 2), *itertools.permutations([1, 4], 2)])
    assert [tuple(pair) for pair in found.tolist()] == expected
    # The first is any of five meshes, the second any other of its class.
    share = np.array([1 / 5 / (1 if label[i] == 5 else 2) for i, _ in expected])
    assert (np.abs(count - 8000 * share) < 5 * np.sqrt(8000 * share)).all()


def test_pairs_of_a_collection_are_pairs_of_its_subjects():
    rng = np.random.default_rng(1)
    X, label, subject = rng.normal(size=(12, 5, 3)), np.arange(12) % 2, np.arange(12) // 3
    found = collection_diversity(
        X.__getitem__, 12, 60, rng=np.random.default_rng(3), label=label, subject=subject
    )
    first, second = draw_pairs(label, 60, rng=np.random.default_rng(3)).T
    distance = np.array(
        [slow.mean_vertex_distance(X[i], X[j]) for i, j in zip(first, second, strict=True)]
    )
    expected = estimate_pairs(distance, subject[first], subject[second])
    np.testing.assert_allclose(found[:5], expected[:5])


def test_no_two_of_a_kind():
    with pytest.raises(ValueError, match="no two meshes have the same label"):
        draw_pairs(np.array([0, 1, -1, -1]), 5, rng=np.random.default_rng(0))


def test_the_standard_error_of_one_sample_is_unknown():
    assert math.isnan(estimate(np.array([2.0])).standard_error)
    with pytest.raises(ValueError, match="at least one sample"):
        estimate(np.array([]))
