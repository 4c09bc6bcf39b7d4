"""What a baseline offers to the loop that descends on its loss."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from gan.baselines.config import TrainedConfig
from gan.models.contract import FaceGenerator

Advance = Callable[[int], None]  # told how many meshes have been read since the last call


class Learner(nn.Module, ABC):
    """Trainable weights, the data they see, and the face model that they make.

    Attributes
    ----------
    config : TrainedConfig
    samples : int
        Training meshes.
    """

    config: TrainedConfig
    samples: int

    @abstractmethod
    def loss(self, which: Int[Tensor, " B"], step: int) -> dict[str, Float[Tensor, ""]]:
        """Return the terms for some training meshes; the first is what is descended on.

        Random numbers are a function of the seed and the step, so that a run can be resumed.
        """

    @abstractmethod
    def face_model(self, step: int, *, thorough: bool) -> FaceGenerator:
        """Return the model as it is now; `thorough`: statistics of codes over all meshes."""

    @abstractmethod
    def held_out(self) -> dict[str, float]:
        """Return errors on validation meshes, in mm; nothing where there are none."""

    def groups(self) -> Sequence[dict[str, Any]]:
        """Return groups of weights with their rates, for the optimizer."""
        return [{"params": list(self.parameters()), "lr": self.config.rate}]
