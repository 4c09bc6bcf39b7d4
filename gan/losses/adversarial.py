"""The Wasserstein game with a gradient penalty."""

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from gan.losses.base import ADVERSARIAL_LOSSES, AbstractAdversarialLoss, Critic


@final
@ADVERSARIAL_LOSSES.register("wgan-gp")
class WassersteinPenalty(AbstractAdversarialLoss):
    """`E[D(fake)] − E[D(real)] + λ E[(‖∇D(x̂)‖₂ − 1)²]`, x̂ uniform between real and fake.

    References
    ----------
    Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017.
    """

    def __init__(self, *, penalty: float) -> None:
        self.penalty = penalty

    def discriminator(
        self,
        critic: Critic,
        real: Float[Tensor, "B 3 n n"],
        fake: Float[Tensor, "B 3 n n"],
        real_score: Float[Tensor, " B"],
        fake_score: Float[Tensor, " B"],
        *,
        rng: torch.Generator,
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the critic's term and the penalty."""
        t = torch.rand(len(real), 1, 1, 1, generator=rng, device=real.device, dtype=real.dtype)
        between = torch.lerp(real, fake, t).detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        norm = slope.flatten(1).norm(dim=1)
        return {
            "critic": fake_score.mean() - real_score.mean(),
            "penalty": self.penalty * (norm - 1).square().mean(),
        }

    def generator(self, fake_score: Float[Tensor, " B"]) -> Float[Tensor, ""]:
        """Return minus the mean score."""
        return -fake_score.mean()
