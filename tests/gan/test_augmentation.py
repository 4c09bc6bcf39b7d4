"""Changes of geometry images: what they leave alone, how often they come, how p follows."""

import math

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


def distances(image: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """Distances between the points of a face, in mm: each pixel to the next ones."""
    points = (DEVIATION * image + mean).flatten(1)
    return (points[:, 1:] - points[:, :-1]).norm(dim=0)


def test_at_zero_nothing_changes_and_numbers_are_drawn_all_the_same():
    batch, mean = images(5)
    one, other = draw(), draw()
    assert_close(module(mean, 0.0)(batch, rng=one), batch, rtol=0, atol=0)
    assert_close(module(mean, 1.0, strength=0.0)(batch, rng=other), batch, rtol=0, atol=0)
    assert_close(one.get_state(), other.get_state(), rtol=0, atol=0)


def test_a_turned_face_keeps_its_distances_and_a_scaled_one_their_proportions(only):
    batch, mean = images(6)
    only("TURN", "TRANSLATION")
    moved = module(mean)(batch, rng=draw())
    assert (moved - batch).abs().mean() > 0.2
    for before, after in zip(batch, moved, strict=True):
        assert_close(distances(after, mean), distances(before, mean), rtol=1e-4, atol=1e-3)


def test_a_scaled_face_keeps_its_proportions(only):
    batch, mean = images(400)
    only("SCALE")
    moved = module(mean)(batch, rng=draw())
    ratio = torch.stack(
        [distances(b, mean) / distances(a, mean) for a, b in zip(batch, moved, strict=True)]
    )
    assert_close(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-3, atol=0)
    assert ratio[:, 0].std() > 0.001


@pytest.mark.parametrize("kind", ["TURN", "SCALE", "TRANSLATION", "FIELD"])
def test_the_mean_face_moves_by_the_size_of_the_change(kind, only):
    _, mean = images(1)
    only(kind)
    moved = module(mean)(torch.zeros(3000, 3, 12, 12), rng=draw())
    assert moved.square().mean().sqrt().item() == pytest.approx(
        getattr(augmentation, kind), rel=0.05
    )


def test_the_field_is_smooth_and_of_its_size(only):
    batch, mean = images(500, n=16)
    only("FIELD")
    field = module(mean, strength=2.0)(batch, rng=draw()) - batch
    size = field.square().mean().sqrt().item()
    assert size == pytest.approx(2 * augmentation.FIELD, rel=0.1)
    steps = field.diff(dim=3).square().mean().sqrt().item()
    assert steps < size * math.pi * 2 / 16, "no wave is shorter than the image"
    assert field.mean(dim=(2, 3)).abs().max() < 1e-5, "the constant is a translation"


def test_sliding_a_ramp_adds_the_shift(only):
    """On an image that grows by 1 a column and 3 a row, every inner pixel gains the same."""
    n = 20
    ramp = torch.arange(n) + 3.0 * torch.arange(n)[:, None]
    only("SHIFT")
    slid = module(images(1, n)[1])(ramp.expand(4, 3, n, n), rng=draw())
    gain = (slid - ramp)[:, :, 4:-4, 4:-4]
    assert_close(gain, gain[:, :1, :1, :1].expand_as(gain), rtol=0, atol=1e-4)
    assert (gain.abs() > 0.05).all()
    assert slid.min() >= ramp.min()
    assert slid.max() <= ramp.max()


def test_a_hidden_patch_is_the_mean_face(only):
    batch, mean = images(200, n=16)
    only("PATCH")
    hidden = module(mean)(batch, rng=draw()) == 0
    assert_close(hidden[:, 0], hidden[:, 2])
    area = hidden[:, 0].sum(dim=(1, 2))
    assert area.max() == (16 * augmentation.PATCH) ** 2
    assert area.min() > 0


def test_each_change_comes_with_probability_p(only):
    batch, mean = images(2000, n=4)
    only("TRANSLATION")
    changed = (module(mean, 0.3)(batch, rng=draw()) != batch).any(dim=3).any(dim=2).any(dim=1)
    assert changed.float().mean().item() == pytest.approx(0.3, abs=0.04)


def test_gradients_are_those_of_differences():
    batch, mean = images(2, n=4)
    changes = module(mean).double()
    double = batch.double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: changes(x, rng=draw()), (double,))


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
