"""From a mesh back to the codes of a model, by least squares: Levenberg-Marquardt."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor, nn

if TYPE_CHECKING:
    from gan.models.contract import FaceGenerator
    from gan.models.generator import Spanning

# Damping, as a share of the mean diagonal.
_FIRST_DAMPING, _MIN_DAMPING, _MAX_DAMPING = 1e-2, 1e-7, 1e7
_DIFFERENCE = 1e-2  # of codes N(0, 1): far above the rounding of a decoder in float32, in mm


class CodeSearch(ABC):
    """Solves `min_z ‖x(z) − t‖² + λ ‖z‖²` for a batch of targets t.

    The function is not convex; unless told otherwise, the search begins at z = 0, the mean face.

    Attributes
    ----------
    steps, settled
        At most so many; a relative decrease of the cost below `settled` is the last.
    """

    steps, settled = 60, 1e-7

    @abstractmethod
    def values(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B r"]:
        """Return x(z), in double precision."""

    @abstractmethod
    def slopes(self, z: Float[Tensor, " Z"]) -> Float[Tensor, "r Z"]:
        """Return the derivatives of x at one code."""

    def search(
        self,
        target: Float[Tensor, "B r"],
        size: int,
        *,
        prior: float,
        start: Float[Tensor, " Z"] | None = None,
    ) -> Float[Tensor, "B Z"]:
        """Return the codes (B, size) of targets in double precision."""
        z = target.new_zeros(len(target), size)
        if start is not None:
            z = z + start
        cost = self._cost(z, target, prior)
        damping = torch.full_like(cost, _FIRST_DAMPING)
        moving = torch.arange(len(target), device=target.device)  # the samples not yet at rest
        for _ in range(self.steps):
            if not len(moving):
                break
            goal, old, before = target[moving], z[moving], cost[moving]
            new = old - self._step(old, goal, prior, damping[moving])
            after = self._cost(new, goal, prior)
            better = after < before
            gain = (before - after) / before.clamp(min=1e-300)
            z[moving] = torch.where(better[:, None], new, old)
            cost[moving] = torch.where(better, after, before)
            damped = torch.where(better, damping[moving] / 4, damping[moving] * 4)
            damping[moving] = damped.clamp(_MIN_DAMPING, _MAX_DAMPING)
            # A refused step says nothing yet: its damping grows until one is taken or none can be.
            at_rest = (better & (gain < self.settled)) | (damped >= _MAX_DAMPING)
            moving = moving[~at_rest]
        return z

    def _cost(self, z: Tensor, target: Tensor, prior: float) -> Float[Tensor, " B"]:
        residual = self.values(z) - target
        return residual.square().sum(dim=1) + prior * z.square().sum(dim=1)

    def _step(self, z: Tensor, target: Tensor, prior: float, damping: Tensor) -> Tensor:
        """Return the damped Gauss-Newton step of every sample."""
        residual = self.values(z) - target
        unit = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
        steps = []
        for k in range(len(z)):  # one Jacobian at a time
            J = self.slopes(z[k])
            A = J.T @ J + prior * unit
            gradient = J.T @ residual[k] + prior * z[k]
            damped = A + damping[k] * A.diagonal().mean() * unit
            steps.append(torch.linalg.solve(damped, gradient))
        return torch.stack(steps)


class PerceptronInverse(CodeSearch):
    """Inverts `scale · (W₂ f(W₁ z + b₁) + b₂)`, at a cost that does not grow with V.

    The last layer is linear: by a factor R of its Gram matrix, ``RᵀR = scale² W₂ᵀW₂``, a residual
    of 3V numbers becomes one of H without any loss. The function is piecewise smooth.
    """

    def __init__(self, weights: Mapping[str, Tensor], *, scale: float, slope: float) -> None:
        self.W1, self.b1 = weights["W1"].double(), weights["b1"].double()
        self.b2, self.slope, self.scale = weights["b2"].double(), slope, scale
        W2 = weights["W2"].double()
        values, vectors = torch.linalg.eigh(W2.T @ W2)
        keep = values > 1e-12 * values[-1]
        root = values[keep].sqrt()
        self.R = scale * root[:, None] * vectors[:, keep].T  # (r, H)
        self.project = (W2 @ (vectors[:, keep] / root)).T  # (r, 3V), orthonormal rows

    def solve(self, d: Float[Tensor, "B n"], *, prior: float) -> Float[Tensor, "B Z"]:
        """Return codes whose displacements are near `d`, in mm.

        Parameters
        ----------
        prior : mm²
            λ: what ‖z‖² = 1 costs.
        """
        target = (d.double() - self.scale * self.b2) @ self.project.T
        return self.search(target, self.W1.shape[1], prior=prior).to(d.dtype)

    def values(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B r"]:
        """Return the displacements in the span of the last layer."""
        x: Tensor = nnf.leaky_relu(z @ self.W1.T + self.b1, self.slope) @ self.R.T
        return x

    def slopes(self, z: Float[Tensor, " Z"]) -> Float[Tensor, "r Z"]:
        """Return their derivatives."""
        gain = torch.where(self.W1 @ z + self.b1 > 0, 1.0, self.slope).to(z.dtype)
        J: Tensor = self.R @ (gain[:, None] * self.W1)
        return J


class SpanInverse(CodeSearch):
    """Inverts `scale · (Φ c(z) + mean)`: residuals in the span of Φ, at a cost free of V."""

    def __init__(self, generator: "Spanning", scale: float) -> None:
        basis = generator.basis.double()
        Q, R = torch.linalg.qr(basis)
        self.project, self.R = Q.T, scale * R
        self.offset, self.generator = scale * generator.mean.double(), copy.deepcopy(generator)
        assert isinstance(self.generator, nn.Module)
        self.generator.double()

    def solve(self, d: Float[Tensor, "B n"], size: int, *, prior: float) -> Float[Tensor, "B Z"]:
        """Return codes whose displacements are near `d`, in mm; λ, mm², is what ‖z‖² = 1 costs."""
        target = (d.double() - self.offset) @ self.project.T
        return self.search(target, size, prior=prior).to(d.dtype)

    def values(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B r"]:
        """Return the displacements in the span."""
        x: Tensor = (self.R @ self.generator.coefficients(z)).T
        return x

    def slopes(self, z: Float[Tensor, " Z"]) -> Float[Tensor, "r Z"]:
        """Return their derivatives."""
        J: Tensor = torch.func.jacrev(lambda code: self.generator.coefficients(code[None])[:, 0])(z)
        slopes: Tensor = self.R @ J
        return slopes


class DifferenceSearch(CodeSearch):
    """A search by differences, which needs no derivatives: it serves any run time of a decoder."""

    def slopes(self, z: Float[Tensor, " Z"]) -> Float[Tensor, "r Z"]:
        """Return the derivatives by central differences."""
        moves = _DIFFERENCE * torch.eye(len(z), dtype=z.dtype, device=z.device)
        after, before = self.values(torch.cat([z + moves, z - moves])).split(len(z))
        J: Tensor = (after - before).T / (2 * _DIFFERENCE)
        return J


class DecoderInverse(DifferenceSearch):
    """Inverts any decoder: a step decodes twice as many faces as the codes have entries."""

    def __init__(self, model: "FaceGenerator") -> None:
        self.model = model

    def encode(self, vertices: Float[Tensor, "B V 3"], *, prior: float) -> dict[str, Tensor]:
        """Return codes whose meshes are near these.

        Parameters
        ----------
        vertices : mm
        prior : mm²
            λ: what ‖z‖² = 1 costs.
        """
        size = sum(factor.code_size for factor in self.model.factors) + self.model.noise_size
        with torch.no_grad():
            z = self.search(vertices.flatten(1).double(), size, prior=prior)
        return self.model.split(z.to(vertices.dtype))

    def values(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B r"]:
        """Return the meshes."""
        codes = self.model.split(z.to(self.model.template.dtype))
        return self.model.decode(codes).flatten(1).double()
