"""Displacements split along the linear modes of the source that made a data set."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

REST = "rest"
ALONG = "along all modes"
_RCOND = 1e-6  # singular values of the modes below this share of the largest are noise


class ModeSplit:
    """Splits displacements into parts along given modes.

    `d = Σ_f Σ_k c_fk m_fk + rest`, the coefficients by joint least squares over all factors
    (of least norm in case modes depend on each other), the rest orthogonal to all modes. Parts
    of different factors need not be orthogonal to each other.

    Attributes
    ----------
    names
        The factors in order, then "rest".
    """

    def __init__(self, modes: Mapping[str, Float[np.ndarray, "_ V 3"]]) -> None:
        modes = {name: mode for name, mode in modes.items() if len(mode)}
        if not modes:
            raise ValueError("there are no modes to split along")
        self.names = (*modes, REST)
        M = [mode.reshape(len(mode), -1).astype(np.float64) for mode in modes.values()]
        # Orthonormal once; then everything happens in a few hundred coordinates.
        U, s, Wt = np.linalg.svd(np.concatenate(M).T, full_matrices=False)
        keep = s > _RCOND * s[0]
        self.n_vertices = len(U) // 3
        self._Q = U[:, keep]  # (3V, r)
        coefficients = Wt[keep].T / s[keep]  # (K, r): from coordinates to mode coefficients
        ends = np.cumsum([len(m) for m in M])[:-1]
        # A part's coordinates in an orthonormal basis of its own modes: its norms are kept.
        self._to_part = [
            np.linalg.qr(m.T, mode="r") @ c
            for m, c in zip(M, np.split(coefficients, ends), strict=True)
        ]

    def __call__(self, D: Float[np.ndarray, "k V 3"]) -> dict[str, Float[np.ndarray, "k _"]]:
        """Return the parts of displacements in orthonormal coordinates: norms are those in mm.

        Besides the parts, `ALONG` is their sum, which is orthogonal to the rest.
        """
        flat = D.reshape(len(D), -1).astype(np.float64)
        along = flat @ self._Q
        parts = {name: along @ T.T for name, T in zip(self.names[:-1], self._to_part, strict=True)}
        return {**parts, ALONG: along, REST: flat - along @ self._Q.T}

    def operator(self, name: str) -> Float[np.ndarray, "_ n"]:
        """Return the matrix that takes flat displacements to a part's coordinates."""
        return np.asarray(self._to_part[self.names.index(name)] @ self._Q.T)
