"""What a factor's loss sees, what it must offer, and the table of names.

A configuration gives every factor its losses by name and weight; the steps of training know none of
them. A loss may have weights of its own (a head on the branch's features): they play on the
discriminator's side, and are trained, averaged and saved with it.
"""

from abc import ABC, abstractmethod
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from gan.models.discriminator import AbstractDiscriminator
from gan.registry import Registry


class _BranchView:
    """Faces as one factor's branch sees them; what no loss asks for is not computed."""

    def __init__(
        self, factor: str, discriminator: AbstractDiscriminator, shared: Float[Tensor, "B w k k"]
    ) -> None:
        self.factor = factor
        self._discriminator, self._shared = discriminator, shared

    @cached_property
    def features(self) -> Float[Tensor, "B f"]:
        """The features f_k: the layer before the last of the branch."""
        return self._discriminator.features(self.factor, self._shared)

    @cached_property
    def logits(self) -> Float[Tensor, "B C"]:
        """The classifier's logits."""
        return self._discriminator.classify(self.factor, self.features)


class RealFaces(_BranchView):
    """Real faces, and what is known of them."""

    def __init__(
        self,
        factor: str,
        discriminator: AbstractDiscriminator,
        shared: Float[Tensor, "B w k k"],
        labels: Int[Tensor, " B"],
        class_weights: Float[Tensor, " C"],
        labelled_share: float,
    ) -> None:
        super().__init__(factor, discriminator, shared)
        self.labels = labels  # −1: unlabelled
        self.class_weights, self.labelled_share = class_weights, labelled_share


class GeneratedFaces(_BranchView):
    """Generated faces, and the codes that they were made from.

    `labels` are there when the factor is the labelled one of this iteration; when it is not,
    sample i of the range `pairs` has the same code of this factor as sample i + B/2, and differs
    from it in every other code.
    """

    def __init__(
        self,
        factor: str,
        discriminator: AbstractDiscriminator,
        shared: Float[Tensor, "B w k k"],
        codes: Float[Tensor, "B d"],
        labels: Int[Tensor, " B"] | None,
        pairs: tuple[int, int] | None,
    ) -> None:
        super().__init__(factor, discriminator, shared)
        self.codes, self.labels, self.pairs = codes, labels, pairs

    def paired_features(self) -> tuple[Float[Tensor, "P f"], Float[Tensor, "P f"]]:
        """Return the features of the two sides of all pairs of this factor."""
        assert self.pairs is not None
        first, last = self.pairs
        half = len(self.features) // 2
        return self.features[first:last], self.features[half + first : half + last]


class AbstractFactorLoss(nn.Module, ABC):
    """What one factor adds to the objectives; either side may add nothing (None).

    Built with `classes`, `code_size` and `feature_size` of its factor, `rng` for weights of its
    own, and whatever options the configuration gives.
    """

    @abstractmethod
    def discriminator(self, real: RealFaces, generated: GeneratedFaces) -> Float[Tensor, ""] | None:
        """Return the discriminator's term; the generated images carry no gradient."""

    @abstractmethod
    def generator(self, generated: GeneratedFaces) -> Float[Tensor, ""] | None:
        """Return the generator's term."""


def linear_head(inputs: int, outputs: int, rng: torch.Generator) -> nn.Linear:
    """Return a linear layer that starts from the run's own random numbers, its bias at 0."""
    head = nn.Linear(inputs, outputs)
    with torch.no_grad():
        head.weight.copy_(torch.randn(head.weight.shape, generator=rng) * inputs**-0.5)
        head.bias.zero_()
    return head


def factor_loss(D: AbstractDiscriminator, factor: str, name: str) -> AbstractFactorLoss:
    """Return the loss `name` of a factor, which lives with the discriminator's heads."""
    heads = D.heads[factor]
    assert isinstance(heads, nn.ModuleDict)
    loss = heads[name]
    assert isinstance(loss, AbstractFactorLoss)
    return loss


FACTOR_LOSSES: Registry[AbstractFactorLoss] = Registry(
    "factor loss",
    "meshkit_gan.factor_losses",
    AbstractFactorLoss,
    context=("classes", "code_size", "feature_size", "rng"),
)
