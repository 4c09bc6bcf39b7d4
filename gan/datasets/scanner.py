"""What a scanner adds to a surface: an error along the normals, from vertex to vertex or smooth."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.normals import vertex_normals

WAVES = 48  # of which a smooth error is the sum


class Scanner(NamedTuple):
    """A scanner's error: the deviations of its parts, and how far the smooth one reaches.

    The smooth part is a Gaussian field in space with covariance ``smooth² exp(-r² / (2 reach²))``,
    as a sum of random cosines (Rahimi & Recht, Random features for large-scale kernel machines,
    NIPS 2007): calibration and shading let whole patches of a scan lie too high or too low.

    Attributes
    ----------
    white, smooth, reach : mm
    """

    white: float = 0.0
    smooth: float = 0.0
    reach: float = 15.0

    def scan(
        self,
        V: Float[np.ndarray, "k n 3"],
        faces: Int[np.ndarray, "t 3"],
        rng: np.random.Generator,
    ) -> Float[np.ndarray, "k n 3"]:
        """Return the meshes as the scanner sees them."""
        if self.white <= 0 and self.smooth <= 0:
            return V
        offset = np.zeros((*V.shape[:2], 1))
        if self.white > 0:
            offset += rng.normal(0, self.white, offset.shape)
        if self.smooth > 0:
            for mesh, error in zip(V, offset, strict=True):
                error += self._field(mesh, rng)[:, None]
        return np.asarray(V + offset * vertex_normals(V, faces))

    def _field(self, V: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        frequency = rng.normal(0, 1 / self.reach, (3, WAVES))
        phase = rng.uniform(0, 2 * np.pi, WAVES)
        # Single precision halves the time of the cosines; the error is of micrometres.
        angle = V.astype(np.float32) @ frequency.astype(np.float32) + phase.astype(np.float32)
        total = np.cos(angle).sum(axis=1, dtype=np.float64)
        return np.asarray(self.smooth * np.sqrt(2 / WAVES) * total)
