"""How good a model is: one file per metric in `metrics`, `evaluate` for all of them.

The arithmetic takes arrays, or functions which return them by index or in blocks; none needs a
run. Lengths are in mm.
"""

from gan.evaluation.result import Evaluation
from gan.evaluation.suite import evaluate

__all__ = ["Evaluation", "evaluate"]
