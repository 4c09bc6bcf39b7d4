"""Eigenpairs of Laplacians: the vibration modes of a surface, its Fourier basis."""

from typing import NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from jaxtyping import Float
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from meshkit.errors import MeshError, SolveError
from meshkit.operators.factor import Factorization

DENSE = 120  # below this, all eigenpairs at once cost less than the iteration


class Eigenpairs(NamedTuple):
    """The lowest modes of a Laplacian.

    Attributes
    ----------
    values : 1 / length^2
        Ascending; as many zeros as the mesh has parts.
    vectors : 1 / length
        One per column, ``vectors.T @ M @ vectors`` is the identity. In each, the first entry of
        at least half the largest magnitude is positive.
    """

    values: Float[np.ndarray, " k"]
    vectors: Float[np.ndarray, "n k"]


def eigenpairs(
    L: sp.sparray | sp.spmatrix,
    mass: Float[np.ndarray, " n"] | sp.sparray | sp.spmatrix,
    k: int,
    *,
    rtol: float = 1e-8,
) -> Eigenpairs:
    """Compute the k smallest eigenvalues of ``L x = λ M x``, and their vectors.

    Parts of the mesh are solved one by one, so that repeated zeros are found for certain. Inside a
    part, Lanczos iteration on the inverse, started from fixed numbers: the same input gives the
    same signs. It can overlook copies of a repeated eigenvalue, so the signs of a factorisation's
    pivots count the eigenvalues below the widest gap (Sylvester's law), and a difference raises.
    Vectors of equal eigenvalues (of a sphere, say) are any basis of their space.

    Parameters
    ----------
    L : 1
        Symmetric, positive semi-definite, in weak form.
    mass : length^2
        Lumped, or a sparse matrix.
    k
        From 1 to n.
    rtol : 1
        Largest accepted residual ``|L x - λ M x|``, relative to the norm of L times that of x.

    Raises
    ------
    ValueError
        k is out of range; L is not symmetric, as that of mean value weights; shapes differ.
    MeshError
        A vertex has no mass: it is in no face with area.
    SolveError
        The iteration does not converge or overlooks an eigenvalue, or a residual exceeds `rtol`.

    References
    ----------
    Vallet, Lévy, Spectral geometry processing with manifold harmonics, Eurographics 2008.
    """
    L = sp.csr_array(L)
    M = _check(L, mass, k)
    n_parts, part = connected_components(abs(L) + abs(M), directed=False)
    values, columns = [], []
    for p in range(n_parts):
        rows = np.flatnonzero(part == p)
        if n_parts == 1:
            low, X = _solve_part(L, M, k)
        else:
            low, X = _solve_part(L[rows][:, rows], M[rows][:, rows], min(k, len(rows)))
        values.append(low)
        columns += [(rows, x) for x in X.T]
    eigenvalues = np.concatenate(values)
    order = np.argsort(eigenvalues, kind="stable")[:k]
    vectors = np.zeros((L.shape[0], k))
    for j, index in enumerate(order):
        rows, x = columns[index]
        vectors[rows, j] = _with_sign(x)
    eigenvalues = eigenvalues[order]
    _check_residuals(L, M, eigenvalues, vectors, rtol)
    return Eigenpairs(eigenvalues, vectors)


def _check(L: sp.csr_array, mass: np.ndarray | sp.sparray | sp.spmatrix, k: int) -> sp.csr_array:
    n = L.shape[0]
    M = sp.csr_array(mass if sp.issparse(mass) else sp.diags_array(np.asarray(mass, dtype=float)))
    if L.shape != (n, n) or M.shape != (n, n):
        raise ValueError(f"L {L.shape} and the mass {M.shape} must be of one square shape")
    if not 1 <= k <= n:
        raise ValueError(f"k must be from 1 to the number of vertices, {n}; got {k}")
    if abs(L - L.T).max() > 1e-10 * abs(L).max():
        raise ValueError("L is not symmetric: its eigenvalues may be complex; take other weights")
    if not (M.diagonal() > 0).all():
        i = int((M.diagonal() > 0).argmin())
        raise MeshError(
            f"vertex {i} has no mass: it is in no face with area; drop it first "
            "(meshkit.repair.drop_unreferenced)",
            remedy="drop-unreferenced",
        )
    return M


def _solve_part(L: sp.csr_array, M: sp.csr_array, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k smallest eigenpairs of a connected mesh; the first is the constant."""
    n = L.shape[0]
    if n <= DENSE or 2 * k >= n:
        values, X = scipy.linalg.eigh(L.toarray(), M.toarray(), subset_by_index=[0, k - 1])
        return values, X
    # Just below zero, L - σ M is positive definite, and zero is the eigenvalue nearest to σ.
    sigma = -1e-6 * float(L.trace() / M.trace())
    inverse = Factorization(sp.csr_array(L - sigma * M), "eigenpairs")
    operator = LinearOperator((n, n), matvec=inverse.solve, dtype=float)
    start = np.cos(np.arange(n) ** 2.0)
    try:
        values, X = eigsh(L, k, M, sigma=sigma, OPinv=operator, v0=start, ncv=min(n, 2 * k + 20))
    except ArpackNoConvergence as error:
        raise SolveError(
            f"eigenpairs: {len(error.eigenvalues)} of {k} converged on {n} vertices"
        ) from error
    _check_count(L, M, values)
    return values, X


def _check_count(L: sp.csr_array, M: sp.csr_array, values: np.ndarray) -> None:
    """Raise SolveError unless as many eigenvalues as were found lie below their widest gap."""
    if len(values) < 2:
        return  # the constant: no gap
    half = (len(values) - 1) // 2
    below = half + int(np.diff(values[half:]).argmax()) + 1
    shifted = L - values[below - 1 : below + 1].mean() * M
    pivots = Factorization(sp.csr_array(shifted), "count of eigenvalues").pivots()
    if int((pivots < 0).sum()) != below:
        raise SolveError(
            f"eigenpairs: {below} eigenvalues found where there are {int((pivots < 0).sum())}: "
            "the iteration overlooked some; ask for more of them"
        )


def _with_sign(x: np.ndarray) -> np.ndarray:
    size = np.abs(x)
    first = int((size >= size.max() / 2).argmax())
    return x if x[first] > 0 else -x


def _check_residuals(
    L: sp.csr_array, M: sp.csr_array, values: np.ndarray, X: np.ndarray, rtol: float
) -> None:
    residual = np.linalg.norm(L @ X - (M @ X) * values, axis=0)
    relative = residual / (abs(L).sum(axis=1).max() * np.linalg.norm(X, axis=0))
    worst = int(relative.argmax())
    if not (relative <= rtol).all():
        raise SolveError(
            f"eigenpair {worst}: relative residual {relative[worst]:.1e} > rtol {rtol:.1e}"
        )
