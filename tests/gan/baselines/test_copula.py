"""The copula 3DMM: monotone maps by their laws, the model by the data's distribution."""

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis, norm, wasserstein_distance

from gan.baselines.quantiles import fit_quantiles


def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return columns that are skewed, two-humped, rest at zero half of the time, constant."""
    x = rng.normal(size=(n, 4))
    return np.stack(
        [np.exp(x[:, 0]), x[:, 1] + 4 * (x[:, 1] > 0), x[:, 2].clip(0), 0 * x[:, 3]], axis=1
    )


@pytest.mark.parametrize("n", [12, 300, 20_000])
def test_quantile_maps_rise_smoothly_and_are_inverted(n):
    quantiles = fit_quantiles(skewed(np.random.default_rng(0), n))
    quantiles = type(quantiles)(*(part.double() for part in quantiles))
    u = torch.linspace(-9, 9, 4001, dtype=torch.float64)[:, None].repeat(1, 4).requires_grad_()
    x = quantiles(u)
    (slope,) = torch.autograd.grad(x.sum(), u)
    assert (slope > 0).all()
    (h,) = set((u[1] - u[0]).tolist())
    np.testing.assert_allclose(
        (x[2:] - x[:-2]).detach() / (2 * h), slope[1:-1], rtol=0.02, atol=0.05
    )
    np.testing.assert_allclose(quantiles.inverse(x).detach(), u.detach(), atol=1e-9)


def test_draws_are_distributed_as_the_data():
    rng = np.random.default_rng(1)
    data = skewed(rng, 4000)
    quantiles = fit_quantiles(data)
    drawn = quantiles(torch.from_numpy(rng.normal(size=(40_000, 4))).float()).numpy()
    for x, y in zip(data.T[:3], drawn.T[:3], strict=True):
        gaussian = rng.normal(x.mean(), x.std(), size=len(y))
        assert wasserstein_distance(x, y) < 0.25 * wasserstein_distance(x, gaussian)
    assert kurtosis(drawn[:, 0]) > 0.4 * kurtosis(data[:, 0])


def test_normal_data_are_left_as_they_are():
    data = 2 + 3 * norm.ppf((np.arange(500) + 0.5) / 500)[:, None]
    u = torch.linspace(-6, 6, 101)[:, None]
    np.testing.assert_allclose(fit_quantiles(data)(u), 2 + 3 * u, atol=1e-2)
