"""The classifier's term, with labels that are missing and classes that are unbalanced."""

import torch
import torch.nn.functional as nnf
from jaxtyping import Float, Int
from torch import Tensor


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
