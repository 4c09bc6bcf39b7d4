"""Rotation, scale and translation as one value."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Similarity(NamedTuple):
    """The map ``x -> scale R x + t``.

    Attributes
    ----------
    R : 1
        A rotation: orthonormal, determinant +1.
    t : length
    scale : 1
        Positive; 1 for a rigid motion.
    """

    R: Float[np.ndarray, "3 3"]
    t: Float[np.ndarray, "3"]
    scale: float

    def apply(self, V: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Map points."""
        return np.asarray(self.scale * (V @ self.R.T) + self.t)

    def inverse(self) -> "Similarity":
        """Return the map that undoes this one."""
        return Similarity(self.R.T, -(self.t @ self.R) / self.scale, 1 / self.scale)

    def after(self, first: "Similarity") -> "Similarity":
        """Return the map that does `first`, then this one."""
        return Similarity(self.R @ first.R, self.apply(first.t), self.scale * first.scale)


def identity() -> Similarity:
    """Return the map that moves nothing."""
    return Similarity(np.eye(3), np.zeros(3), 1.0)
