"""Principal components, and Gaussians of codes."""

import numpy as np
import pytest
import torch

from gan.baselines.components import (
    class_means,
    exact_components,
    fit_gaussian,
    pad_rows,
    principal_components,
)
from tests.gan.baselines.conftest import low_rank


def by_hand(X: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Deviations, and the projector to the first k components, by numpy's SVD."""
    _, s, Wt = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    return s[:k] / np.sqrt(len(X) - 1), Wt[:k].T @ Wt[:k]


@pytest.mark.parametrize("k", [1, 5, 20])
def test_components_are_those_of_the_svd(k):
    X = np.random.default_rng(0).normal(size=(300, 120)) * np.linspace(3, 1, 120)
    deviation, projector = by_hand(X, k)
    exact = exact_components(X, k)
    blocks = lambda: iter(np.array_split(X, 7))  # noqa: E731
    streamed = principal_components(blocks, k, rng=np.random.default_rng(1))
    for found, atol in ((exact, 1e-10), (streamed, 1e-3)):
        np.testing.assert_allclose(found.mean, X.mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(found.deviation, deviation, rtol=1e-6)
        np.testing.assert_allclose(found.basis.T @ found.basis, projector, atol=atol)
        np.testing.assert_allclose(found.total, X.var(axis=0, ddof=1).sum())


def test_no_more_components_than_directions():
    X = low_rank(np.random.default_rng(0), 40, 30, rank=4)
    for found in (
        exact_components(X, 9),
        principal_components(lambda: [X[:10], X[10:]], 9, rng=np.random.default_rng(0)),
    ):
        assert found.basis.shape == (4, 30)
        np.testing.assert_allclose(found.basis @ found.basis.T, np.eye(4), atol=1e-10)
        centred = X - found.mean
        np.testing.assert_allclose(centred @ found.basis.T @ found.basis, centred, atol=1e-8)


def test_the_order_of_blocks_and_the_seed_do_not_matter():
    X = low_rank(np.random.default_rng(3), 60, 25, rank=12)
    first = principal_components(lambda: [X], 5, rng=np.random.default_rng(0))
    other = principal_components(lambda: [X[40:], X[:40]], 5, rng=np.random.default_rng(9))
    np.testing.assert_allclose(first.basis, other.basis, atol=1e-6)


def test_whitened_codes_have_unit_covariance_and_come_back():
    rng = torch.Generator().manual_seed(0)
    w = torch.randn(500, 4, generator=rng) @ torch.randn(4, 4, generator=rng) + 3
    w = torch.cat([w, torch.full((500, 1), 7.0)], dim=1)  # a direction without variation
    gaussian = fit_gaussian(w)
    z = gaussian.whiten(w)
    np.testing.assert_allclose(gaussian.color(z), w, atol=1e-4)
    # Seen in the four directions that vary, codes are white.
    values = torch.linalg.eigvalsh(torch.cov(z.double().T))
    np.testing.assert_allclose(values, [0, 1, 1, 1, 1], atol=1e-4)
    assert gaussian.spread[4].abs().max() < 1e-6


def test_class_means_leave_the_unlabelled_out():
    codes = torch.tensor([[1.0], [3.0], [10.0], [99.0]])
    found = class_means(codes, np.array([0, 0, 1, -1]), 2)
    torch.testing.assert_close(found, torch.tensor([[2.0], [10.0]]))


def test_padding_appends_nothing_but_zeros():
    padded = pad_rows(np.ones((2, 3)), 4)
    np.testing.assert_array_equal(padded, [[1, 1, 1], [1, 1, 1], [0, 0, 0], [0, 0, 0]])
