"""Changes of geometry images: what they leave alone, how often they come, how p follows."""

import pytest
import torch
from torch.testing import assert_close

from gan.errors import ConfigError
from gan.sections import AugmentationConfig
from gan.training import augmentation
from gan.training.augmentation import Augmentation, build_augmentation

KINDS = ("TURN", "SCALE", "TRANSLATION", "FIELD", "SHIFT", "PATCH")
DEVIATION = 2.0  # mm


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def only(monkeypatch):
    """Leave one kind of change, or a few."""

    def leave(*kinds: str) -> None:
        for kind in set(KINDS) - set(kinds):
            monkeypatch.setattr(augmentation, kind, 0.0)

    return leave


def images(n_faces: int, n: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images, and the mean face that is missing in them, in mm."""
    mean = 50 * torch.randn(3, n, n, generator=draw(1))
    return torch.randn(n_faces, 3, n, n, generator=draw(2)), mean


def module(mean: torch.Tensor, p: float = 1.0, **settings) -> Augmentation:
    chosen = AugmentationConfig(name="fixed", p=p, **settings)
    return Augmentation(chosen, mean, DEVIATION)


def test_at_zero_nothing_changes_and_numbers_are_drawn_all_the_same():
    batch, mean = images(5)
    one, other = draw(), draw()
    assert_close(module(mean, 0.0)(batch, rng=one), batch, rtol=0, atol=0)
    assert_close(module(mean, 1.0, strength=0.0)(batch, rng=other), batch, rtol=0, atol=0)
    assert_close(one.get_state(), other.get_state(), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["TURN", "SCALE", "TRANSLATION", "FIELD"])
def test_the_mean_face_moves_by_the_size_of_the_change(kind, only):
    _, mean = images(1)
    only(kind)
    moved = module(mean)(torch.zeros(3000, 3, 12, 12), rng=draw())
    assert moved.square().mean().sqrt().item() == pytest.approx(
        getattr(augmentation, kind), rel=0.05
    )


def test_p_follows_the_signs_of_the_real_scores():
    """80 images from 0 to 1, 4 a batch: every fourth update is a step of 0.2."""
    settings = AugmentationConfig(name="adaptive", images=80, target=0.6)
    adaptive = Augmentation(settings, torch.zeros(3, 4, 4), 1.0)
    high, torn = torch.tensor([3.0, 2, 4, 3]), torch.tensor([3.0, 2, 0.5, 0.0])
    path = []
    for update, score in enumerate([high] * 24 + [torn] * 28):
        adaptive.observe(score, torch.tensor(1.0), update)
        path.append(round(adaptive.p.item(), 6))
    assert path[:8] == [0, 0, 0, 0.2, 0.2, 0.2, 0.2, 0.4]
    assert path[19:24] == [1.0] * 5, "no more than always"
    assert path[27] == 0.8
    assert path[-5:] == [0.0] * 5, "no less than never"
    assert adaptive.rate.item() == 0
    assert adaptive.terms()["augmentation"].item() == 0


def test_a_fixed_p_stays():
    fixed = module(torch.zeros(3, 4, 4), 0.25)
    for update in range(8):
        fixed.observe(torch.ones(4), torch.zeros(()), update)
    assert fixed.p.item() == 0.25
    assert fixed.terms() == {}


def test_none_is_none_and_fixed_at_zero_is_refused():
    assert build_augmentation(AugmentationConfig(p=0.5), torch.zeros(3, 4, 4), 1.0) == {}
    with pytest.raises(ConfigError, match="p = 0 changes nothing: set p"):
        build_augmentation(AugmentationConfig(name="fixed"), torch.zeros(3, 4, 4), 1.0)
