"""Flip edges inside a surface: only lengths change, all flips of a round at once.

Half-edge ``3 f + k`` runs from corner k of face f to corner k + 1, as in `meshkit.topology`.
"""

import numpy as np

from meshkit.errors import SolveError
from meshkit.laplacian import corner_products

# Faces on one circle, to rounding: flipping their edge back and forth would change nothing.
COCIRCULAR = 1e-11
FLIPS_PER_FACE = 1000  # far above what any mesh needs: a bound, so that rounding cannot loop


def _next(h: np.ndarray) -> np.ndarray:
    return np.asarray(h - h % 3 + (h + 1) % 3)


def _previous(h: np.ndarray) -> np.ndarray:
    return np.asarray(h - h % 3 + (h + 2) % 3)


class FlippableSurface:
    """A triangulation with a metric; arrays are flat, one entry per half-edge.

    The metric is kept as products and areas, not as lengths alone: thin faces stay exact.
    """

    def __init__(self, V: np.ndarray, F: np.ndarray) -> None:
        dot, double_area, length = corner_products(V, F)
        self.vertex = F.astype(np.int64).ravel()
        self.dot = np.stack(dot, axis=1).ravel()
        self.square = np.stack([length[2], length[0], length[1]], axis=1).ravel() ** 2
        self.double_area = double_area.copy()
        self.twin = np.full(F.size, -1)
        self.flips = 0

    def double(self, twin: np.ndarray) -> None:
        """Add a back to every face."""
        corners, sides = [0, 2, 1], [2, 1, 0]
        for name, order in (("vertex", corners), ("dot", corners), ("square", sides)):
            front = getattr(self, name)
            setattr(self, name, np.concatenate([front, front.reshape(-1, 3)[:, order].ravel()]))
        self.double_area = np.tile(self.double_area, 2)
        self.twin = twin

    def facing_cosine(self, h: np.ndarray) -> np.ndarray:
        """Return the cosine of the angle that faces each half-edge."""
        c = _previous(h)
        return np.asarray(self.dot[c] / np.sqrt(self.square[_next(h)] * self.square[c]))

    def _sine(self, h: np.ndarray) -> np.ndarray:
        """Return the sine of the sum of the two angles that face each inner edge."""
        parts = []
        for side in (h, self.twin[h]):
            c = _previous(side)
            product = np.sqrt(self.square[_next(side)] * self.square[c])
            parts.append((self.dot[c] / product, self.double_area[side // 3] / product))
        (cos_a, sin_a), (cos_b, sin_b) = parts
        return np.asarray(sin_a * cos_b + cos_a * sin_b)

    def flip_all(self) -> None:
        """Flip, round by round, edges that share no face, the worst first, until none is left."""
        limit = self.flips + FLIPS_PER_FACE * len(self.double_area)
        where = np.arange(len(self.vertex))  # half-edges that this round moved
        best = np.full(len(self.double_area), len(where))
        doubtful = np.flatnonzero(where < self.twin)
        while doubtful.size:
            sine = self._sine(doubtful)
            # An edge with one face on both sides faces two equal acute angles: Delaunay.
            wrong = (sine < -COCIRCULAR) & (doubtful // 3 != self.twin[doubtful] // 3)
            h = doubtful[wrong][np.argsort(sine[wrong], kind="stable")]
            f, g, rank = h // 3, self.twin[h] // 3, np.arange(len(h))
            np.minimum.at(best, f, rank)
            np.minimum.at(best, g, rank)
            chosen = (best[f] == rank) & (best[g] == rank)
            best[f] = best[g] = len(where)
            touched = self._flip(h[chosen], where)
            left = h[~chosen]  # one that moved is among those touched
            where[touched[1]] = touched[1]
            self.flips += int(chosen.sum())
            if self.flips > limit:
                raise SolveError(
                    f"intrinsic Delaunay flips do not end after {self.flips}: the mesh has faces "
                    "thinner than rounding; delete them, or take robust_laplacian"
                )
            edge = np.concatenate([left, touched[0]])
            edge = edge[self.twin[edge] >= 0]
            doubtful = np.unique(np.minimum(edge, self.twin[edge]))

    def _flip(self, h: np.ndarray, where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Replace edges a b by c d; return the new and the old places of the edges around them.

        Face (a, b, c) becomes (a, d, c), the twin's (b, a, d) becomes (b, c, d).
        """
        g = self.twin[h]
        f0, g0 = h - h % 3, g - g % 3
        a, b = self.vertex[h], self.vertex[g]
        c, d = self.vertex[_previous(h)], self.vertex[_previous(g)]
        base = np.sqrt(self.square[h])
        # The quad laid out in the plane: a at 0, b at `base`, c above, d below; from a and from b.
        cx, ce, cy = self.dot[h] / base, self.dot[_next(h)] / base, self.double_area[h // 3] / base
        dx, de, dy = self.dot[_next(g)] / base, self.dot[g] / base, self.double_area[g // 3] / base
        old = np.concatenate([_next(g), _previous(h), _next(h), _previous(g)])  # ad, ca, bc, db
        new = np.concatenate([f0, f0 + 2, g0, g0 + 2])
        square, twin = self.square[old], self.twin[old]
        where[old] = new
        twin = np.where(twin >= 0, where[twin], -1)
        self.square[new], self.twin[new] = square, twin
        self.twin[twin[twin >= 0]] = new[twin >= 0]
        self.square[f0 + 1] = self.square[g0 + 1] = (cx - dx) ** 2 + (cy + dy) ** 2
        self.twin[f0 + 1], self.twin[g0 + 1] = g0 + 1, f0 + 1
        for start, corners in ((f0, (a, d, c)), (g0, (b, c, d))):
            for k in range(3):
                self.vertex[start + k] = corners[k]
        height = cy + dy
        self.dot[f0] = dx * cx - dy * cy
        self.dot[f0 + 1] = dx * (dx - cx) + dy * height
        self.dot[f0 + 2] = cx * (cx - dx) + cy * height
        self.dot[g0] = ce * de - cy * dy
        self.dot[g0 + 1] = ce * (ce - de) + cy * height
        self.dot[g0 + 2] = de * (de - ce) + dy * height
        self.double_area[f0 // 3], self.double_area[g0 // 3] = dx * cy + dy * cx, ce * dy + de * cy
        return new, old
