"""What a baseline is: a configuration, what it learns, the face model that it makes; by name.

A new one is a file of this folder, or of a package that declares an entry point: a configuration,
a model, and a class that is registered under the name which `gan baseline` takes::

    @BASELINES.register("mean-face")
    class MeanFaceBaseline(AbstractBaseline): ...

`linear` is the smallest neighbour (a closed form), `coma` the smallest that is descended on a loss.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from gan.baselines.config import BaselineConfig, TrainedConfig
from gan.baselines.faces import LabelledFaces
from gan.models.files import StoredModel
from gan.registry import Registry


class AbstractBaseline(nn.Module, ABC):
    """What is learned from labelled faces, and the face model that it makes.

    Built with `config`, the training `faces`, the `validation` faces (None where there are too
    few) and `progress`; a constructor takes those that it names. One that is a closed form does
    all its work there, and has no `loss`.

    Attributes
    ----------
    title : how tables and figures call it
    Config : its configuration; `TrainedConfig` for what is descended on a loss
    Model : the face model that it makes
    samples : training meshes
    """

    title: ClassVar[str]
    Config: ClassVar[type[BaselineConfig]]
    Model: ClassVar[type[StoredModel]]

    def __init__(self, config: BaselineConfig, faces: LabelledFaces) -> None:
        super().__init__()
        self.config, self.faces = config, faces
        self.samples = len(faces)

    @abstractmethod
    def face_model(self, step: int, *, thorough: bool) -> StoredModel:
        """Return the model as it is now; `thorough`: statistics of codes over all meshes."""

    def loss(self, which: Int[Tensor, " B"], step: int) -> dict[str, Float[Tensor, ""]]:
        """Return the terms for some training meshes; the first is what is descended on.

        Random numbers are a function of the seed and the step, so that a run can be resumed.
        """
        raise NotImplementedError(f"{type(self).__name__} is a closed form")

    def held_out(self) -> dict[str, float]:
        """Return errors on validation meshes, in mm; nothing where there are none."""
        return {}

    def groups(self) -> Sequence[dict[str, Any]]:
        """Return groups of weights with their rates, for the optimizer."""
        assert isinstance(self.config, TrainedConfig)
        return [{"params": list(self.parameters()), "lr": self.config.rate}]


BASELINES: Registry[AbstractBaseline] = Registry(
    "baseline",
    "meshkit_gan.baselines",
    AbstractBaseline,
    context=("config", "faces", "validation", "progress"),
    package="gan.baselines",
)
