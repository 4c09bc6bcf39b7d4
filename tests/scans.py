"""Raw scans of a known surface, for tests of registration."""

from typing import NamedTuple

import igl
import numpy as np
from scipy.spatial.transform import Rotation

from meshkit.registration.similarity import Similarity
from meshkit.registration.target import Target


class Scan(NamedTuple):
    V: np.ndarray
    F: np.ndarray
    truth: np.ndarray  # where the vertices of the surface lie in the scan's coordinates
    motion: Similarity

    def target(self) -> Target:
        return Target(self.V, self.F)


def scan_of(
    V: np.ndarray,
    F: np.ndarray,
    rng: np.random.Generator,
    *,
    n_faces: int,
    noise: float = 0.0,
    holes: int = 0,
    outliers: float = 0.0,
    size: float = 1.0,
) -> Scan:
    """Subdivide, decimate, add noise, holes and outliers, then move and scale."""
    radius = np.sqrt(((V - V.mean(axis=0)) ** 2).sum(axis=1).mean())
    X, G = (np.asarray(a) for a in igl.loop(V, F.astype(np.int64), 1))
    X, G = (np.asarray(a) for a in igl.decimate(X, G, n_faces)[:2])
    for _ in range(holes):
        centre = X[rng.integers(len(X))]
        G = G[np.linalg.norm(X[G].mean(axis=1) - centre, axis=1) > 0.2 * radius]
    used = np.unique(G)
    number = np.full(len(X), -1)
    number[used] = np.arange(len(used))
    X, G = X[used], number[G]
    X = X + rng.normal(scale=noise, size=X.shape)
    far = rng.uniform(size=len(X)) < outliers
    X[far] += 0.15 * radius * rng.normal(size=(far.sum(), 3))
    R = Rotation.random(rng=rng).as_matrix()
    motion = Similarity(R, 3 * radius * rng.normal(size=3), size)
    return Scan(motion.apply(X), G, motion.apply(V), motion)
