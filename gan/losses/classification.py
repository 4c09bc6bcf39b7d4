"""The classifier's term, with labels that are missing and classes that are unbalanced."""

from typing import final

import torch
import torch.nn.functional as nnf
from jaxtyping import Float, Int
from torch import Tensor

from gan.losses.factor import FACTOR_LOSSES, AbstractFactorLoss, GeneratedFaces, RealFaces


def class_weights(labels: Int[Tensor, " N"], n_classes: int) -> Float[Tensor, " C"]:
    """Return `w_c = τ_c / ȳ_c`: the wanted share of class c, uniform, over its share in the data.

    Labels of −1 are missing and do not count.

    References
    ----------
    King, Zeng, Logistic regression in rare events data, Political Analysis 2001.
    """
    count = torch.bincount(labels[labels >= 0], minlength=n_classes).double()
    return (count.sum() / (n_classes * count)).float()


def labelled_cross_entropy(
    logits: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    weights: Float[Tensor, " C"],
    labelled_share: float,
) -> Float[Tensor, ""]:
    """Return the weighted cross entropy of the labelled samples; a label of −1 adds nothing.

    The sum is divided by the *expected* number of labelled samples in a batch, so that the mean
    over batches is the mean over labelled data, also when few are labelled.
    """
    total = nnf.cross_entropy(logits, labels, weights, ignore_index=-1, reduction="sum")
    return total / (labelled_share * len(labels))


@final
@FACTOR_LOSSES.register("classification")
class ClassificationLoss(AbstractFactorLoss):
    """Cross entropy of the labels: of labelled real faces, and of faces from fixed codes.

    Fernández Abrevaya et al., ICCV 2019, Eq. 7 and 9.
    """

    def __init__(
        self, *, classes: int, code_size: int, feature_size: int, rng: torch.Generator
    ) -> None:
        super().__init__()

    def discriminator(self, real: RealFaces, generated: GeneratedFaces) -> Float[Tensor, ""]:
        """Return the term of the labelled real faces."""
        return labelled_cross_entropy(
            real.logits, real.labels, real.class_weights, real.labelled_share
        )

    def generator(self, generated: GeneratedFaces) -> Float[Tensor, ""] | None:
        """Return the term of the fixed codes, if the factor is the labelled one."""
        if generated.labels is None:
            return None
        return nnf.cross_entropy(generated.logits, generated.labels)
