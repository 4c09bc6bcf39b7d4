"""Harmonic maps with a fixed border: one sparse solve."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.linalg import splu

from meshkit.errors import SolveError, TopologyError
from meshkit.laplacian import cotangent_laplacian
from meshkit.topology import count_parts


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
    if (parts := count_parts(F, len(V))) > 1:
        raise TopologyError(
            f"the mesh has {parts} parts (a vertex in no face is one): take one, --component "
            "largest or meshkit.repair.keep_component"
        )
    return solve_dirichlet(laplacian(V, F), loop, UV_loop, rtol=rtol)


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
    A, rhs = rows[:, inner].tocsc(), -(rows[:, fixed] @ values)
    try:
        # The pattern is symmetric and the diagonal holds: without pivoting, half the fill-in.
        factors = splu(
            A,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            relax=8,
            panel_size=1,  # panels pay in dense problems only
            options={"SymmetricMode": True},
        )
    except RuntimeError as error:
        raise SolveError(f"the harmonic system of {inner.size} unknowns is singular") from error
    X[inner] = factors.solve(rhs)
    residual = float(np.linalg.norm(A @ X[inner] - rhs)) / float(np.linalg.norm(rhs))
    if not residual <= rtol:  # written so that nan fails too
        raise SolveError(f"harmonic map: relative residual {residual:.1e} > rtol {rtol:.1e}")
    return X
