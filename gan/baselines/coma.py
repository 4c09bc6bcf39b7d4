"""CoMA / DeepFLAME: components for identity, a mesh autoencoder for expressions."""

from collections.abc import Mapping
from typing import Any, Literal, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.baselines.baseline import BASELINES, AbstractBaseline
from gan.baselines.components import CodeGaussian, class_means, fit_gaussian
from gan.baselines.convolutional import (
    ConvolutionalConfig,
    architecture_of,
    blocks,
    coordinate_units,
    held_out_distance,
    restored_network,
    stored_network,
)
from gan.baselines.faces import LabelledFaces
from gan.baselines.linear import LinearFaceModel, fit_linear
from gan.models.contract import PRIOR, Core
from gan.models.files import StoredModel, above, below
from gan.progress import Progress, counter

ROUNDS = 3  # of `encode`: identity given the expression, expression given the identity
_SAMPLED = 1024  # meshes whose codes give the Gaussian of a checkpoint on the way


class ComaConfig(ConvolutionalConfig):
    """CoMA / DeepFLAME. Architecture and losses are the paper's; the optimizer is ours."""

    kind: Literal["coma"] = "coma"


class ConvolutionalFaceModel(StoredModel):
    """`X = mean + a P + unit ⊙ D(w) + rest`: a linear person, and an autoencoder's expression.

    Attributes
    ----------
    mean : (V, 3), mm
        The mean neutral face.
    identity : (d_id, 3V), mm
        Components times their deviations; the identity code a is N(0, I).
    nuisance : (d_exp, 3V), mm
        Linear expression components, with which `encode` first finds out whose face it is.
    rest, unit : (V, 3), mm
        Mean and deviation of each coordinate of the expression displacements.
    gaussian : CodeGaussian
        Of the raw expression codes w of the training faces; the expression code is N(0, I).
    network : MeshAutoencoder
    architecture : Architecture

    References
    ----------
    Ranjan, Bolkart, Sanyal, Black, Generating 3D faces using convolutional mesh autoencoders, ECCV
    2018, Section 6.3 (DeepFLAME).
    """

    FORMAT = "meshkit-gan convolutional face model 1"

    def __init__(
        self, core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any]
    ) -> None:
        super().__init__(core, tensors, header)
        self.fields = below(tensors, "field.")  # mean, identity, nuisance, rest, unit
        self.gaussian = CodeGaussian(**below(tensors, "gaussian."))
        self.architecture, self.network = restored_network(core, self.header, tensors)

    @property
    def _names(self) -> tuple[str, str]:
        identity, expression = self.factors
        return identity.name, expression.name

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        identity, expression = self._names
        return self._person(codes[identity]) + self._expression(codes[expression])

    def encode(
        self, vertices: Float[Tensor, "B V 3"], *, prior: float = PRIOR
    ) -> dict[str, Tensor]:
        """Return codes whose meshes are near these.

        The autoencoder sees displacements from a neutral face, which is not known. So identity and
        linear expression components are fitted at once, and it encodes the expression part (what
        it has never seen, details of a new person, would lead it astray). Then, in three rounds,
        the identity is fitted to what the autoencoder's expression leaves, and the expression
        anew; a face keeps the codes of the round that came nearest.

        Parameters
        ----------
        vertices : mm
        prior : mm²
            λ of the least squares.
        """
        identity, expression = self._names
        with torch.no_grad():
            P, N = self.fields["identity"], self.fields["nuisance"]
            d = (vertices - self.fields["mean"]).flatten(1)
            offset = d - self.fields["rest"].flatten()
            linear = _least_squares(torch.cat([P, N]), offset, prior)
            a, shown = linear[:, : len(P)], linear[:, len(P) :]
            best = d.new_full((len(d), 1), torch.inf)
            nearest = (a, torch.zeros_like(shown))
            for _ in range(ROUNDS):
                b = self._read(shown)
                left = d - self._expression(b).flatten(1)
                a = _least_squares(P, left, prior)
                everything = torch.cat([left - a @ P, prior**0.5 * a, prior**0.5 * b], dim=1)
                cost = everything.square().sum(dim=1, keepdim=True)
                nearest = (
                    torch.where(cost < best, a, nearest[0]),
                    torch.where(cost < best, b, nearest[1]),
                )
                best = torch.minimum(best, cost)
                shown = _least_squares(N, offset - a @ P, prior)
            empty = d.new_zeros(len(d), self.noise_size)
            return {identity: nearest[0], expression: nearest[1], "noise": empty}

    def encode_with_rest(
        self, vertices: Float[Tensor, "B V 3"], rest: Float[Tensor, "B V 3"]
    ) -> dict[str, Tensor]:
        """Return codes as the autoencoder was trained: of displacements from the face at rest."""
        identity, expression = self._names
        with torch.no_grad():
            neutral = (rest - self.fields["mean"]).flatten(1)
            a = _least_squares(self.fields["identity"], neutral, PRIOR)
            b = self._read_mesh(vertices - rest - self.fields["rest"])
            empty = a.new_zeros(len(a), self.noise_size)
            return {identity: a, expression: b, "noise": empty}

    def _read(self, shown: Tensor) -> Tensor:
        """Return the expression codes of linear expression coefficients."""
        return self._read_mesh((shown @ self.fields["nuisance"]).view(len(shown), -1, 3))

    def _read_mesh(self, x: Tensor) -> Tensor:
        """Return the expression codes of displacements less their mean."""
        return self.gaussian.whiten(self.network.encode(x / self.fields["unit"]))

    def _person(self, a: Tensor) -> Tensor:
        return self.fields["mean"] + (a @ self.fields["identity"]).view(len(a), -1, 3)

    def _expression(self, b: Tensor) -> Tensor:
        x = self.network.decode(self.gaussian.color(b))
        return self.fields["rest"] + self.fields["unit"] * x

    def describe(self) -> str:
        """Say which layers stand between codes and mesh."""
        weights = sum(weight.numel() for weight in self.network.parameters())
        sizes = " → ".join(f"{n:,}" for n in self.architecture.sizes())
        people = int((self.fields["identity"] != 0).any(dim=1).sum())
        return (
            f"DeepFLAME: {people} identity components; CoMA autoencoder of expressions with "
            f"{weights:,} weights, {sizes} vertices"
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what is no network."""
        identity, expression = self.factors
        V, d = len(self.template), expression.code_size
        return {
            "field.mean": (V, 3),
            "field.rest": (V, 3),
            "field.unit": (V, 3),
            "field.identity": (identity.code_size, 3 * V),
            "field.nuisance": (d, 3 * V),
            "gaussian.mean": (d,),
            "gaussian.spread": (d, d),
            "gaussian.inverse": (d, d),
        }


@final
@BASELINES.register("coma")
class ComaBaseline(AbstractBaseline):
    """The autoencoder and the linear model it is built around.

    The loss is the mean absolute difference in normalised units, `(d − mean) / deviation` per
    coordinate.

    Parameters
    ----------
    validation
        Faces whose reconstruction is logged after every epoch; None: nothing is.
    """

    title = "CoMA"
    Config = ComaConfig
    Model = ConvolutionalFaceModel

    def __init__(
        self,
        *,
        config: ComaConfig,
        faces: LabelledFaces,
        validation: LabelledFaces | None,
        progress: Progress,
    ) -> None:
        super().__init__(config, faces)
        self.validation = validation
        advance = counter(progress, "reading the faces")
        self.linear: LinearFaceModel = fit_linear(faces, config, advance).model
        rest, unit = coordinate_units(faces.displacements, len(faces), advance)
        self.register_buffer("rest", rest)
        self.register_buffer("unit", unit)
        self.architecture = architecture_of(faces, config, code=config.expression_size)
        self.network = self.architecture.build(torch.Generator().manual_seed(config.seed))

    config: ComaConfig
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
        which = np.arange(len(faces)) if thorough else faces.spread(_SAMPLED)
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
        fields = {
            "mean": neutral,
            "identity": linear.bases[config.identity],
            "nuisance": linear.bases[config.expression],
            "rest": self.rest,
            "unit": self.unit,
        }
        tensors = above(fields, "field.") | above(gaussian._asdict(), "gaussian.")
        tensors |= stored_network(self.architecture, self.network)
        core = faces.core(config, codes, step).to(device)
        return ConvolutionalFaceModel(core, tensors, self.architecture.header())

    def held_out(self) -> dict[str, float]:
        """Return the mean vertex distance of validation expressions, their neutral face given."""
        distance = held_out_distance(self.network, self.unit, self._normalised, self.validation)
        return {} if distance is None else {"validation/expression_mm": distance}

    def _codes(self, which: np.ndarray) -> Tensor:
        with torch.no_grad():
            return torch.cat(
                [
                    self.network.encode(self._normalised(self.faces, block))
                    for block in blocks(which)
                ]
            )

    def _normalised(self, faces: LabelledFaces, which: np.ndarray) -> Tensor:
        D = torch.from_numpy(faces.displacements(which)).to(self.rest.device)
        return (D - self.rest) / self.unit


def _least_squares(B: Tensor, d: Tensor, prior: float) -> Tensor:
    """Solve `min_z ‖z B − d‖² + prior ‖z‖²` for every row of d."""
    basis = B.double()
    A = basis @ basis.T + prior * torch.eye(len(B), dtype=basis.dtype, device=B.device)
    solution: Tensor = torch.linalg.solve(A, basis @ d.double().T)
    return solution.T.to(d.dtype)
