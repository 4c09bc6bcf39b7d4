"""3DMM: a mean face, plus identity components, plus expression components."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, final

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor

from gan.baselines.baseline import BASELINES, AbstractBaseline
from gan.baselines.components import (
    class_means,
    exact_components,
    pad_rows,
    pick_points,
    principal_components,
)
from gan.baselines.config import BaselineConfig
from gan.baselines.faces import LabelledFaces
from gan.models.contract import PRIOR, Core
from gan.models.files import StoredModel, below
from gan.progress import Progress, counter
from meshkit.nn import SparseOperator

BLOCK = 128  # meshes read at once


class LinearConfig(BaselineConfig):
    """3DMM: nothing to choose."""

    kind: Literal["3dmm"] = "3dmm"


class LinearFaceModel(StoredModel):
    """`X = mean + Σ_k z_k P_k`: every factor adds displacements of its own.

    Attributes
    ----------
    mean : (V, 3), mm
    bases : dict of (d, 3V), mm
        Of each factor: components times their standard deviations, so that codes of the training
        faces are N(0, I). Rows of zeros where the data have fewer directions than the code.

    References
    ----------
    Blanz, Vetter, A morphable model for the synthesis of 3D faces, SIGGRAPH 1999; with expressions
    Amberg, Knothe, Vetter, Expression invariant 3D face recognition with a morphable model, FG
    2008.
    """

    FORMAT = "meshkit-gan linear face model 1"
    own_encoder = False

    def __init__(
        self, core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(core, tensors, header)
        self.mean, self.bases = self.tensors["mean"], below(tensors, "basis.")

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        d = sum(codes[f.name] @ self.bases[f.name] for f in self.factors)
        assert isinstance(d, Tensor)
        return self.mean + d.view(len(d), -1, 3)

    def point_decoder(
        self, operator: sp.csr_array
    ) -> Callable[[Mapping[str, Tensor]], Float[Tensor, "B k 3"]]:
        """Return a decoder of a few points of the surface: the components at these points."""
        pick = SparseOperator(operator).to(self.template.device)
        mean = pick(self.mean)
        bases = {name: pick_points(pick, basis) for name, basis in self.bases.items()}

        def decode(codes: Mapping[str, Tensor]) -> Tensor:
            d = sum(codes[f.name] @ bases[f.name] for f in self.factors)
            assert isinstance(d, Tensor)
            points: Tensor = mean + d.view(len(d), -1, 3)
            return points

        return decode

    def encode(
        self, vertices: Float[Tensor, "B V 3"], *, prior: float = PRIOR
    ) -> dict[str, Tensor]:
        """Return the codes of all factors at once by regularised least squares, in closed form.

        Parameters
        ----------
        vertices : mm
        prior : mm²
            λ of `Σ_v ‖x_v(z) − x_v‖² + λ ‖z‖²`.
        """
        B = torch.cat([self.bases[f.name] for f in self.factors]).double()
        d = (vertices - self.mean).flatten(1).double()
        A = B @ B.T + prior * torch.eye(len(B), dtype=B.dtype, device=B.device)
        z = torch.linalg.solve(A, B @ d.T).T.to(vertices.dtype)
        empty = z.new_zeros(len(z), self.noise_size)
        return self.split(torch.cat([z, empty], dim=1))

    def describe(self) -> str:
        """Say how many components each factor has."""
        used = ", ".join(
            f"{f.name} {int((self.bases[f.name] != 0).any(dim=1).sum())}" for f in self.factors
        )
        return f"3DMM, additive principal components: {used} → {len(self.template):,} × 3"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the mean and of the bases."""
        V = len(self.template)
        bases = {f"basis.{f.name}": (f.code_size, 3 * V) for f in self.factors}
        return {"mean": (V, 3), **bases}


class LinearFit(NamedTuple):
    """The model, and the codes of the training faces: of people, and of all their meshes."""

    model: LinearFaceModel
    codes: dict[str, Float[np.ndarray, "_ d"]]


def fit_linear(
    faces: LabelledFaces, config: BaselineConfig, advance: Callable[[int], None] = lambda n: None
) -> LinearFit:
    """Fit the additive model: identity to everyone's neutral face, expression to what is left.

    Identity: components of the people's neutral faces, every person with equal weight. Expression:
    components of all meshes less their person's neutral, labelled or not. The code of a person is
    that of the neutral face, the code of an expression the mean of its class.

    Parameters
    ----------
    advance
        Called with the number of meshes read since it was last called.
    """
    rng = np.random.default_rng(config.seed)
    neutrals = faces.neutral.reshape(len(faces.neutral), -1)
    identity = exact_components(neutrals, config.identity_size)
    everyone = np.arange(len(faces))

    def displacements() -> Iterator[np.ndarray]:
        for start in range(0, len(faces), BLOCK):
            D = faces.displacements(everyone[start : start + BLOCK])
            advance(len(D))
            yield D.reshape(len(D), -1).astype(np.float64)

    expression = principal_components(displacements, config.expression_size, rng=rng)
    P_id, P_exp = (
        pad_rows(c.deviation[:, None] * c.basis, size)
        for c, size in (
            (identity, config.identity_size),
            (expression, config.expression_size),
        )
    )
    a = _coefficients(neutrals - identity.mean, identity.basis, identity.deviation, len(P_id))
    b = np.concatenate(
        [
            _coefficients(D - expression.mean, expression.basis, expression.deviation, len(P_exp))
            for D in displacements()
        ]
    )
    codes = {
        config.identity: torch.from_numpy(a).float(),
        config.expression: class_means(
            torch.from_numpy(b).float(), faces.expression, len(faces.expressions)
        ),
    }
    mean = (identity.mean + expression.mean).reshape(-1, 3)
    arrays = {
        "mean": mean,
        f"basis.{config.identity}": P_id,
        f"basis.{config.expression}": P_exp,
    }
    tensors = {name: torch.from_numpy(array).float() for name, array in arrays.items()}
    model = LinearFaceModel(faces.core(config, codes, step=1), tensors)
    return LinearFit(model, {config.identity: a, config.expression: b})


def _coefficients(
    D: np.ndarray, basis: np.ndarray, deviation: np.ndarray, size: int
) -> Float[np.ndarray, "k size"]:
    """Return the codes of rows, 0 where the basis is padded."""
    return pad_rows((D @ basis.T / deviation).T, size).T


@final
@BASELINES.register("3dmm")
class LinearBaseline(AbstractBaseline):
    """Additive principal components of identity and expression, in closed form."""

    title = "3DMM"
    Config = LinearConfig
    Model = LinearFaceModel

    def __init__(self, *, config: LinearConfig, faces: LabelledFaces, progress: Progress) -> None:
        super().__init__(config, faces)
        self.fitted = fit_linear(faces, config, counter(progress, "components")).model

    def face_model(self, step: int, *, thorough: bool) -> LinearFaceModel:
        """Return the model, which does not change."""
        return self.fitted
