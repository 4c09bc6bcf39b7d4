"""How good a model is: one file per metric, `evaluate` for all of them.

The metrics take arrays, or functions which return them by index or in blocks; none needs a run.
Lengths are in mm.
"""

from gan.evaluation import decoupling, generalisation, sparse  # noqa: F401  (they register)
from gan.evaluation.result import Evaluation
from gan.evaluation.suite import evaluate

__all__ = ["Evaluation", "evaluate"]
