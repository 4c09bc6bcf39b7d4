"""Harmonic maps with a fixed border: one sparse solve.

Up to `DIRECT_UP_TO` unknowns, and for weights that are not symmetric, by a factorisation; beyond,
where that takes longer and in the end gigabytes, by conjugate gradients with a multigrid V-cycle.
Should they stall (slivers), the factorisation steps in. Up to `EXACT_UP_TO` unknowns they run until
rounding is all that is left, since a map of a long tube crowds most of it into a small spot;
beyond, to a tenth of the accepted residual.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.csgraph import breadth_first_order

from meshkit.checks import takes_mesh
from meshkit.errors import SolveError, TopologyError
from meshkit.laplacian import cotangent_laplacian
from meshkit.operators.factor import Factorization
from meshkit.operators.multigrid import Multigrid, conjugate_gradients, short_indices
from meshkit.topology import count_parts

DIRECT_UP_TO = 30_000  # unknowns: there both ways take the same time
EXACT_UP_TO = 150_000
ROUNDING = 1e-13  # residual of a factorisation, relative to the right-hand side


@takes_mesh
def harmonic_uv(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    loop: Int[np.ndarray, " b"],
    UV_loop: Float[np.ndarray, "b 2"],
    *,
    laplacian: Callable[..., sp.csr_array] = cotangent_laplacian,
    rtol: float = 1e-8,
) -> Float[np.ndarray, "n 2"]:
    """Flatten a surface by the discrete harmonic map with a fixed border.

    Solves ``L UV = 0`` off the loop. Other boundary loops (mouth, eyes) stay free. Cotangent
    weights can be negative, and then faces can flip: ask `flipped_faces`, or call `parameterize`.

    Parameters
    ----------
    V : length
    UV_loop : 1
        Where row k of `loop` goes.
    rtol : 1
        Largest accepted residual, relative to the right-hand side.

    Returns
    -------
    UV : 1

    Raises
    ------
    TopologyError
        The mesh has several parts.
    SolveError
        The system is singular or its residual exceeds `rtol`.

    References
    ----------
    Eck, DeRose, Duchamp, Hoppe, Lounsbery, Stuetzle, Multiresolution analysis of arbitrary meshes,
    SIGGRAPH 1995, Section 4.
    """
    L = laplacian(V, F)
    # A walk through L costs a quarter of counting parts; zero weights can stop it short.
    walked = breadth_first_order(L, int(F[0, 0]), return_predecessors=False)
    if len(walked) < len(V) and (parts := count_parts(F, len(V))) > 1:
        raise TopologyError(
            f"the mesh has {parts} parts (a vertex in no face is one): take one, "
            "meshkit.repair.keep_component",
            remedy="keep-component",
        )
    return solve_dirichlet(L, loop, UV_loop, rtol=rtol)


def solve_dirichlet(
    L: sp.csr_array,
    fixed: Int[np.ndarray, " b"],
    values: Float[np.ndarray, "b c"],
    *,
    rtol: float = 1e-8,
) -> Float[np.ndarray, "n c"]:
    """Solve ``L X = 0`` in the rows that are not fixed, symmetric or not.

    Parameters
    ----------
    L : any unit
        A Laplacian: its pattern is symmetric.
    rtol : 1
        Largest accepted residual, relative to the right-hand side.

    Raises
    ------
    SolveError
        The system is singular or its residual exceeds `rtol`.
    """
    n = L.shape[0]
    X = np.zeros((n, values.shape[1]))
    X[fixed] = values
    free = np.ones(n, dtype=bool)
    free[fixed] = False
    inner = np.flatnonzero(free)
    if inner.size == 0:
        return X
    rows = L[inner]
    A, rhs = rows[:, inner], -(rows[:, fixed] @ values)
    goal = min(ROUNDING, rtol) if inner.size <= EXACT_UP_TO else rtol / 10
    solution = _by_multigrid(A, rhs, goal) if inner.size > DIRECT_UP_TO else None
    if solution is None:
        solution = Factorization(A, "harmonic map", rtol=rtol).solve(rhs)
    X[inner] = solution
    residual = float(np.linalg.norm(A @ X[inner] - rhs)) / float(np.linalg.norm(rhs))
    if not residual <= rtol:  # written so that nan fails too
        raise SolveError(f"harmonic map: relative residual {residual:.1e} > rtol {rtol:.1e}")
    return X


def _by_multigrid(A: sp.csr_array, rhs: np.ndarray, rtol: float) -> np.ndarray | None:
    """Solve the columns side by side by conjugate gradients; None where they do not suit A."""
    A = short_indices(A)
    probe = np.cos(np.arange(A.shape[0]))
    if not np.abs(A @ probe - A.T @ probe).max() <= 1e-12 * np.abs(A.data).max():
        return None  # mean-value weights; nan
    try:
        inverse = Multigrid(A)
    except SolveError:
        return None

    def solve(column: np.ndarray) -> np.ndarray | None:
        return conjugate_gradients(A, np.ascontiguousarray(column), inverse, rtol=rtol)

    # Products run outside Python's lock: the columns share two cores, and give the same bits.
    with ThreadPoolExecutor(2) as pool:
        columns = [x for x in pool.map(solve, rhs.T) if x is not None]
    return np.stack(columns, axis=1) if len(columns) == rhs.shape[1] else None
