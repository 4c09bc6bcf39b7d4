"""Pull vertices of a face to where they should be, while they are being pulled.

The last layer is folded onto the few vertices, and the search goes on from where it stood, so a
step costs nothing that grows with the mesh where the model can fold.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.models.contract import NOISE, FaceGenerator

STEPS = 6  # of Levenberg-Marquardt, at most, for one movement of the pointer
_STRIDE = 0.02  # of the differences, in deviations of a code
_BLOCK = 32  # faces decoded at once by a model that cannot fold
_SETTLED = 1e-4  # a relative decrease below this ends the search
_START_DAMPING, _MIN_DAMPING, _MAX_DAMPING = 1e-3, 1e-7, 1e7  # shares of the mean diagonal


class PullOptions(NamedTuple):
    """What else a pulled face should do.

    Attributes
    ----------
    prior : mm²
        λ: what it costs to move the codes by ‖z − z₀‖ = 1 from where they were.
    hold : 1
        Weight of the handles that are not pulled: they would rather stay.
    locked
        Names of factors, or "noise", whose codes stay.
    """

    prior: float = 1.0
    hold: float = 0.02
    locked: tuple[str, ...] = ()


class Pull:
    """One face whose handles are pulled: Eq. 13 about the face as it was taken hold of.

    `min_z Σ_pulled ‖x_k(z) − p_k‖² + h Σ_others ‖x_k(z) − x_k(z₀)‖² + λ ‖z − z₀‖²` by
    Levenberg-Marquardt. A model that folds its last layer gets a new Jacobian in every step, by
    differences in all codes at once; another gets one when it is taken hold of, and keeps it.

    Parameters
    ----------
    vertices
        The handles.
    codes
        z₀, (1, d) each.

    Raises
    ------
    ValueError
        A vertex is out of range; λ or h is negative or no number; a locked factor is unknown.

    References
    ----------
    Fernández Abrevaya et al., ICCV 2019, Eq. 13, with its prior about z₀ in place of 0.
    """

    def __init__(
        self,
        model: FaceGenerator,
        vertices: Int[np.ndarray, " k"],
        codes: Mapping[str, Tensor],
        options: PullOptions | None = None,
    ) -> None:
        options = options or PullOptions()
        n, k = len(model.template), len(vertices)
        if k and not 0 <= int(vertices.min()) <= int(vertices.max()) < n:
            raise ValueError(f"handles must be vertices from 0 to {n - 1}, got {vertices.tolist()}")
        if not (0 <= options.prior < np.inf and 0 <= options.hold < np.inf):
            raise ValueError(f"prior and hold must not be negative, got {options}")
        for name in options.locked:
            if name != NOISE:
                model.factor(name)
        pick = sp.csr_array((np.ones(k), (np.arange(k), vertices)), shape=(k, n))
        self.model, self.options = model, options
        self._decode = model.point_decoder(pick)
        self._folds = type(model).point_decoder is not FaceGenerator.point_decoder
        free = {name: torch.full_like(z, name not in options.locked) for name, z in codes.items()}
        self._free = model.join(free)[0].bool()
        self._start = model.join(codes)[0].double()
        self._z = self._start.clone()
        self._damping = _START_DAMPING
        self._kept = self._points(self._z[None])[0]  # where the handles were
        self._jacobian: Tensor | None = None

    @property
    def handles(self) -> Float[np.ndarray, "k 3"]:
        """Where the handles are now, in mm."""
        return np.asarray(self._points(self._z[None])[0].view(-1, 3).cpu().numpy())

    def to(self, goals: Mapping[int, Sequence[float]]) -> dict[str, Tensor]:
        """Pull handles to points, in mm, from where the search stands; return the codes.

        Parameters
        ----------
        goals
            Index of a handle to its point.

        Raises
        ------
        ValueError
            There is no such handle; a point is not finite.
        """
        goal, weight = self._goal(goals)
        cost = self._cost(self._z, goal, weight)
        for _ in range(STEPS):
            J = self._slopes()
            new = self._z + self._step(J, goal, weight)
            new_cost = self._cost(new, goal, weight)
            if new_cost < cost:
                gain = (cost - new_cost) / cost
                self._z, cost = new, new_cost
                self._damping = max(self._damping / 4, _MIN_DAMPING)
                if gain < _SETTLED:
                    break
            else:
                self._damping *= 8
                if self._damping > _MAX_DAMPING:
                    break
        self._damping = min(self._damping, 1.0)  # the next goal may lie elsewhere
        return self.model.split(self._z[None].to(self.model.template))

    def _goal(self, goals: Mapping[int, Sequence[float]]) -> tuple[Tensor, Tensor]:
        goal = self._kept.clone().view(-1, 3)
        weight = torch.full_like(goal, self.options.hold)
        for k, point in goals.items():
            if not 0 <= k < len(goal):
                raise ValueError(f"there is no handle {k}: 0 to {len(goal) - 1}")
            if not np.isfinite(point).all():
                raise ValueError(f"handle {k}: {point} is not finite")
            goal[k] = torch.tensor(point, dtype=goal.dtype)
            weight[k] = 1.0
        return goal.flatten(), weight.flatten()

    def _points(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B _"]:
        with torch.no_grad():
            blocks = z.to(self.model.template).split(len(z) if self._folds else _BLOCK)
            points = [self._decode(self.model.split(block)) for block in blocks]
        return torch.cat(points).flatten(1).double()

    def _slopes(self) -> Float[Tensor, "_ Z"]:
        """Return the derivatives of the handles, 0 in the columns that are locked."""
        if self._jacobian is not None and not self._folds:
            return self._jacobian
        moving = torch.nonzero(self._free)[:, 0]
        z = self._z.repeat(len(moving) + 1, 1)
        z[torch.arange(1, len(z)), moving] += _STRIDE
        x = self._points(z)
        J = x.new_zeros(x.shape[1], len(self._z))
        J[:, moving] = ((x[1:] - x[0]) / _STRIDE).T
        self._jacobian = J
        return J

    def _step(self, J: Tensor, goal: Tensor, weight: Tensor) -> Tensor:
        residual = self._points(self._z[None])[0] - goal
        moved = self._z - self._start
        unit = torch.eye(len(moved), dtype=J.dtype, device=J.device)
        A = J.T @ (weight[:, None] * J) + self.options.prior * unit
        gradient = J.T @ (weight * residual) + self.options.prior * moved
        gradient[~self._free] = 0
        # What no handle feels, with no prior, would make A singular.
        least = self._damping * A.diagonal().mean() + 1e-12
        step: Tensor = torch.linalg.solve(A + least * unit, -gradient)
        return step

    def _cost(self, z: Tensor, goal: Tensor, weight: Tensor) -> float:
        residual = self._points(z[None])[0] - goal
        prior = self.options.prior * (z - self._start).square().sum()
        return float((weight * residual.square()).sum() + prior)
