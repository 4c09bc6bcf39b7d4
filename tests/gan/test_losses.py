"""What a written-out iteration does not reach of the losses: edges, boundaries, wrong options."""

import math

import numpy as np
import pytest
import torch

from gan.losses import ADVERSARIAL_LOSSES, FACTOR_LOSSES
from gan.losses.adversarial import Hinge, LogisticR1, WassersteinPenalty
from gan.losses.contrastive import contrastive_loss
from gan.losses.factor import linear_head
from gan.losses.feature import feature_distance


def test_feature_distances_by_hand():
    a = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
    b = torch.tensor([[0.0, 2.0], [6.0, 8.0]])
    assert feature_distance(a, b, kind="cosine").item() == pytest.approx((1 + 0) / 2)
    assert feature_distance(a, b, kind="l2").item() == pytest.approx((5 + 25) / 2)
    with pytest.raises(ValueError, match="unknown feature distance 'l1'; known: cosine, l2"):
        feature_distance(a, b, kind="l1")


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


def test_a_head_keeps_the_size_of_features():
    head = linear_head(400, 300, torch.Generator().manual_seed(0))
    assert head.weight.std().item() == pytest.approx(1 / 20, rel=0.02)
    assert not head.bias.any()


def test_the_boundary_moves_with_the_scores_where_only_differences_count():
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 1.0])
    wasserstein = WassersteinPenalty()
    assert wasserstein.boundary(real, fake).item() == 2.5
    assert wasserstein.boundary(real + 7, fake + 7).item() == 9.5
    assert LogisticR1().boundary(real + 7, fake + 7).item() == 0
    assert Hinge().boundary(real + 7, fake + 7).item() == 0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("supervised-contrastive", {"temperature": 0.0}, "temperature must be positive, got 0.0"),
        ("supervised-contrastive", {"projection": -1}, "projection must not be negative, got -1"),
        ("feature", {"distance": "l1"}, "unknown feature distance 'l1'; known: cosine, l2"),
        ("r1", {"interval": 0}, "interval must be at least 1, got 0"),
        ("r1", {"penalty": -1.0}, "penalty must be a number that is not negative, got -1.0"),
        ("wgan-gp", {"penalty": math.nan}, "penalty must be a number .*, got nan"),
        ("hinge", {"penalty": 1.0}, "'hinge' has no option 'penalty'; it has no options"),
    ],
)
def test_options_that_make_no_sense(name, options, message):
    registry, sizes = ADVERSARIAL_LOSSES, {}
    if name in FACTOR_LOSSES:
        sizes = {"classes": 3, "code_size": 2, "feature_size": 8, "rng": torch.Generator()}
        registry = FACTOR_LOSSES
    with pytest.raises(ValueError, match=message):
        registry.build(name, options, **sizes)
