"""Spectral norm between the image and the score: what it bounds, whose numbers it draws."""

import pytest
import torch
from torch.testing import assert_close

from gan.models.critic import slope_of
from gan.models.discriminator import BranchedDiscriminator


def discriminator(
    seed: int = 0, *, spectral_norm: bool = True, **options: float
) -> BranchedDiscriminator:
    return BranchedDiscriminator(
        size=16,
        widths=(4, 6, 8, 10),
        slope=0.2,
        classes={"mood": 3},
        rng=torch.Generator().manual_seed(seed),
        spectral_norm=spectral_norm,
        **options,
    )


def images(n: int = 6, scale: float = 1.0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    return scale * torch.randn(n, 3, 16, 16, generator=rng)


def test_weights_on_the_way_to_the_score_have_norm_one_and_the_others_stay_free():
    D, free = discriminator(), discriminator(spectral_norm=False)
    for _ in range(50):
        D.score(D.shared(images()))
    for layer in (*D.trunk, *D.critic.blocks, D.critic.last):
        norm = torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2)
        assert norm.item() == pytest.approx(1.0, abs=1e-3)
    ours, theirs = D.branches["mood"], free.branches["mood"]
    assert_close(ours.last.weight, theirs.last.weight, rtol=0, atol=0)
    assert not hasattr(ours.last, "parametrizations")


def test_the_slope_of_the_score_is_bounded_whatever_the_weights():
    """Each convolution overlaps itself fourfold: 2 per layer bounds its operator norm."""
    D = discriminator()
    with torch.no_grad():
        for layer in (*D.trunk, *D.critic.blocks):
            layer.parametrizations.weight.original.mul_(30)
    for _ in range(50):
        D.score(D.shared(images()))
    slope = slope_of(D.as_critic(), images()).flatten(1).norm(dim=1)
    assert (slope < 2.0**4).all()
    free = discriminator(spectral_norm=False)
    with torch.no_grad():
        for layer in (*free.trunk, *free.critic.blocks):
            layer.weight.mul_(30)
    assert (slope_of(free.as_critic(), images()).flatten(1).norm(dim=1) > 2.0**4).all()


def test_vectors_come_from_the_runs_own_numbers_and_change_at_every_use():
    torch.manual_seed(5)
    one = discriminator()
    torch.manual_seed(6)
    assert_close(one.state_dict(), discriminator().state_dict(), rtol=0, atol=0)
    vectors = {name: v.clone() for name, v in one.named_buffers()}
    assert len(vectors) == 2 * 5
    one.score(one.shared(images()))
    moved = {name for name, v in one.named_buffers() if (vectors[name] != v).any()}
    assert len(moved) == 2 * 4, "one output has one direction, found at once"


@pytest.mark.parametrize("leak", [0.2, 0.0])
def test_the_slope_made_as_a_network_is_autograds_and_so_is_its_gradient(leak):
    """A plug-in's critic knows no shorter way; both must carry a penalty back to the weights."""
    D = discriminator(spectral_norm=False).double()
    D.slope = D.critic.slope = leak
    weights = [w for name, w in D.named_parameters() if name.endswith("weight")]
    results = []
    for way in (D.as_critic(), D.as_critic().score):
        slope = slope_of(way, images().double())
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        gradients = torch.autograd.grad(penalty, weights, allow_unused=True)
        results.append([slope.detach(), *(g for g in gradients if g is not None)])
    assert_close(results[0], results[1], rtol=1e-10, atol=1e-12)
    assert len(results[0]) == 1 + 5
    assert results[0][1].abs().max() > 1e-6, "a penalty without a gradient would compare equal, too"


def test_weights_start_at_hes_deviation():
    D = discriminator(spectral_norm=False)
    for layer in (*D.trunk, *D.critic.blocks, D.branches["mood"].last):
        fan = layer.weight[0].numel()
        deviation = layer.weight.square().mean().sqrt().item()
        assert deviation == pytest.approx((2 / fan) ** 0.5, rel=0.25)
        assert not layer.bias.any()


def test_an_embedding_bounds_every_logit_and_is_the_feature():
    D = discriminator(spectral_norm=False, embedding=5, temperature=0.25)
    features = D.features("mood", D.shared(images(scale=1e3)))
    assert features.shape == (6, D.feature_size) == (6, 5)
    assert_close(features.norm(dim=1), torch.ones(6))
    with torch.no_grad():
        D.branches["mood"].last.weight.mul_(100)
    assert (D.classify("mood", features).abs() <= 1 / 0.25 + 1e-5).all()
    with pytest.raises(ValueError, match="embedding must be 0 or more and temperature positive"):
        BranchedDiscriminator(
            size=16,
            widths=(4, 6, 8, 10),
            slope=0.2,
            classes={},
            rng=torch.Generator(),
            embedding=-1,
        )
