"""Smoothing by heat flow, as a layer."""

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float
from torch import Tensor

from meshkit.errors import MeshError
from meshkit.nn.operator import SparseOperator


class Smoothing(SparseOperator):
    """Let signals on vertices diffuse for a while: explicit Euler steps of ``dX/dt = -L X / mass``.

    One frozen operator, ``1 - step L / mass``, applied `steps` times: differentiable, no solve. The
    mean of a signal, weighted by mass, stays; with weights that are not negative, values stay
    between the least and the largest (take `delaunay_laplacian` if that matters). Long times want
    `SpectralTruncation` with a response of ``exp(-values * time)``, the same flow in one product.

    Parameters
    ----------
    L : 1
        Symmetric, positive semi-definite, in weak form.
    mass : length^2
        Lumped.
    time : length^2
        How long; details of the size of its square root fade.
    steps
        Default: the fewest that are stable. More are nearer to the exact flow: the error falls with
        their number.

    Raises
    ------
    ValueError
        `time` is not positive, or `steps` are too few to be stable (the least number is named);
        shapes differ.
    MeshError
        A vertex has no mass.

    References
    ----------
    Desbrun, Meyer, Schröder, Barr, Implicit fairing of irregular meshes using diffusion and
    curvature flow, SIGGRAPH 1999, Section 2.1 (the explicit scheme, on a fixed Laplacian).
    """

    def __init__(
        self,
        L: sp.sparray | sp.spmatrix,
        mass: Float[np.ndarray, " n"],
        *,
        time: float,
        steps: int | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if not (np.isfinite(time) and time > 0):
            raise ValueError(f"time must be positive, got {time}")
        if L.shape != (len(mass), len(mass)):
            raise ValueError(f"L {L.shape} does not fit the mass of {len(mass)} vertices")
        if not (mass > 0).all():
            i = int((mass > 0).argmin())
            raise MeshError(f"vertex {i} has no mass: it is in no face with area; drop it first")
        A = sp.csr_array(sp.diags_array(1 / mass) @ L)
        # Eigenvalues lie below the largest sum of a row (Gershgorin); a step may reach 2 over that.
        least = max(1, int(np.ceil(time * abs(A).sum(axis=1).max() / 2 * (1 - 1e-12))))
        if steps is not None and steps < least:
            raise ValueError(f"{steps} steps are unstable for time {time:g}: take {least} or more")
        self.steps = least if steps is None else steps
        step = time / self.steps
        super().__init__(sp.csr_array(sp.eye_array(len(mass)) - step * A), dtype=dtype)

    def forward(self, X: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return the smoothed batch (B, n, c), signals (n, k) or signal (n,)."""
        if X.ndim == 3:  # vertex-major once, not in every step
            B, n, c = X.shape
            flat = X.permute(1, 0, 2).reshape(n, B * c)
            return self.forward(flat).view(n, B, c).permute(1, 0, 2)
        for _ in range(self.steps):
            X = super().forward(X)
        return X
