"""Bring the faces of a flat map near to wanted shapes and sizes, without ever flipping one.

The energy is the symmetric Dirichlet energy of the maps from the wanted triangles to those of the
map: least, 4, where they are congruent, and without bound where a face collapses. A step solves the
quadratic problem whose weights have the energy's slope (SLIM), and is cut short before any face
collapses. libigl's SLIM takes one surface for all faces; here each face has a triangle of its own,
and vertices are held exactly, not by springs.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.errors import SolveError
from meshkit.operators.factor import Factorization

THIN = 0.05  # height over width of the thinnest wanted triangle
SHORT_OF_COLLAPSE = 0.8  # share of the way to the collapse of a face that a step may go
HALVINGS = 20  # of a step that does not lower the energy
RESIDUAL = 1e-4  # relative, of a step: the line search makes up for the rest


class Wanted(NamedTuple):
    """The triangles that the faces should become.

    Attributes
    ----------
    across, up : 1 / length
        Of each corner's hat function the slope along the triangle's first edge, and square to it.
    area : length^2
        The weight of a face in the energy as well.
    """

    across: Float[np.ndarray, "m 3"]
    up: Float[np.ndarray, "m 3"]
    area: Float[np.ndarray, " m"]


def wanted_triangles(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], area: Float[np.ndarray, " m"]
) -> Wanted:
    """Scale each face to an area; what is thinner than 1 : 20 becomes equilateral."""
    P = V[F]
    first, second = P[:, 1] - P[:, 0], P[:, 2] - P[:, 0]
    width = np.linalg.norm(first, axis=1)
    double = np.linalg.norm(np.cross(first, second), axis=1)
    longest = np.linalg.norm(P - np.roll(P, 1, axis=1), axis=2).max(axis=1)
    thin = ~(double > THIN * longest**2)  # not <=: nan is thin
    with np.errstate(divide="ignore", invalid="ignore"):
        apex = np.where(thin, 0.5, (first * second).sum(axis=1) / width**2)
        height = np.where(thin, np.sqrt(0.75), double / width**2)
    width = np.sqrt(2 * area / height)
    none = np.zeros_like(width)
    across = np.stack([-1 / width, 1 / width, none], axis=1)
    up = np.stack([apex - 1, -apex, none + 1], axis=1) / (width * height)[:, None]
    return Wanted(across, up, area)


class Descent:
    """Lower the energy of a map step by step.

    Parameters
    ----------
    F : 1
    fixed : 1
        Vertices that stay.
    n : 1
        Number of vertices.
    """

    def __init__(self, F: Int[np.ndarray, "m 3"], fixed: Int[np.ndarray, " b"], n: int) -> None:
        self.F, self.n = F, n
        free = np.ones(n, dtype=bool)
        free[fixed] = False
        self.free = np.flatnonzero(free)
        number = np.full(n, -1)
        number[self.free] = np.arange(len(self.free))
        # Entry (corner a, corner b) of every face, among free vertices, by its place in the matrix.
        a, b = number[F[:, :, None]], number[F[:, None, :]]
        key = np.where((a >= 0) & (b >= 0), a * len(self.free) + b, -1)
        self._kept = key.ravel() >= 0
        keys, self._place = np.unique(key.ravel()[self._kept], return_inverse=True)
        self._rows, self._columns = np.divmod(keys, max(len(self.free), 1))

    def step(self, UV: Float[np.ndarray, "n 2"], wanted: Wanted) -> Float[np.ndarray, "n 2"] | None:
        """Return a map of less energy without collapsed faces; None if there is none to be had.

        `UV` has no flipped face. Rounding is not looked after: check the signs of what comes back.
        """
        if not self.free.size:
            return None
        jacobian = _jacobian(UV, self.F, wanted)
        energy = _energy(jacobian, wanted)
        try:
            move = self._direction(UV, jacobian, wanted)
        except SolveError:
            return None
        share = min(1.0, SHORT_OF_COLLAPSE * _to_collapse(UV, move, self.F))
        for _ in range(HALVINGS):
            there = UV + share * move
            if _energy(_jacobian(there, self.F, wanted), wanted) < energy:
                return np.asarray(there)
            share /= 2
        return None

    def _direction(
        self, UV: np.ndarray, jacobian: np.ndarray, wanted: Wanted
    ) -> Float[np.ndarray, "n 2"]:
        """Solve for the move to the least of the energy's quadratic stand-in."""
        U, sigma, Vt = np.linalg.svd(jacobian)
        # Slope of sigma² + 1 / sigma² over that of (sigma - 1)², which is its limit, 4, at 1.
        ratio = (1 + sigma) * (1 + sigma**-2) / sigma
        metric = (U * (ratio * wanted.area[:, None])[:, None, :]) @ U.transpose(0, 2, 1)
        residual = U @ ((sigma - 1)[:, :, None] * Vt)  # the map less the nearest rotation
        pull = metric @ residual
        slope = (
            pull[:, None, :, 0] * wanted.across[:, :, None]
            + pull[:, None, :, 1] * wanted.up[:, :, None]
        )
        rhs = np.stack(
            [np.bincount(self.F.ravel(), slope[:, :, k].ravel(), minlength=self.n) for k in (0, 1)]
        )[:, self.free]
        hats = (
            wanted.across[:, :, None] * wanted.across[:, None, :]
            + wanted.up[:, :, None] * wanted.up[:, None, :]
        )
        uu, uv, vv = (
            self._matrix(hats * metric[:, i, j, None, None]) for i, j in ((0, 0), (0, 1), (1, 1))
        )
        A = sp.block_array([[uu, uv], [uv, vv]], format="csr")
        x = Factorization(A, "balancing", rtol=RESIDUAL).solve(-rhs.ravel())
        move = np.zeros_like(UV)
        move[self.free] = x.reshape(2, -1).T
        return move

    def _matrix(self, entries: Float[np.ndarray, "m 3 3"]) -> sp.csr_array:
        values = np.bincount(self._place, entries.ravel()[self._kept], minlength=len(self._rows))
        size = len(self.free)
        return sp.csr_array((values, (self._rows, self._columns)), shape=(size, size))


def _jacobian(UV: np.ndarray, F: np.ndarray, wanted: Wanted) -> Float[np.ndarray, "m 2 2"]:
    P = UV[F]
    columns = [(P * slope[:, :, None]).sum(axis=1) for slope in (wanted.across, wanted.up)]
    return np.stack(columns, axis=2)


def _energy(jacobian: np.ndarray, wanted: Wanted) -> float:
    a, b, c, d = jacobian.reshape(-1, 4).T
    area = a * d - b * c
    if not (area > 0).all():
        return np.inf
    with np.errstate(over="ignore", divide="ignore"):
        return float(wanted.area @ ((a * a + b * b + c * c + d * d) * (1 + area**-2)))


def _to_collapse(UV: np.ndarray, move: np.ndarray, F: np.ndarray) -> float:
    """Return the smallest share of a move at which a face has no area; inf if there is none."""
    P, M = UV[F], move[F]
    e, f = P[:, 1] - P[:, 0], P[:, 2] - P[:, 0]
    g, h = M[:, 1] - M[:, 0], M[:, 2] - M[:, 0]
    a, b, c = _cross(g, h), _cross(e, h) + _cross(g, f), _cross(e, f)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Both roots of a t² + b t + c without cancellation; nan where they are complex.
        q = -(b + np.copysign(np.sqrt(b * b - 4 * a * c), b)) / 2
        roots = np.stack([q / a, c / q])
    return float(np.where(roots > 0, roots, np.inf).min())


def _cross(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.asarray(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0])
