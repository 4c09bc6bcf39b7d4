"""Training CoMA's autoencoder on displacements from everyone's neutral face."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.baselines.autoencoder import Architecture, ConvolutionalFaceModel
from gan.baselines.components import class_means, fit_gaussian
from gan.baselines.config import AutoencoderConfig
from gan.baselines.faces import LabelledFaces
from gan.baselines.learner import Advance, Learner
from gan.baselines.linear import LinearFaceModel, fit_linear
from gan.baselines.mesh_network import level_sizes
from meshkit.operators.pooling import pooling_levels

_BLOCK = 32
_SOME = 1024  # meshes whose codes give the Gaussian of a checkpoint on the way
_HELD_OUT = 64  # validation meshes
_LEAST = 1e-2  # unit of a coordinate, over the mean deviation


class AutoencoderLearner(Learner):
    """The autoencoder and the linear model it is built around.

    The loss is the mean absolute difference in normalised units, `(d − mean) / deviation` per
    coordinate. No unit is less than a hundredth of the mean deviation: what never moves is left
    alone, not blown up.

    Parameters
    ----------
    validation
        Faces whose reconstruction is logged after every epoch; None: nothing is.
    """

    def __init__(
        self,
        config: AutoencoderConfig,
        faces: LabelledFaces,
        advance: Advance,
        validation: LabelledFaces | None = None,
    ) -> None:
        super().__init__()
        self.config, self.faces, self.validation = config, faces, validation
        self.samples = len(faces)
        self.linear: LinearFaceModel = fit_linear(faces, config, advance)
        rest, unit = _moments(faces, advance)
        self.register_buffer("rest", torch.from_numpy(rest).float())
        self.register_buffer("unit", torch.from_numpy(unit).float())
        template = faces.dataset.template.astype(np.float64)
        sizes = level_sizes(len(template), config.pooling, len(config.filters))
        self.architecture = Architecture(
            faces.dataset.faces,
            len(template),
            pooling_levels(template, faces.dataset.faces, sizes),
            code=config.expression_size,
            filters=config.filters,
            terms=config.terms,
        )
        self.network = self.architecture.build(torch.Generator().manual_seed(config.seed))

    config: AutoencoderConfig
    rest: Tensor
    unit: Tensor

    def loss(self, which: Int[Tensor, " B"], step: int) -> dict[str, Float[Tensor, ""]]:
        """Return the mean absolute error, normalised and in mm."""
        x = self._normalised(self.faces, which.cpu().numpy())
        error = (self.network(x) - x).abs()
        return {"l1": error.mean(), "l1_mm": (error.detach() * self.unit).mean()}

    def face_model(self, step: int, *, thorough: bool) -> ConvolutionalFaceModel:
        """Return the model as it is now, with a Gaussian fitted to its codes."""
        config, faces = self.config, self.faces
        which = np.arange(len(faces)) if thorough else faces.spread(_SOME)
        labelled = np.flatnonzero(faces.expression >= 0)
        gaussian = fit_gaussian(self._codes(which))
        raw = class_means(self._codes(labelled), faces.expression[labelled], len(faces.expressions))
        device = self.rest.device
        gaussian = gaussian.to(device)
        linear = self.linear.to(device)
        codes = {
            config.identity: linear.codes[config.identity],
            config.expression: gaussian.whiten(raw),
        }
        neutral = torch.from_numpy(faces.neutral.mean(axis=0)).float().to(device)
        network = self.architecture.build(torch.Generator())
        network.load_state_dict(self.network.state_dict())
        return ConvolutionalFaceModel(
            faces.core(config, codes, step).to(device),
            fields={
                "mean": neutral,
                "identity": linear.bases[config.identity],
                "nuisance": linear.bases[config.expression],
                "rest": self.rest,
                "unit": self.unit,
            },
            gaussian=gaussian,
            network=network.to(device),
            architecture=self.architecture,
        )

    def held_out(self) -> dict[str, float]:
        """Return the mean vertex distance of validation expressions, their neutral face given."""
        if self.validation is None:
            return {}
        errors = []
        for block in _blocks(self.validation.spread(_HELD_OUT)):
            with torch.no_grad():
                x = self._normalised(self.validation, block)
                d = (self.network(x) - x) * self.unit
            errors.append(d.norm(dim=2).mean(dim=1))
        return {"validation/expression_mm": float(torch.cat(errors).mean())}

    def _codes(self, which: np.ndarray) -> Tensor:
        with torch.no_grad():
            return torch.cat(
                [
                    self.network.encode(self._normalised(self.faces, block))
                    for block in _blocks(which)
                ]
            )

    def _normalised(self, faces: LabelledFaces, which: np.ndarray) -> Tensor:
        D = torch.from_numpy(faces.displacements(which)).to(self.rest.device)
        return (D - self.rest) / self.unit


def _moments(faces: LabelledFaces, advance: Advance) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of every coordinate of the displacements, in mm."""
    total, squares = np.zeros(faces.dataset.template.shape), np.zeros(faces.dataset.template.shape)
    for block in _blocks(np.arange(len(faces))):
        D = faces.displacements(block).astype(np.float64)
        total += D.sum(axis=0)
        squares += np.square(D).sum(axis=0)
        advance(len(block))
    mean = total / len(faces)
    deviation = np.sqrt((squares / len(faces) - mean**2).clip(0))
    return mean, np.maximum(deviation, _LEAST * np.sqrt(np.square(deviation).mean()))


def _blocks(which: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(which), _BLOCK):
        yield which[start : start + _BLOCK]
