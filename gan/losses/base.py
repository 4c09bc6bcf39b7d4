"""What a loss must offer, and the tables in which configurations find it by name."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from gan.registry import Registry

Critic = Callable[[Tensor], Tensor]  # images (B, 3, n, n) -> scores (B,)


class AbstractAdversarialLoss(ABC):
    """The game: what the discriminator and the generator minimise over the critic's scores."""

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
    ) -> dict[str, Float[Tensor, ""]]:
        """Return the terms by name, already weighted."""

    @abstractmethod
    def generator(self, fake_score: Float[Tensor, " B"]) -> Float[Tensor, ""]:
        """Return the generator's term."""


class AbstractRegularizer(nn.Module, ABC):
    """What keeps displacements plausible, whatever the discriminator says."""

    @abstractmethod
    def forward(self, d: Float[Tensor, "V 3 B"]) -> Float[Tensor, ""]:
        """Return the mean over the batch; d in units of the template's half-height."""


ADVERSARIAL_LOSSES: Registry[AbstractAdversarialLoss] = Registry("adversarial loss")
REGULARIZERS: Registry[AbstractRegularizer] = Registry("regularizer")
