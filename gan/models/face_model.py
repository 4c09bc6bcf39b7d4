"""What a run yields: codes in, meshes out. Needs torch, and no dataset."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor

from gan.models.contract import PRIOR, Core, Factor
from gan.models.files import StoredModel, above, below
from gan.models.inversion import PerceptronInverse
from meshkit.nn import SparseOperator

__all__ = ["FaceModel", "Factor"]


class FaceModel(StoredModel):
    """A trained generator with its fixed codes and its template.

    `X = X̄ + scale · (W₂ LeakyReLU(W₁ z + b₁) + b₂)`, z the codes of the factors in order, then
    the noise code.

    Attributes
    ----------
    weights : dict
        W1 (H, Z), b1 (H,), W2 (3V, H), b2 (3V,): row 3 v + c of W2 is coordinate c of vertex v.
    scale : float, mm
        One unit of the generator's output.
    slope : float
        Of the LeakyReLU below zero.
    """

    FORMAT = "meshkit-gan face model 1"
    own_encoder = False

    def __init__(
        self, core: Core, weights: Mapping[str, Tensor], *, scale: float, slope: float
    ) -> None:
        super().__init__(core, {})
        self.weights = dict(weights)
        self.scale, self.slope = scale, slope

    def decode(self, codes: Mapping[str, Tensor]) -> Float[Tensor, "B V 3"]:
        """Generate the meshes of a batch of codes, in mm; differentiable in the codes."""
        z = self.join(codes)
        w = self.weights
        h = torch.nn.functional.leaky_relu(z @ w["W1"].T + w["b1"], self.slope)
        d = torch.addmm(w["b2"], h, w["W2"].T)
        return self.template + self.scale * d.view(len(z), -1, 3)

    def point_decoder(
        self, operator: sp.csr_array
    ) -> Callable[[Mapping[str, Tensor]], Float[Tensor, "B k 3"]]:
        """Return a decoder of a few points of the surface: they are folded into the last layer."""
        pick, w = SparseOperator(operator).to(self.template.device), self.weights
        at, k = pick(self.template), operator.shape[0]
        W2 = self.scale * pick(w["W2"].view(len(self.template), -1)).view(3 * k, -1)
        b2 = at.flatten() + self.scale * pick(w["b2"].view(-1, 3)).flatten()

        def decode(codes: Mapping[str, Tensor]) -> Tensor:
            a = self.join(codes) @ w["W1"].T + w["b1"]
            h = torch.nn.functional.leaky_relu(a, self.slope)
            return torch.addmm(b2, h, W2.T).view(len(a), k, 3)

        return decode

    def encode(
        self, vertices: Float[Tensor, "B V 3"], *, prior: float = PRIOR
    ) -> dict[str, Tensor]:
        """Return codes whose meshes are near these: least squares, from the mean face.

        Parameters
        ----------
        vertices : mm
        prior : mm²
            λ of `Σ_v ‖x_v(z) − x_v‖² + λ ‖z‖²`.
        """
        with torch.no_grad():
            d = (vertices - self.template).flatten(1)
            return self.split(self._inverse.solve(d, prior=prior))

    @cached_property
    def _inverse(self) -> PerceptronInverse:
        return PerceptronInverse(self.weights, scale=self.scale, slope=self.slope)

    def describe(self) -> str:
        """Say which layers stand between codes and mesh."""
        hidden, size = self.weights["W1"].shape
        codes = ", ".join(f"{factor.name} {factor.code_size}" for factor in self.factors)
        return (
            f"codes of {codes}, noise {self.noise_size}: {size} → {hidden} → "
            f"{len(self.template):,} × 3"
        )

    def stored(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the weights, and what else the formula has."""
        return above(self.weights, "generator."), {"scale": self.scale, "slope": self.slope}

    @classmethod
    def restored(
        cls, core: Core, tensors: Mapping[str, Tensor], header: Mapping[str, Any]
    ) -> "FaceModel":
        """Build a model from what `stored` returned."""
        weights = below(tensors, "generator.")
        return cls(core, weights, scale=float(header["scale"]), slope=float(header["slope"]))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the weights, which must fit each other."""
        V, H = len(self.template), len(self.weights.get("b1", ()))
        Z = sum(factor.code_size for factor in self.factors) + self.noise_size
        shapes = {"W1": (H, Z), "b1": (H,), "W2": (3 * V, H), "b2": (3 * V,)}
        return {f"generator.{name}": shape for name, shape in shapes.items()}
