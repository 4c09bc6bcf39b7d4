"""The slope of a critic, made as a network, is the slope that autograd finds, and so is its own."""

import pytest
import torch

from gan.models.critic import slope_of
from gan.models.discriminator import BranchedDiscriminator


@pytest.mark.parametrize("leak", [0.2, 0.0])
def test_the_slope_and_its_gradient_are_autograds(leak):
    rng = torch.Generator().manual_seed(0)
    D = BranchedDiscriminator(size=32, widths=(4, 6, 8, 10), slope=leak, classes={}, rng=rng)
    D = D.double()
    images = torch.randn(3, 3, 32, 32, generator=rng, dtype=torch.float64)
    critic = D.as_critic()
    results = []
    for way in (critic, critic.score):
        slope = slope_of(way, images)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        weights = [w for name, w in D.named_parameters() if name.endswith("weight")]
        results.append((slope.detach(), *torch.autograd.grad(penalty, weights)))
    torch.testing.assert_close(results[0], results[1], rtol=1e-10, atol=1e-12)
    assert results[0][1].abs().max() > 1e-6, "a penalty without a gradient would compare equal, too"
