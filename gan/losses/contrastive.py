"""Faces of one class gather in feature space, and keep away from those of other classes."""

from typing import final

import torch
import torch.nn.functional as nnf
from jaxtyping import Bool, Float
from torch import Tensor

from gan.losses.factor import (
    FACTOR_LOSSES,
    AbstractFactorLoss,
    GeneratedFaces,
    RealFaces,
    linear_head,
)
from gan.parallel import gather_batch, sample_numbers


def contrastive_loss(
    features: Float[Tensor, "B f"],
    same: Bool[Tensor, "B B"],
    valid: Bool[Tensor, " B"],
    *,
    t: float,
) -> Float[Tensor, ""]:
    """Return the supervised contrastive loss, "out" version, of the anchors that have a positive.

    `same[i, j]`: j is a positive of i (the diagonal does not count); only `valid` samples take
    part; `t` is the temperature. 0 if no anchor has a positive.

    References
    ----------
    Khosla et al., Supervised contrastive learning, NeurIPS 2020, Eq. 2.
    """
    unit = nnf.normalize(features, dim=1)
    others = valid[None, :] & ~torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    logits = (unit @ unit.T / t).masked_fill(~others, float("-inf"))
    # An anchor alone in its batch has no others: its row is not used, and must not become nan.
    usable = valid & (same & others).any(dim=1)
    logits = torch.where(usable[:, None], logits, torch.zeros_like(logits))
    log_share = logits - logits.logsumexp(dim=1, keepdim=True)
    positive = same & others & usable[:, None]
    count = positive.sum(dim=1).clamp(min=1)
    per_anchor = -torch.where(positive, log_share, torch.zeros_like(log_share)).sum(dim=1) / count
    return per_anchor.sum() / usable.sum().clamp(min=1)


@final
@FACTOR_LOSSES.register("supervised-contrastive")
class SupervisedContrastive(AbstractFactorLoss):
    """Contrast between classes where there are labels, between codes where there are none.

    The discriminator gathers real faces by their labels (those without take no part); the generator
    gathers faces of one label when the factor is labelled, of one code when it is not. Unlike
    the distance of the feature loss it cannot be met by making all features alike.

    Parameters
    ----------
    temperature : 1
    projection : int
        Size of a linear projection of the features on which the contrast is taken; 0: none.
    """

    def __init__(
        self,
        *,
        classes: int,
        code_size: int,
        feature_size: int,
        rng: torch.Generator,
        temperature: float = 0.1,
        projection: int = 64,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        if projection < 0:
            raise ValueError(f"projection must not be negative, got {projection}")
        self.temperature = temperature
        self.project = linear_head(feature_size, projection, rng) if projection else None

    def discriminator(self, real: RealFaces, generated: GeneratedFaces) -> Float[Tensor, ""]:
        """Return the loss of the labelled real faces."""
        labels = gather_batch(real.labels)
        same = labels[:, None] == labels[None, :]
        features = gather_batch(self._projected(real.features))
        return contrastive_loss(features, same, labels >= 0, t=self.temperature)

    def generator(self, generated: GeneratedFaces) -> Float[Tensor, ""]:
        """Return the loss of the generated faces, by label or by pair."""
        if generated.labels is not None:
            label = generated.labels
        else:
            assert generated.pairs is not None
            first, last = generated.pairs
            half = len(generated.codes) // 2
            label = sample_numbers(2 * half, generated.codes.device)
            label[half + first : half + last] = label[first:last]
        label = gather_batch(label)
        same = label[:, None] == label[None, :]
        valid = torch.ones_like(label, dtype=torch.bool)
        features = gather_batch(self._projected(generated.features))
        return contrastive_loss(features, same, valid, t=self.temperature)

    def _projected(self, features: Tensor) -> Tensor:
        if self.project is None:
            return features
        projected: Tensor = self.project(features)
        return projected
