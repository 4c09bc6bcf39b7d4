"""Every term by hand, or against the definition written out."""

import numpy as np
import pytest
import torch
from torch import nn

from gan.losses import FACTOR_LOSSES, CotangentRegularizer, WassersteinPenalty
from gan.losses.classification import class_weights, labelled_cross_entropy
from gan.losses.contrastive import contrastive_loss
from gan.losses.factor import GeneratedFaces, RealFaces
from gan.losses.feature import feature_distance
from gan.models.discriminator import BranchedDiscriminator
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
    terms = loss.discriminator(critic, real, fake, critic(real), critic(fake), rng=rng, update=0)
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
    WassersteinPenalty(penalty=1.0).discriminator(
        critic, real, fake, zeros, zeros, rng=rng, update=0
    )
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


def branch(losses: list[str], **options: object) -> tuple[BranchedDiscriminator, nn.ModuleDict]:
    rng = torch.Generator().manual_seed(3)
    D = BranchedDiscriminator(size=16, widths=(4, 4, 8, 8), slope=0.2, classes={"a": 3}, rng=rng)
    sizes = {"classes": 3, "code_size": 2, "feature_size": D.feature_size, "rng": rng}
    D.heads["a"] = nn.ModuleDict(
        {name: FACTOR_LOSSES.build(name, **sizes, **options) for name in losses}
    )
    return D, D.heads["a"]


def test_codes_are_read_by_a_linear_head_of_the_features():
    D, heads = branch(["code-regression"])
    rng = torch.Generator().manual_seed(0)
    images, codes = torch.randn(6, 3, 16, 16, generator=rng), torch.randn(6, 2, generator=rng)
    made = GeneratedFaces("a", D, D.shared(images), codes, None, (0, 3))
    loss, read = heads["code-regression"], heads["code-regression"].read
    expected = ((made.features @ read.weight.T + read.bias - codes) ** 2).sum() / 12
    assert loss.generator(made).item() == pytest.approx(expected.item(), rel=1e-5)
    # Least squares through these features reads six codes exactly: the loss can come down.
    with torch.no_grad():
        read.weight.copy_(torch.linalg.lstsq(made.features, codes).solution.T)
    assert loss.generator(made).item() < 1e-6


def test_contrast_by_hand():
    """Three unit vectors: anchors 0 and 1 are each other's positives, 2 is alone."""
    f = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 2.0]], dtype=torch.float64, requires_grad=True)
    label = torch.tensor([0, 0, 1])
    same = label[:, None] == label[None, :]
    every = torch.ones(3, dtype=torch.bool)
    loss = contrastive_loss(f, same, every, t=0.5)
    first = np.log(np.exp(1.2) + np.exp(0.0)) - 1.2
    second = np.log(np.exp(1.2) + np.exp(1.6)) - 1.2
    assert loss.item() == pytest.approx((first + second) / 2)
    (slope,) = torch.autograd.grad(loss, f)
    assert torch.isfinite(slope).all()
    alone = contrastive_loss(f, same, torch.tensor([True, False, True]), t=0.5)
    assert alone.item() == 0
    (slope,) = torch.autograd.grad(alone, f)
    assert slope.abs().max() == 0


def test_contrast_of_pairs_is_that_of_their_labels():
    """An unlabelled factor's pairs are positives; one label for each pair says the same."""
    D, heads = branch(["supervised-contrastive"], temperature=0.3)
    rng = torch.Generator().manual_seed(0)
    shared, codes = D.shared(torch.randn(8, 3, 16, 16, generator=rng)), torch.zeros(8, 2)
    loss = heads["supervised-contrastive"]
    made = GeneratedFaces("a", D, shared, codes, None, (1, 4))
    pairs = loss.generator(made)
    labels = torch.tensor([0, 1, 2, 3, 4, 1, 2, 3])
    torch.testing.assert_close(
        pairs, loss.generator(GeneratedFaces("a", D, shared, codes, labels, None))
    )
    real = RealFaces("a", D, shared, labels - 1, torch.ones(3), 1.0)
    kept = labels >= 1
    features = loss.project(D.features("a", shared))[kept]
    same = labels[kept][:, None] == labels[kept][None, :]
    expected = contrastive_loss(features, same, torch.ones(7, dtype=torch.bool), t=0.3)
    torch.testing.assert_close(loss.discriminator(real, made), expected)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("supervised-contrastive", {"temperature": 0.0}, "temperature must be positive, got 0.0"),
        ("supervised-contrastive", {"projection": -1}, "projection must not be negative, got -1"),
        ("feature", {"distance": "l1"}, "unknown feature distance 'l1'; known: cosine, l2"),
    ],
)
def test_options_of_factor_losses_that_make_no_sense(name, options, message):
    with pytest.raises(ValueError, match=message):
        branch([name], **options)
