"""One file per term. Reading order: base, adversarial, regularizer; factor and its losses."""

from gan.losses.adversarial import Hinge, LogisticR1, WassersteinPenalty
from gan.losses.base import ADVERSARIAL_LOSSES, REGULARIZERS
from gan.losses.classification import ClassificationLoss
from gan.losses.code_regression import CodeRegression
from gan.losses.contrastive import SupervisedContrastive
from gan.losses.factor import FACTOR_LOSSES
from gan.losses.feature import FeatureLoss
from gan.losses.regularizer import (
    BiharmonicRegularizer,
    CotangentRegularizer,
    EdgeLengthRegularizer,
)

__all__ = [
    "ADVERSARIAL_LOSSES",
    "FACTOR_LOSSES",
    "REGULARIZERS",
    "BiharmonicRegularizer",
    "ClassificationLoss",
    "CodeRegression",
    "CotangentRegularizer",
    "EdgeLengthRegularizer",
    "FeatureLoss",
    "Hinge",
    "LogisticR1",
    "SupervisedContrastive",
    "WassersteinPenalty",
]
