"""The games: by hand on critics whose slope is known, and against finite differences."""

import math

import pytest
import torch
from torch import Tensor

from gan.losses import ADVERSARIAL_LOSSES
from gan.losses.adversarial import Hinge, LogisticR1, WassersteinPenalty

LN3 = math.log(3)


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def play(loss, critic, real: Tensor, fake: Tensor, *, update: int = 0) -> dict[str, Tensor]:
    return loss.discriminator(
        critic, real, fake, critic(real), critic(fake), rng=draw(), update=update
    )


def scores_as_images(*scores: float) -> Tensor:
    """Images whose score under `first` is as given."""
    return torch.tensor(scores, dtype=torch.float64).view(-1, 1, 1, 1).expand(-1, 3, 1, 1)


def first(images: Tensor) -> Tensor:
    return images[:, 0, 0, 0]


@pytest.mark.parametrize(
    ("loss", "critic", "generator"),
    [
        (Hinge(), (0 + 1) / 2 + (0 + 1.5 + LN3) / 2, -(0.5 + LN3 - 3) / 2),
        # log(1 + e^-2), log(1 + e^0); log(1 + e^-3), log(1 + e^(0.5 + ln 3))
        (
            LogisticR1(penalty=0.0),
            (math.log1p(math.exp(-2)) + math.log(2)) / 2
            + (math.log1p(math.exp(-3)) + math.log(1 + 3 * math.exp(0.5))) / 2,
            (math.log1p(math.exp(3)) + math.log(1 + math.exp(-0.5) / 3)) / 2,
        ),
        (WassersteinPenalty(penalty=0.0), (LN3 + 0.5 - 3) / 2 - 1, -(LN3 + 0.5 - 3) / 2),
    ],
)
def test_games_by_hand(loss, critic, generator):
    real, fake = scores_as_images(2.0, 0.0), scores_as_images(-3.0, 0.5 + LN3)
    assert play(loss, first, real, fake)["critic"].item() == pytest.approx(critic)
    assert loss.generator(first(fake)).item() == pytest.approx(generator)


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
        ("r1", {"interval": 0}, "interval must be at least 1, got 0"),
        ("r1", {"penalty": -1.0}, "penalty must be a number that is not negative, got -1.0"),
        ("wgan-gp", {"penalty": math.nan}, "penalty must be a number .*, got nan"),
        ("hinge", {"penalty": 1.0}, "'hinge' has no option 'penalty'; it has no options"),
    ],
)
def test_options_that_make_no_sense(name, options, message):
    with pytest.raises(ValueError, match=message):
        ADVERSARIAL_LOSSES.build(name, options)
