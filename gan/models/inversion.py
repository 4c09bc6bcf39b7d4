"""From a mesh back to the codes of a generator with one hidden layer, by least squares."""

from collections.abc import Mapping

import torch
import torch.nn.functional as nnf
from jaxtyping import Float
from torch import Tensor

STEPS = 60
# Damping, as a share of the mean diagonal.
_FIRST_DAMPING, _MIN_DAMPING, _MAX_DAMPING = 1e-2, 1e-7, 1e7
_SETTLED = 1e-7  # a relative decrease below this ends the search


class PerceptronInverse:
    """Solves `min_z ‖scale · (W₂ f(W₁ z + b₁) + b₂) − d‖² + λ ‖z‖²` by Levenberg-Marquardt.

    The last layer is linear: by a factor R of its Gram matrix, ``RᵀR = scale² W₂ᵀW₂``, a residual
    of 3V numbers becomes one of H without any loss, and a step costs nothing that grows with V.
    The function is piecewise smooth and not convex; the search begins at z = 0, the mean face.
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
        z = target.new_zeros(len(d), self.W1.shape[1])
        cost = self._cost(z, target, prior)
        damping = torch.full_like(cost, _FIRST_DAMPING)
        for _ in range(STEPS):
            new = z - self._step(z, target, prior, damping)
            new_cost = self._cost(new, target, prior)
            better = new_cost < cost
            gain = torch.where(better, cost - new_cost, 0) / cost.clamp(min=1e-300)
            z = torch.where(better[:, None], new, z)
            cost = torch.where(better, new_cost, cost)
            damping = torch.where(better, damping / 4, damping * 4).clamp(
                _MIN_DAMPING, _MAX_DAMPING
            )
            # A refused step says nothing yet: its damping grows until one is taken or none can be.
            if bool(((better & (gain < _SETTLED)) | (damping >= _MAX_DAMPING)).all()):
                break
        codes: Tensor = z.to(d.dtype)
        return codes

    def _cost(self, z: Tensor, target: Tensor, prior: float) -> Tensor:
        h = nnf.leaky_relu(z @ self.W1.T + self.b1, self.slope)
        residual = h @ self.R.T - target
        cost: Tensor = residual.square().sum(dim=1) + prior * z.square().sum(dim=1)
        return cost

    def _step(self, z: Tensor, target: Tensor, prior: float, damping: Tensor) -> Tensor:
        """Return the damped Gauss-Newton step of every sample."""
        a = z @ self.W1.T + self.b1
        residual = nnf.leaky_relu(a, self.slope) @ self.R.T - target
        gain = torch.where(a > 0, 1.0, self.slope).to(a.dtype)
        unit = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
        steps = []
        for k in range(len(z)):  # one Jacobian at a time: (r, Z), a few hundred kilobytes
            J = self.R @ (gain[k][:, None] * self.W1)
            A = J.T @ J + prior * unit
            gradient = J.T @ residual[k] + prior * z[k]
            damped = A + damping[k] * A.diagonal().mean() * unit
            steps.append(torch.linalg.solve(damped, gradient))
        return torch.stack(steps)
