"""Every term by hand, or against the definition written out."""

import numpy as np
import pytest
import torch

from gan.losses import CotangentRegularizer, WassersteinPenalty
from gan.losses.classification import class_weights, labelled_cross_entropy
from gan.losses.feature import feature_distance
from meshkit.laplacian import cotangent_laplacian
from meshkit.primitives import hemisphere


def test_wasserstein_terms_of_a_linear_critic():
    """The slope of <a, x> is a everywhere, so the penalty is λ (‖a‖ − 1)², whatever the mixing."""
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(3, 4, 4, generator=rng, dtype=torch.float64)
    real, fake = torch.randn(2, 5, 3, 4, 4, generator=rng, dtype=torch.float64)

    def critic(images: torch.Tensor) -> torch.Tensor:
        return (images * a).sum(dim=(1, 2, 3))

    loss = WassersteinPenalty(penalty=10.0)
    terms = loss.discriminator(critic, real, fake, critic(real), critic(fake), rng=rng)
    assert terms["critic"].item() == pytest.approx((critic(fake) - critic(real)).mean().item())
    assert terms["penalty"].item() == pytest.approx(10 * (a.norm().item() - 1) ** 2)
    assert loss.generator(critic(fake)).item() == pytest.approx(-critic(fake).mean().item())


def test_penalty_is_taken_between_real_and_fake():
    """With a critic of slope 2 x, only points on the segment give this range of slopes."""
    real, fake = torch.full((64, 3, 1, 1), 1.0), torch.full((64, 3, 1, 1), 3.0)
    seen = []

    def critic(images: torch.Tensor) -> torch.Tensor:
        seen.append(images.detach())
        return images.square().sum(dim=(1, 2, 3))

    zeros = torch.zeros(64)
    rng = torch.Generator().manual_seed(0)
    WassersteinPenalty(penalty=1.0).discriminator(critic, real, fake, zeros, zeros, rng=rng)
    t = (seen[0][:, 0].flatten() - 1) / 2
    assert ((t >= 0) & (t <= 1)).all()
    assert t.std() > 0.2, "each sample has its own place between"


def test_class_weights_are_wanted_share_over_share():
    weights = class_weights(torch.tensor([0, 0, 0, 1, -1, -1]), 2)
    np.testing.assert_allclose(weights, [0.5 / 0.75, 0.5 / 0.25], rtol=1e-6)


def test_unlabelled_samples_add_nothing_to_the_cross_entropy():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [5.0, -5.0]], dtype=torch.float64)
    labels, weights = torch.tensor([0, 1, -1]), torch.tensor([0.5, 2.0], dtype=torch.float64)
    expected = 0.5 * np.log(1 + np.exp(-2)) + 2.0 * np.log(1 + np.exp(-1))
    loss = labelled_cross_entropy(logits, labels, weights, labelled_share=2 / 3)
    assert loss.item() == pytest.approx(expected / 2)
    nothing = labelled_cross_entropy(logits, torch.full((3,), -1), weights, labelled_share=0.5)
    assert nothing.item() == 0.0


def test_feature_distances_by_hand():
    a = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    b = torch.tensor([[0.0, 2.0], [6.0, 8.0]])
    assert feature_distance(a, b, kind="cosine").item() == pytest.approx((1 + 0) / 2)
    assert feature_distance(a, b, kind="l2").item() == pytest.approx((5 + 25) / 2)
    with pytest.raises(ValueError, match="unknown feature distance 'l1'; known: cosine, l2"):
        feature_distance(a, b, kind="l1")


def test_regularizer_is_the_mean_energy_of_the_batch():
    V, F = hemisphere(5)
    d = np.random.default_rng(0).normal(size=(4, *V.shape))
    L = cotangent_laplacian(V, F)
    expected = np.mean([((L @ one) ** 2).sum() for one in d])
    vertex_major = torch.from_numpy(d).permute(1, 2, 0).float()
    assert CotangentRegularizer(V=V, F=F)(vertex_major).item() == pytest.approx(expected, rel=1e-5)
