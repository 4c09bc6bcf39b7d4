"""The smooth-displacement energy of template fitting, and the linear solve behind one step.

A displacement d of the rest shape costs ``length^4 d^T (L M^-1 L) d`` against data terms that are
weighted by area, so `length` is a length: what is finer comes from the template, what is coarser
from the scan, however densely either is sampled.
"""

from collections.abc import Callable
from copy import copy

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.errors import MeshError, SolveError
from meshkit.laplacian import cotangent_laplacian, lumped_mass
from meshkit.operators.factor import Factorization
from meshkit.registration.similarity import Similarity

_ITERATIONS = 40
_TOLERANCE = 1e-5  # of a solve, against its first residual: the next step moves the data anyway
_HOLD = 1e-8  # weight towards the last step: a part that no data touches stays


class DisplacementEnergy:
    """Solve for the vertices that balance smooth displacement against planes and points.

    Parameters
    ----------
    V : length
        Rest shape.

    Raises
    ------
    MeshError
        A vertex is in no face.
    DegenerateFaceError
        A face of the rest shape has no area.
    """

    def __init__(self, V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> None:
        self.rest = np.array(V, dtype=np.float64)
        self.mass: Float[np.ndarray, " n"] = lumped_mass(V, F)
        if (self.mass <= 0).any():
            i = int((self.mass <= 0).argmax())
            raise MeshError(
                f"template vertex {i} is in no face: meshkit.repair.drop_unreferenced first",
                remedy="drop-unreferenced",
            )
        L = cotangent_laplacian(V, F)
        self.matrix: sp.csr_array = sp.csr_array(L.T @ sp.diags_array(1 / self.mass) @ L)

    def moved(self, motion: Similarity) -> "DisplacementEnergy":
        """Return the same energy about the rest shape after a rigid motion; nothing is rebuilt."""
        turned = copy(self)
        turned.rest = motion.apply(self.rest)
        return turned

    def solve(
        self,
        last: Float[np.ndarray, "n 3"],
        *,
        length: float,
        weight: Float[np.ndarray, " n"],
        point: Float[np.ndarray, "n 3"],
        normal: Float[np.ndarray, "n 3"],
        tangential: Float[np.ndarray, " n"],
        pins: tuple[sp.csr_array, Float[np.ndarray, "k 3"], float] | None = None,
        anchor: tuple[float, Float[np.ndarray, "n 3"]] | None = None,
    ) -> Float[np.ndarray, "n 3"]:
        """Return the minimiser of smoothness, planes, points, pins and anchor together.

        The sum of ``length^4 |d|^2`` (smoothness of d = V - rest), of ``mass weight
        ((n . (v - c))^2 + tangential |v - c|^2)``, ``area pin |P V - points|^2 / k`` and ``anchor
        mass |v - a|^2``. The planes couple the three coordinates: the coupled system is solved by
        conjugate gradients with the factor of the uncoupled one.

        Parameters
        ----------
        last, point : length
            The vertices of the step before; the closest points.
        length : length
        weight, tangential : 1
        normal : 1
            Unit; zero where there is none.
        pins : 1, length, 1
            Sparse (k, n), the places of its rows, their weight.
        anchor : 1, length
            Weight, places.

        Raises
        ------
        SolveError
            The conjugate gradients do not converge.
        """
        w = weight * self.mass
        a_weight, a_place = anchor if anchor is not None else (0.0, last)
        hold = _HOLD * self.mass
        fixed = length**4 * self.matrix + sp.diags_array(hold + a_weight * self.mass)
        rhs = length**4 * (self.matrix @ self.rest) + hold[:, None] * last
        rhs = rhs + a_weight * self.mass[:, None] * a_place
        if pins is not None:
            P, places, strength = pins
            strength *= self.mass.sum() / max(len(places), 1)
            fixed = fixed + strength * (P.T @ P)
            rhs = rhs + strength * (P.T @ places)

        def data(X: np.ndarray) -> np.ndarray:
            along = (normal * X).sum(axis=1)[:, None] * normal
            return np.asarray(w[:, None] * (along + tangential[:, None] * X))

        # A third: the mean of n n^T over the three coordinates.
        uncoupled = sp.csr_array(fixed + sp.diags_array(w * (1 / 3 + tangential)))
        factor = Factorization(uncoupled, "template fitting", rtol=1e-3)
        return _conjugate_gradients(
            lambda X: np.asarray(fixed @ X) + data(X), rhs + data(point), last, factor.solve
        )


def _conjugate_gradients(
    apply: Callable[[np.ndarray], np.ndarray],
    rhs: np.ndarray,
    start: np.ndarray,
    precondition: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Solve for all columns as one vector: the operator couples them."""
    X = start.copy()
    residual = rhs - apply(X)
    z = precondition(residual)
    direction, rho = z, float((residual * z).sum())
    first = rho
    for _ in range(_ITERATIONS):
        if rho <= _TOLERANCE**2 * first or rho == 0:
            return X
        image = apply(direction)
        step = rho / float((direction * image).sum())
        X = X + step * direction
        residual = residual - step * image
        z = precondition(residual)
        rho, before = float((residual * z).sum()), rho
        direction = z + rho / before * direction
    if not np.isfinite(rho) or rho > 1e-4 * first:
        raise SolveError(f"a fitting step did not converge: residual {np.sqrt(rho / first):.1e}")
    return X
