"""One file per term. Reading order: base, adversarial, classification, feature, regularizer."""

from gan.losses.adversarial import WassersteinPenalty
from gan.losses.base import ADVERSARIAL_LOSSES, REGULARIZERS
from gan.losses.regularizer import CotangentRegularizer

__all__ = ["ADVERSARIAL_LOSSES", "REGULARIZERS", "CotangentRegularizer", "WassersteinPenalty"]
