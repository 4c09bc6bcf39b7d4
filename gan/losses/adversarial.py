"""Three games: Wasserstein with a gradient penalty, logistic with R1, hinge."""

import math
from typing import final

import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor

from gan.losses.base import ADVERSARIAL_LOSSES, AbstractAdversarialLoss
from gan.models.critic import Critic, slope_of
from gan.parallel import draw_share


@final
@ADVERSARIAL_LOSSES.register("wgan-gp")
class WassersteinPenalty(AbstractAdversarialLoss):
    """Wasserstein's game, the critic's slope held at 1 between real and generated images.

    `E[D(fake)] − E[D(real)] + λ E[(‖∇D(x̂)‖₂ − 1)²]`, x̂ uniform between real and fake.

    Parameters
    ----------
    penalty : 1
        λ.

    References
    ----------
    Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017.
    """

    def __init__(self, *, penalty: float = 10.0) -> None:
        super().__init__()
        self.penalty = _weight(penalty)

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
        """Return the critic's term and the penalty."""
        t = draw_share(torch.rand, (len(real), 1, 1, 1), rng=rng, dtype=real.dtype)
        norm = slope_of(critic, torch.lerp(real, fake, t)).flatten(1).norm(dim=1)
        return {
            "critic": fake_score.mean() - real_score.mean(),
            "penalty": self.penalty * (norm - 1).square().mean(),
        }

    def generator(self, fake_score: Float[Tensor, " B"]) -> Float[Tensor, ""]:
        """Return minus the mean score."""
        return -fake_score.mean()

    def boundary(
        self, real_score: Float[Tensor, " B"], fake_score: Float[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """Return the middle between the mean scores: a constant added to D changes nothing."""
        return (real_score.mean() + fake_score.mean()) / 2


@final
@ADVERSARIAL_LOSSES.register("r1")
class LogisticR1(AbstractAdversarialLoss):
    """The logistic game, non-saturating, the critic's slope held down at the real images.

    `E[f(−D(real))] + E[f(D(fake))] + γ/2 E[‖∇D(real)‖²]`, f(t) = log(1 + eᵗ); the generator
    minimises `E[f(−D(fake))]`. The real images are those that the discriminator sees: with
    instance noise and augmentation.

    Parameters
    ----------
    penalty : 1
        γ.
    interval : updates
        The penalty is taken once in so many updates of the discriminator, so many times as heavy
        ("lazy", Karras et al., CVPR 2020, Appendix B): cheaper, the same on average.

    References
    ----------
    Mescheder et al., Which training methods for GANs do actually converge?, ICML 2018, Eq. 9.
    """

    def __init__(self, *, penalty: float = 10.0, interval: int = 1) -> None:
        super().__init__()
        if interval < 1:
            raise ValueError(f"adversarial loss r1: interval must be at least 1, got {interval}")
        self.penalty, self.interval = _weight(penalty), interval

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
        """Return the logistic term and, where it is due, the penalty."""
        logistic = nnf.softplus(-real_score).mean() + nnf.softplus(fake_score).mean()
        terms = {"critic": logistic}
        if self.penalty and update % self.interval == 0:
            weight = self.interval * self.penalty / 2
            squares = slope_of(critic, real).square().sum(dim=(1, 2, 3))
            terms["penalty"] = weight * squares.mean()
        return terms

    def generator(self, fake_score: Float[Tensor, " B"]) -> Float[Tensor, ""]:
        """Return `E[f(−D(fake))]`."""
        return nnf.softplus(-fake_score).mean()


@final
@ADVERSARIAL_LOSSES.register("hinge")
class Hinge(AbstractAdversarialLoss):
    """The hinge game: scores beyond ±1 are good enough; wants `discriminator.spectral_norm`.

    `E[max(0, 1 − D(real))] + E[max(0, 1 + D(fake))]`; the generator minimises `−E[D(fake)]`.
    Nothing here bounds the critic's slope.

    References
    ----------
    Lim, Ye, Geometric GAN, 2017, arXiv:1705.02894; Miyato et al., Spectral normalization for
    generative adversarial networks, ICLR 2018, Eq. 16 and 17.
    """

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
        """Return the hinge term."""
        return {"critic": nnf.relu(1 - real_score).mean() + nnf.relu(1 + fake_score).mean()}

    def generator(self, fake_score: Float[Tensor, " B"]) -> Float[Tensor, ""]:
        """Return minus the mean score."""
        return -fake_score.mean()


def _weight(value: float) -> float:
    if not 0 <= value < math.inf:
        raise ValueError(f"penalty must be a number that is not negative, got {value}")
    return value
