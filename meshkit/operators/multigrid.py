"""Smoothed-aggregation multigrid: what makes conjugate gradients on a million vertices short."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int32
from scipy.sparse.linalg import LinearOperator, cg

from meshkit.errors import SolveError

COARSEST = 400  # unknowns: a dense inverse from here on
SMOOTHED_BAND = 6.0  # the smoother damps eigenvalues between the largest and this part of it
# Coarse spaces of aggregates are too stiff, so their corrections are too short: Braess, Towards
# algebraic multigrid for elliptic problems of second order, Computing 55, 1995. 1.2 to 1.5 do.
OVERCORRECTION = np.float32(1.3)


class Level(NamedTuple):
    """One grid: its matrix, 1 / diagonal, largest eigenvalue of D⁻¹ A, and the way up and down."""

    A: sp.csr_array
    inverse_diagonal: np.ndarray
    largest: float
    P: sp.csr_array
    R: sp.csr_array


class Multigrid:
    """Apply a symmetric V-cycle: an approximate inverse of A, made once for many columns.

    A preconditioner for `conjugate_gradients`, not a solver: it computes in float32, for half the
    traffic. It suits Laplacians with fixed vertices on meshes without extreme slivers; on others
    the iterations grow in number.

    Parameters
    ----------
    A : (n, n)
        Symmetric positive definite.

    Raises
    ------
    SolveError
        A diagonal entry is not positive, the unknowns are hardly connected, or A is singular.

    References
    ----------
    Vaněk, Mandel, Brezina, Algebraic multigrid by smoothed aggregation for second and fourth order
    elliptic problems, Computing 56, 1996. The aggregates grow around a maximal independent set of
    distance 2: Bell, Dalton, Olson, Exposing fine-grained parallelism in algebraic multigrid
    methods, SISC 2012.
    """

    def __init__(self, A: sp.csr_array) -> None:
        self.levels: list[Level] = []
        A = short_indices(A).astype(np.float32)
        while A.shape[0] > COARSEST:
            if not (A.diagonal() > 0).all():  # written so that nan fails too
                raise SolveError("multigrid: the diagonal is not positive")
            inverse_diagonal = 1.0 / A.diagonal()
            largest = _largest_eigenvalue(A, inverse_diagonal)
            P = _prolongation(A, inverse_diagonal, largest)
            if 2 * P.shape[1] > A.shape[0]:
                raise SolveError("multigrid: most unknowns have no neighbours to aggregate with")
            R = P.T.tocsr()
            self.levels.append(Level(A, inverse_diagonal, largest, P, R))
            A = R @ (A @ P)
        try:
            self.coarsest = np.linalg.inv(A.toarray().astype(float)).astype(np.float32)
        except np.linalg.LinAlgError as error:
            raise SolveError("multigrid: the coarsest matrix is singular") from error

    def __call__(self, rhs: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return about ``A⁻¹ rhs``, in float64."""
        return self._cycle(rhs.astype(np.float32), 0).astype(np.float64)

    def _cycle(self, rhs: np.ndarray, depth: int) -> np.ndarray:
        if depth == len(self.levels):
            return np.asarray(self.coarsest @ rhs)
        level = self.levels[depth]
        x = _smooth(level, rhs)
        coarse = self._cycle(level.R @ (rhs - level.A @ x), depth + 1)
        coarse *= OVERCORRECTION
        x += level.P @ coarse
        x += _smooth(level, rhs - level.A @ x)
        return x


def conjugate_gradients(
    A: sp.csr_array,
    rhs: Float[np.ndarray, " n"],
    inverse: Callable[[np.ndarray], np.ndarray],
    *,
    rtol: float,
    most: int = 100,
) -> Float[np.ndarray, " n"] | None:
    """Solve ``A x = rhs`` for a symmetric positive definite A; None if that takes too long.

    Parameters
    ----------
    inverse
        About ``A⁻¹``, symmetric too.
    rtol : 1
        Stops when the residual is below this part of the right-hand side.
    most
        Iterations after which it gives up.
    """
    M = LinearOperator(A.shape, inverse, dtype=float)
    x, failed = cg(A, rhs, rtol=rtol, maxiter=most, M=M)
    return None if failed else np.asarray(x)


