"""Factorisations of sparse matrices, made once and used often."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float
from scipy.sparse.linalg import splu

from meshkit.errors import SolveError


class Factorization:
    """Solve ``A x = b`` for a sparse A, again and again; each solution is checked.

    Parameters
    ----------
    A : (n, n)
        Of a symmetric pattern: pivots are taken from the diagonal as they come. That suits
        definite matrices, and Laplacians with fixed vertices though they are not symmetric.
    name
        What the system is, for messages.
    rtol : 1
        Largest accepted residual, relative to the right-hand side.

    Raises
    ------
    SolveError
        A is singular.
    """

    def __init__(self, A: sp.csr_array, name: str, *, rtol: float = 1e-8) -> None:
        self.A, self.name, self.rtol = A, name, rtol
        try:
            # Positive definite, or near it: no pivoting, half the fill-in.
            self._factors = splu(
                A.tocsc(),
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                relax=8,
                panel_size=1,  # panels pay in dense problems only
                options={"SymmetricMode": True},
            )
        except RuntimeError as error:
            raise SolveError(f"{name}: the system of {A.shape[0]} unknowns is singular") from error

    def pivots(self) -> Float[np.ndarray, " n"]:
        """Return the pivots; as many are negative as A has negative eigenvalues."""
        return np.asarray(self._factors.U.diagonal())

    def solve(self, rhs: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "n ..."]:
        """Return the solution for one right-hand side (n,), or for many (n, k).

        Raises
        ------
        SolveError
            The residual exceeds `rtol`.
        """
        x = self._factors.solve(rhs)
        size = np.linalg.norm(rhs)
        residual = np.linalg.norm(self.A @ x - rhs)
        if not residual <= self.rtol * size:  # written so that nan fails too
            raise SolveError(
                f"{self.name}: relative residual {residual / size:.1e} > rtol {self.rtol:.1e}"
            )
        return np.asarray(x)
