"""Copula 3DMM: the additive components of the 3DMM, their codes distributed as the data's."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, final

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float
from scipy.stats import norm, rankdata
from torch import Tensor

from gan.baselines.baseline import BASELINES, AbstractBaseline
from gan.baselines.config import BaselineConfig
from gan.baselines.faces import LabelledFaces
from gan.baselines.linear import LinearFaceModel, fit_linear
from gan.baselines.quantiles import QuantileMap, fit_quantiles
from gan.models.contract import PRIOR, Core
from gan.models.files import StoredModel, above, below
from gan.progress import Progress, counter


class CopulaConfig(BaselineConfig):
    """Copula 3DMM: nothing to choose."""

    kind: Literal["copula"] = "copula"


class CopulaFaceModel(StoredModel):
    """`X = mean + Σ_k Q_k(L_k z_k) P_k`: a 3DMM whose coefficients are not Gaussian.

    Attributes
    ----------
    linear : LinearFaceModel
        `mean + Σ_k a_k P_k`.
    quantiles : dict of QuantileMap
        Of each factor: from N(0, 1) to the distribution of each coefficient in the data.
    root : dict of (d, d)
        Of each factor: L, the lower Cholesky factor of the correlation of its normal scores.

    References
    ----------
    Egger, Kaufmann, Schönborn, Roth, Vetter, Copula eigenfaces with attributes, VISIGRAPP 2016:
    there of texture and shape, here of each factor's components.
    """

    FORMAT = "meshkit-gan copula face model 1"
    own_encoder = False

    def __init__(
        self, core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(core, tensors, header)
        self.linear = LinearFaceModel(core, below(self.tensors, "linear."))
        self.root = below(self.tensors, "root.")
        self.quantiles = {
            f.name: QuantileMap(**below(self.tensors, f"quantiles.{f.name}.")) for f in self.factors
        }

    def coefficients(self, codes: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the codes of the 3DMM that has the same mesh."""
        return {
            name: quantiles(codes[name] @ self.root[name].T)
            for name, quantiles in self.quantiles.items()
        }

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        return self.linear.decode(self.coefficients(codes))

    def point_decoder(
        self, operator: sp.csr_array
    ) -> Callable[[Mapping[str, Tensor]], Float[Tensor, "B k 3"]]:
        """Return a decoder of a few points of the surface."""
        decode = self.linear.point_decoder(operator)
        return lambda codes: decode(self.coefficients(codes))

    def encode(
        self, vertices: Float[Tensor, "B V 3"], *, prior: float = PRIOR
    ) -> dict[str, Tensor]:
        """Return codes whose meshes are near these, in closed form.

        Parameters
        ----------
        vertices : mm
        prior : mm²
            λ of the least squares that give the coefficients, as in the 3DMM.
        """
        return self.scores(self.linear.encode(vertices, prior=prior))

    def scores(self, coefficients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the codes of coefficients: the inverse of `coefficients`."""
        codes = dict(coefficients)
        for name, quantiles in self.quantiles.items():
            u = quantiles.inverse(coefficients[name])
            codes[name] = torch.linalg.solve_triangular(self.root[name], u.T, upper=False).T
        return codes

    def describe(self) -> str:
        """Say how many components each factor has."""
        return f"{self.linear.describe()}, with the data's marginals"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the 3DMM, the maps and the correlations."""
        shapes = above(self.linear.shapes(), "linear.")
        for factor in self.factors:
            d, m = factor.code_size, len(self.quantiles[factor.name].score)
            shapes[f"root.{factor.name}"] = (d, d)
            own = {"score": (m,), "value": (d, m), "slope": (d, m)}
            shapes |= above(own, f"quantiles.{factor.name}.")
        return shapes


@final
@BASELINES.register("copula")
class CopulaBaseline(AbstractBaseline):
    """The 3DMM with the data's own marginals and a Gaussian copula, in closed form."""

    title = "Copula 3DMM"
    Config = CopulaConfig
    Model = CopulaFaceModel

    def __init__(self, *, config: CopulaConfig, faces: LabelledFaces, progress: Progress) -> None:
        super().__init__(config, faces)
        linear, coefficients = fit_linear(faces, config, counter(progress, "components"))
        tensors = above(linear.tensors, "linear.")
        for name, a in coefficients.items():
            quantiles = fit_quantiles(a)
            root = torch.linalg.cholesky(_correlation(a)).float()
            tensors |= above(quantiles._asdict(), f"quantiles.{name}.") | {f"root.{name}": root}
        self.fitted = CopulaFaceModel(linear.core, tensors)
        self.fitted.codes = self.fitted.scores(linear.codes)

    def face_model(self, step: int, *, thorough: bool) -> CopulaFaceModel:
        """Return the model, which does not change."""
        return self.fitted


def _correlation(a: Float[np.ndarray, "N d"]) -> Float[Tensor, "d d"]:
    """Estimate the correlation of the normal scores, shrunk towards 0 as the sampling error asks.

    References
    ----------
    Schäfer, Strimmer, A shrinkage approach to large-scale covariance matrix estimation, Statistical
    Applications in Genetics and Molecular Biology 2005, Section 2.4.
    """
    n, d = a.shape
    x = norm.ppf((rankdata(a, axis=0) - 0.5) / n)
    deviation = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    r = x.T @ x / n
    error = (np.square(x).T @ np.square(x) / n - r**2) / (n - 1)
    off = ~np.eye(d, dtype=bool)
    squares = np.square(r[off]).sum()
    share = min(1.0, error[off].sum() / squares) if squares > 0 else 1.0
    return torch.from_numpy(np.where(off, (1 - share) * r, 1.0))
