"""A baseline: components for identity, one blendshape for each labelled expression."""

from collections.abc import Mapping
from typing import Any, Literal, final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gan.baselines.baseline import AbstractBaseline
from gan.baselines.components import exact_components, pad_rows
from gan.baselines.config import BaselineConfig
from gan.baselines.faces import LabelledFaces
from gan.models.contract import Core
from gan.models.files import StoredModel
from gan.sections import Positive


class BlendshapesConfig(BaselineConfig):
    """What `gan baseline blendshapes --set KEY=VALUE` knows beside what all baselines have."""

    kind: Literal["blendshapes"] = "blendshapes"
    amount: Positive = 1.0  # of an expression in a face of its class: the code's entry


class BlendshapesModel(StoredModel):
    """`X = mean + a P + Σ_k w_k B_k`, B_k the displacement of expression k from the neutral face.

    Tensors: `mean` (V, 3) and, for each factor, `basis.NAME` (d, 3V), in mm.
    """

    FORMAT = "face-extras blendshapes 1"

    def __init__(
        self, core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(core, tensors, header)
        bases = [self.tensors[f"basis.{factor.name}"] for factor in self.factors]
        self.basis = torch.cat([*bases, bases[0].new_zeros(self.noise_size, bases[0].shape[1])])

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes that a file must hold."""
        V = len(self.template)
        return {"mean": (V, 3)} | {f"basis.{f.name}": (f.code_size, 3 * V) for f in self.factors}

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm."""
        z = self.join(codes)
        return self.tensors["mean"] + (z @ self.basis).view(len(z), -1, 3)

    def encode(self, vertices: Float[Tensor, "B V 3"]) -> dict[str, Tensor]:
        """Return the codes nearest to 0 whose meshes are as near to these as can be, in mm."""
        d = (vertices - self.tensors["mean"]).flatten(1).double()
        z = d @ torch.linalg.pinv(self.basis.double())
        return self.split(z.to(vertices.dtype))

    def describe(self) -> str:
        """Say what stands between codes and mesh."""
        return f"blendshapes: {len(self.basis)} → {len(self.template):,} × 3"


@final
class Blendshapes(AbstractBaseline):
    """Identity from everyone's neutral face; an expression is what its class does on average."""

    title = "Blendshapes"
    Config = BlendshapesConfig
    Model = BlendshapesModel

    def __init__(self, *, config: BlendshapesConfig, faces: LabelledFaces) -> None:
        super().__init__(config, faces)
        people = exact_components(
            faces.neutral.reshape(len(faces.neutral), -1), config.identity_size
        )
        identity = pad_rows(people.deviation[:, None] * people.basis, config.identity_size)
        classes = range(len(faces.expressions))
        means = [
            faces.displacements(np.flatnonzero(faces.expression == k)).mean(axis=0).ravel()
            for k in classes
        ]
        shown = min(len(means), config.expression_size)
        expression = pad_rows(np.stack(means)[:shown] / config.amount, config.expression_size)
        a = (faces.neutral.reshape(len(faces.neutral), -1) - people.mean) @ np.linalg.pinv(identity)
        w = config.amount * np.eye(len(means), config.expression_size)
        codes = {config.identity: a, config.expression: w}
        tensors = {
            "mean": people.mean.reshape(-1, 3),
            f"basis.{config.identity}": identity,
            f"basis.{config.expression}": expression,
        }
        core = faces.core(config, _float(codes), step=1)
        self.fitted = BlendshapesModel(core, _float(tensors))

    def face_model(self, step: int, *, thorough: bool) -> BlendshapesModel:
        """Return the model: it is a closed form, and does not change."""
        return self.fitted


def _float(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array).float() for name, array in arrays.items()}