def short_indices(A: sp.csr_array) -> sp.csr_array:
    """Return A with indices of 32 bits where they suffice: products read a third less."""
    kind = np.int32 if max(A.nnz, *A.shape) < 2**31 else np.int64
    return sp.csr_array((A.data, A.indices.astype(kind), A.indptr.astype(kind)), shape=A.shape)


def _smooth(level: Level, rhs: np.ndarray) -> np.ndarray:
    """Two steps of Chebyshev's iteration from zero, aimed at the upper part of the spectrum.

    Written out they are ``first D⁻¹ rhs - second D⁻¹ A D⁻¹ rhs``: Saad, Iterative methods for
    sparse linear systems, 2003, algorithm 12.1.
    """
    high, low = level.largest, level.largest / SMOOTHED_BAND
    centre, half = (high + low) / 2, (high - low) / 2
    second = np.float32(2 / (2 * centre**2 - half**2))
    first = np.float32(2 * centre) * second
    x: np.ndarray = level.inverse_diagonal * rhs
    change = level.A @ x
    change *= level.inverse_diagonal
    change *= second
    x *= first
    x -= change
    return x


def _largest_eigenvalue(A: sp.csr_array, inverse_diagonal: np.ndarray) -> float:
    """Estimate the largest eigenvalue of D⁻¹ A from above, by 12 power iterations."""
    x = _hash(A.shape[0]) / np.float32(2**31) - np.float32(0.5)
    growth = 1.0
    for _ in range(12):
        x = inverse_diagonal * (A @ x)
        growth = float(np.linalg.norm(x))
        x /= growth
    return float(1.1 * growth)


def _prolongation(A: sp.csr_array, inverse_diagonal: np.ndarray, largest: float) -> sp.csr_array:
    """Piecewise constants over aggregates, smoothed by one damped Jacobi step."""
    aggregate = _aggregates(A)
    n = len(aggregate)
    ones = np.ones(n, dtype=np.float32)
    start = np.arange(n + 1, dtype=np.int32)
    T = sp.csr_array((ones, aggregate, start), shape=(n, int(aggregate.max()) + 1))
    step: sp.csr_array = A @ T
    step.data *= np.repeat(inverse_diagonal * np.float32(4 / 3 / largest), np.diff(step.indptr))
    return sp.csr_array(T - step)


def _aggregates(A: sp.csr_array) -> Int32[np.ndarray, " n"]:
    """Give every row the number of its aggregate: the rows within two edges of a root."""
    root = np.flatnonzero(_roots(A))
    aggregate = np.full(A.shape[0], -1, dtype=np.int32)
    aggregate[root] = np.arange(len(root), dtype=np.int32)
    graph = _graph(A)
    for _ in range(2):
        aggregate = np.where(aggregate < 0, _neighbour_max(graph, aggregate), aggregate)
    return aggregate


def _roots(A: sp.csr_array) -> Bool[np.ndarray, " n"]:
    """Mark rows so that every row is within two edges of one, and few are that near each other.

    Rounds of local maxima, each among the rows that the last has left.
    """
    key, left = _hash(A.shape[0]), np.arange(A.shape[0])
    is_root = np.zeros(A.shape[0], dtype=bool)
    while len(left):
        graph = _graph(A)
        top = key == _neighbour_max(graph, _neighbour_max(graph, key))
        is_root[left[top]] = True
        far = np.flatnonzero(~_neighbour_max(graph, _neighbour_max(graph, top)))
        key, left, A = key[far], left[far], A[far][:, far]
    return is_root


def _graph(A: sp.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Return where rows begin, and their columns, as numpy wants indices."""
    return A.indptr[:-1].astype(np.intp), A.indices.astype(np.intp)


def _neighbour_max(graph: tuple[np.ndarray, np.ndarray], values: np.ndarray) -> np.ndarray:
    """Return the largest value of each row and its neighbours; no row is empty: the diagonal."""
    start, columns = graph
    largest: np.ndarray = np.maximum.reduceat(values.take(columns, mode="clip"), start)
    return largest


def _hash(n: int) -> Int32[np.ndarray, " n"]:
    """Scatter 0..n-1 over 31 bits, no two alike: the same result every time, without a seed."""
    bits = np.arange(n, dtype=np.uint64)
    for _ in range(2):
        bits = (bits * np.uint64(0x9E3779B1)) & np.uint64(2**31 - 1)  # odd: one to one
        bits ^= bits >> np.uint64(15)
    return bits.astype(np.int32)
