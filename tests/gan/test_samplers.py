"""The order of an epoch: every mesh once, or every class as often as the others."""

import pytest
import torch
from torch.testing import assert_close

from gan.losses.classification import class_weights
from gan.training.samplers import SAMPLERS, BalancedSampler

# 40 of class 0, 7 of class 1, 3 of class 2, 10 without a label.
LABELS = torch.tensor([0] * 40 + [-1] * 10 + [1] * 7 + [2] * 3)


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def balanced() -> BalancedSampler:
    return BalancedSampler(n_meshes=60, labels={"mood": LABELS}, factor="mood")


def test_an_epoch_shows_the_classes_evenly_and_the_unlabelled_once(balanced):
    order = balanced.epoch(rng=draw())
    assert len(order) == 60
    shown = torch.bincount(order, minlength=60)
    assert_close(shown[LABELS < 0], torch.ones(10, dtype=torch.int64))
    for c, size in enumerate((40, 7, 3)):
        own = shown[c == LABELS]
        assert abs(own.sum().item() - 50 / 3) < 1
        assert own.max() - own.min() <= 1, size


def test_any_stretch_has_all_classes_alike(balanced):
    classes = LABELS[balanced.epoch(rng=draw())]
    classes = classes[classes >= 0]
    for start in range(len(classes) - 9):
        count = torch.bincount(classes[start : start + 9], minlength=3)
        assert count.max() - count.min() <= 3, "two rounds may meet back to back"
    rounds = classes[:48].view(-1, 3).sort(dim=1).values
    assert_close(rounds, torch.arange(3).expand(16, 3))


def test_expected_draws_are_what_many_epochs_show(balanced):
    rng = draw()
    shown = sum(torch.bincount(balanced.epoch(rng=rng), minlength=60) for _ in range(400)) / 400
    assert_close(shown, balanced.draws(), rtol=0, atol=0.1)
    assert balanced.draws().sum().item() == pytest.approx(60)


def test_classes_shown_evenly_need_no_weights(balanced):
    assert_close(class_weights(LABELS, 3, balanced.draws()), torch.ones(3))
    assert class_weights(LABELS, 3)[2] > 5


def test_the_same_numbers_give_the_same_epoch(balanced):
    assert_close(balanced.epoch(rng=draw(3)), balanced.epoch(rng=draw(3)), rtol=0, atol=0)
    assert (balanced.epoch(rng=draw(3)) != balanced.epoch(rng=draw(4))).any()


def test_options_that_make_no_sense():
    given = {"n_meshes": 60, "labels": {"mood": LABELS}}
    with pytest.raises(ValueError, match="no factor 'age'; the model has mood"):
        SAMPLERS.build("balanced", {"factor": "age"}, **given)
    with pytest.raises(ValueError, match="sampler 'balanced' needs the option 'factor'"):
        SAMPLERS.build("balanced", {}, **given)
