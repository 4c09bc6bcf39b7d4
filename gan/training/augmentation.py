"""Random changes of geometry images, real and generated alike, before the discriminator sees them.

With little data the discriminator learns the training faces by heart. Shown changed ones only, it
cannot; and as every change is skipped often enough, the generator does not learn the changes
(Karras et al., Training generative adversarial networks with limited data, NeurIPS 2020).

A geometry image lies on a fixed UV grid, and its pixels are coordinates. What leaves a face the
face of its labels: to turn, move and scale it a little, to bend it by a smooth field, to slide it
by a pixel under the grid, to hide a patch behind the mean face. Mirroring, which would need a
symmetric template, is left out.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gan.errors import ConfigError
from gan.parallel import average, draw_share, world
from gan.sections import AugmentationConfig

NAME = "augmentation"
INTERVAL = 4  # updates of the discriminator between two changes of p, as in the paper
# How far the mean face moves, root mean square over the image, in units of the normalised images:
TURN = 0.5
SCALE = 0.25
TRANSLATION = 0.5
FIELD = 0.25
SHIFT = 1 / 32  # deviation along each side of the image, as a part of it
PATCH = 1 / 4  # side of the hidden patch, as a part of the image's
WAVES = 3  # of the smooth field: cosines of 0, 1, 2 half waves along each side


class Augmentation(nn.Module):
    """Change each image by each of the changes with probability p; p may follow the scores.

    Attributes
    ----------
    p : ()
    signs : ()
        Sum of the mean signs since p changed last.
    rate : ()
        The last mean of the signs, r_t: 1 if every real face scores above the boundary.
    radius : 1
        Root mean square distance of the mean face from its centre, in normalised units.
    """

    p: Tensor
    signs: Tensor
    rate: Tensor
    mean: Tensor
    waves: Tensor

    def __init__(
        self, settings: AugmentationConfig, mean: Float[Tensor, "3 n n"], deviation: float
    ) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("p", torch.tensor(settings.p))
        self.register_buffer("signs", torch.zeros(()))
        self.register_buffer("rate", torch.zeros(()))
        n = mean.shape[-1]
        centred = (mean - mean.mean(dim=(1, 2), keepdim=True)) / deviation
        self.register_buffer("mean", centred.reshape(3, n * n), persistent=False)
        self.radius = float(centred.square().sum(dim=0).mean().sqrt())
        self.register_buffer("waves", _smooth_waves(n), persistent=False)

    def forward(
        self, images: Float[Tensor, "B 3 n n"], *, rng: torch.Generator
    ) -> Float[Tensor, "B 3 n n"]:
        """Return the changed images, differentiable in them; at p = 0 the same ones, exactly."""
        # The mean face is tens of deviations away: half precision would blur what it leaves.
        with torch.autocast(images.device.type, enabled=False):
            images = self._move(images.to(self.mean.dtype), rng)
            images = self._slide(images, rng)
            return images * self._visible(images, rng)

    def observe(
        self, real_score: Float[Tensor, " B"], boundary: Float[Tensor, ""], update: int
    ) -> None:
        """Note the signs of the real scores; every fourth update, move p up or down, in place."""
        if self.settings.name != "adaptive":
            return
        (middle,) = average([boundary.detach()])
        self.signs += average([torch.sign(real_score.detach() - middle).mean()])[0]
        if (update + 1) % INTERVAL == 0:
            step = len(real_score) * world() * INTERVAL / self.settings.images
            self.rate.copy_(self.signs / INTERVAL)
            self.p.add_(step * torch.sign(self.rate - self.settings.target)).clamp_(0, 1)
            self.signs.zero_()

    def terms(self) -> dict[str, Tensor]:
        """Return what the log shows of an adaptive p."""
        if self.settings.name != "adaptive":
            return {}
        return {"augmentation": self.p.clone(), "sign": self.rate.clone()}

    def _chosen(self, n: int, rng: torch.Generator) -> Float[Tensor, " B"]:
        """Return the strength where a change takes place, 0 where it does not."""
        drawn = draw_share(torch.rand, (n,), rng=rng) < self.p
        return drawn.to(self.mean.dtype) * self.settings.strength

    def _move(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Turn, scale and translate about the mean face's centre; add a smooth field."""
        B, _, n, _ = images.shape
        # E|ω × r|² = 2 σ² |r|², E|s r|² = σ² |r|², each over three coordinates.
        angle = TURN * math.sqrt(3 / 2) / self.radius * _normal((B, 3), rng)
        angle = angle * self._chosen(B, rng)[:, None]
        scale = SCALE * math.sqrt(3) / self.radius * _normal((B,), rng)
        scale = torch.exp(scale * self._chosen(B, rng))
        offset = TRANSLATION * self._chosen(B, rng)[:, None] * _normal((B, 3), rng)
        K = len(self.waves)
        weight = FIELD / math.sqrt(K) * self._chosen(B, rng)[:, None, None]
        field = (weight * _normal((B, 3, K), rng)) @ self.waves
        A = scale[:, None, None] * _rotations(angle)
        # Images are differences from the mean face, which turns as well: A (I + m) − m.
        moved = A @ images.reshape(B, 3, n * n) + (A - torch.eye(3, device=A.device)) @ self.mean
        return (moved + offset[:, :, None] + field).view_as(images)

    def _slide(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Shift along the grid by parts of a pixel; the border is repeated."""
        B, _, n, _ = images.shape
        shift = SHIFT * n * self._chosen(B, rng)[:, None] * _normal((B, 2), rng)
        pixel = torch.arange(n, device=images.device, dtype=images.dtype)
        place = (pixel + shift[:, :, None]).clamp(0, n - 1)  # (B, 2, n)
        # Matrices of linear interpolation: products, whose gradients are deterministic anywhere.
        hat = (1 - (place[..., None] - pixel).abs()).clamp(min=0)[:, :, None]  # (B, 2, 1, n, n)
        return hat[:, 0] @ images @ hat[:, 1].transpose(-1, -2)

    def _visible(self, images: Tensor, rng: torch.Generator) -> Float[Tensor, "B 1 n n"]:
        """Return 0 on a square patch, 1 elsewhere."""
        B, _, n, _ = images.shape
        half = PATCH * n / 2 * self._chosen(B, rng)
        centre = n * draw_share(torch.rand, (B, 2), rng=rng)
        pixel = torch.arange(n, device=images.device) + 0.5
        hidden = (pixel - centre[:, :, None]).abs() < half[:, None, None]  # (B, 2, n)
        both = hidden[:, 0, :, None] & hidden[:, 1, None, :]
        return (~both[:, None]).to(images.dtype)


def build_augmentation(
    settings: AugmentationConfig, mean: Float[Tensor, "3 n n"], deviation: float
) -> dict[str, Augmentation]:
    """Return the component of the training state, if the configuration wants one."""
    if settings.name == "none":
        return {}
    if settings.name == "fixed" and not settings.p:
        raise ConfigError("augmentation.name = 'fixed' with p = 0 changes nothing: set p")
    return {NAME: Augmentation(settings, mean, deviation).to(mean.device)}


def _normal(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return draw_share(torch.randn, shape, rng=rng)


def _rotations(angle: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3 3"]:
    """Return the product of the turns about x, y and z."""
    c, s = torch.cos(angle), torch.sin(angle)
    turns = torch.eye(3, device=angle.device).repeat(3, len(angle), 1, 1)
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turns[axis, :, i, i] = turns[axis, :, j, j] = c[:, axis]
        turns[axis, :, i, j], turns[axis, :, j, i] = -s[:, axis], s[:, axis]
    return turns[0] @ turns[1] @ turns[2]


def _smooth_waves(n: int) -> Float[Tensor, "K p"]:
    """Return products of cosines of few half waves, each of mean square 1, without the constant."""
    centre = (torch.arange(n) + 0.5) / n
    wave = torch.cos(math.pi * torch.arange(WAVES)[:, None] * centre)
    products = (wave[:, None, :, None] * wave[None, :, None, :]).reshape(WAVES**2, n * n)[1:]
    return products / products.square().mean(dim=1, keepdim=True).sqrt()
