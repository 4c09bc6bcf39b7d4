"""The least squares game."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from gan.losses.base import AbstractAdversarialLoss
from gan.models.critic import Critic


@final
class LeastSquares(AbstractAdversarialLoss):
    """Scores are drawn to two numbers: `½ E[(D(real) − b)²] + ½ E[(D(fake) − a)²]`.

    The generator minimises `½ E[(D(fake) − b)²]`.

    Parameters
    ----------
    real, fake : b, a

    References
    ----------
    Mao et al., Least squares generative adversarial networks, ICCV 2017, Eq. 2, with c = b.
    """

    def __init__(self, *, real: float = 1.0, fake: float = 0.0) -> None:
        super().__init__()
        if not real > fake:
            raise ValueError(f"least-squares: real = {real} must be above fake = {fake}")
        self.real, self.fake = real, fake

    def discriminator(
        self,
        critic: Critic,
        real: Float[Tensor, "B 3 n n"],
        fake: Float[Tensor, "B 3 n n"],
        real_score: Float[Tensor, " B"],
        fake_score: Float[Tensor, " B"],
        *,
        rng: torch.Generator,
        update: int,
    ) -> dict[str, Float[Tensor, ""]]:
        """Return one term; a term shows in the log as `d/critic`."""
        squares = (real_score - self.real).square() + (fake_score - self.fake).square()
        return {"critic": squares.mean() / 2}

    def generator(self, fake_score: Float[Tensor, " B"]) -> Float[Tensor, ""]:
        """Return the generator's term."""
        return (fake_score - self.real).square().mean() / 2

    def boundary(
        self, real_score: Float[Tensor, " B"], fake_score: Float[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """Return the middle of the two numbers: adaptive augmentation asks for it."""
        return real_score.new_tensor((self.real + self.fake) / 2)
