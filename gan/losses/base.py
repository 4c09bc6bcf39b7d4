"""What a loss must offer, and the tables in which configurations find it by name."""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gan.models.critic import Critic
from gan.registry import Registry


class AbstractAdversarialLoss(nn.Module, ABC):
    """The game: what the discriminator and the generator minimise over the critic's scores.

    What a loss remembers from update to update must be in buffers: they are in the checkpoints.
    """

    @abstractmethod
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
        """Return the terms by name, already weighted; `update` counts the discriminator's steps."""

    @abstractmethod
    def generator(self, fake_score: Float[Tensor, " B"]) -> Float[Tensor, ""]:
        """Return the generator's term."""

    def boundary(
        self, real_score: Float[Tensor, " B"], fake_score: Float[Tensor, " B"]
    ) -> Float[Tensor, ""]:
        """Return the score above which the critic takes a face for real: 0, unless overridden."""
        return real_score.new_zeros(())


class AbstractRegularizer(nn.Module, ABC):
    """What keeps displacements plausible, whatever the discriminator says.

    Built with the template, `V` (n, 3) in units of its half-height and `F` (m, 3), and the options
    of the configuration.
    """

    @abstractmethod
    def forward(self, d: Float[Tensor, "V 3 B"]) -> Float[Tensor, ""]:
        """Return the mean over the batch; d in units of the template's half-height."""


ADVERSARIAL_LOSSES: Registry[AbstractAdversarialLoss] = Registry(
    "adversarial loss", "meshkit_gan.adversarial_losses", AbstractAdversarialLoss
)
REGULARIZERS: Registry[AbstractRegularizer] = Registry(
    "regularizer", "meshkit_gan.regularizers", AbstractRegularizer, context=("V", "F")
)
