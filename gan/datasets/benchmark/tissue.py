"""What a person's shape says about how the person's skin moves.

Everything here is a smooth function of the neutral face less the mean one; nothing is drawn. The
*build* of a person are the scores of the leading principal components of neutral faces, each with
mean 0 and deviation 1 over people and drawn in beyond `EXTREME`. Fields over the face that go with
the build are alike on its left and right.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from meshkit.normals import face_normals, faces_around, vertex_normals

PEOPLE = 300  # sampled once, from which components and deviations are taken
COMPONENTS = 8  # of the build
EXTREME = 2.0  # deviations
REACH = 38.0  # mm, over which fields vary
WAVES = 48  # of which each is the sum
MOBILITY = 0.55  # at most: how much further, or less far, skin follows a muscle than the mean's
LIMIT = 10.0  # mm: displacements of the mean face that are half saturated
SATURATION = 0.55  # at most: by how much of itself a person's limit differs from `LIMIT`
STEEP = 1.2  # how fast either extreme is reached, in deviations of a field
PATCH = 16.0  # mm: patches whose turn and size the skin follows
ANCHORS = 120
SMOOTH = 5.0  # mm, over which compression is averaged
FOLD = 6.0  # mm of bulge for each unit of compressed area
STRAIN = 0.3  # compression beyond which folds grow no more


class Person(NamedTuple):
    """A person's skin.

    Attributes
    ----------
    neutral : (V, 3) mm.   normals : (V, 3).
    frame : (V, 3, 3) turn and size of each place against the mean face.
    mobility, limit, fullness : (V,) factor of displacements, mm, in [-1, 1].
    """

    neutral: np.ndarray
    normals: np.ndarray
    frame: np.ndarray
    mobility: np.ndarray
    limit: np.ndarray
    fullness: np.ndarray


class Tissue:
    """What all people of one face model have in common."""

    def __init__(
        self,
        template: Float[np.ndarray, "V 3"],
        faces: Int[np.ndarray, "T 3"],
        sample: Callable[[np.random.Generator], np.ndarray],
    ) -> None:
        rng = np.random.default_rng(0)
        self.strength = 1.0  # a factor of `STEEP`
        self.template, self.faces = template, faces
        self.normals = vertex_normals(template, faces)
        offsets = np.stack([sample(rng) for _ in range(PEOPLE)]) - template
        self._mean, self._axes = _components(offsets.reshape(PEOPLE, -1))
        n = self._axes.shape[1]
        self._mobility = _symmetric_fields(template, (n + 1) // 2, rng)
        self._limit = _symmetric_fields(template, n // 2, rng)
        self._weights, self._anchors = _patches(template)
        self._fullness = np.sqrt(np.mean([self._bulk(offset) ** 2 for offset in offsets], axis=0))
        self._stretch = _area_change(template, faces)
        self._smooth = _smoothing(template)

    def meet(self, neutral: Float[np.ndarray, "V 3"]) -> Person:
        """Return the skin of the person with this neutral face."""
        offset = neutral - self.template
        mobility, limit = self.ways(neutral)
        return Person(
            neutral,
            vertex_normals(neutral, self.faces),
            self._frames(neutral),
            mobility,
            limit,
            np.tanh(self._bulk(offset) / (self._fullness + 0.1)),
        )

    def ways(self, neutral: Float[np.ndarray, "V 3"]) -> tuple[np.ndarray, np.ndarray]:
        """Return the mobility and the limit (mm) of a person at every vertex."""
        build = _draw_in(((neutral - self.template).ravel() - self._mean) @ self._axes)
        mobility, limit = build[::2] @ self._mobility, build[1::2] @ self._limit
        steep = self.strength * STEEP
        return 1 + MOBILITY * np.tanh(steep * mobility), LIMIT * (
            1 + SATURATION * np.tanh(steep * limit)
        )

    def compression(self, moved: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, " V"]:
        """Return by how much of its area the skin of the mean face is compressed, averaged."""
        return np.asarray(-(self._smooth @ (self._stretch @ moved.ravel())))

    def _bulk(self, offset: np.ndarray) -> np.ndarray:
        """Return how far the face stands out beyond the mean one, over patches, mm."""
        out = (offset * self.normals).sum(axis=1)
        return np.asarray(self._weights @ (self._anchors @ out))

    def _frames(self, neutral: np.ndarray) -> np.ndarray:
        """Return the similarity that best takes the mean face to the person's, around each vertex.

        Fitted to patches (Procrustes) and blended between them.
        """
        T, N = self.template, neutral
        mean_T, mean_N = self._anchors @ T, self._anchors @ N
        outer = (N[:, :, None] * T[:, None]).reshape(-1, 9)
        M = (self._anchors @ outer).reshape(-1, 3, 3) - mean_N[:, :, None] * mean_T[:, None]
        U, _, Wt = np.linalg.svd(M)
        U[:, :, 2] *= np.sign(np.linalg.det(U @ Wt))[:, None]
        spread = [
            self._anchors @ (X**2).sum(axis=1) - (mean**2).sum(axis=1)
            for X, mean in ((T, mean_T), (N, mean_N))
        ]
        S = np.sqrt(spread[1] / spread[0])[:, None, None] * (U @ Wt)
        return np.asarray((self._weights @ S.reshape(-1, 9)).reshape(-1, 3, 3))


def saturate(
    moved: Float[np.ndarray, "V 3"], limit: Float[np.ndarray, " V"]
) -> Float[np.ndarray, "V 3"]:
    """Let displacements grow less and less towards a limit; one of `LIMIT` changes nothing."""
    square = (moved**2).sum(axis=1)
    return np.asarray(np.sqrt((1 + square / LIMIT**2) / (1 + square / limit**2))[:, None] * moved)


def fold(compression: Float[np.ndarray, " V"]) -> Float[np.ndarray, " V"]:
    """Return how far compressed skin of full flesh bulges, mm; 0 where it is stretched."""
    squeezed = (compression + np.sqrt(compression**2 + 0.03**2) - 0.03) / 2
    return np.asarray(FOLD * STRAIN * np.tanh(squeezed.clip(0) / STRAIN))


def _components(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean row, and what takes a row less it to leading scores of variance 1."""
    mean = X.mean(axis=0)
    X = X - mean
    square, U = np.linalg.eigh(X @ X.T)
    lead = np.argsort(-square)[:COMPONENTS]
    lead = lead[square[lead] > 1e-9 * square.max()]  # models of few coefficients have no more
    axes = X.T @ (U[:, lead] / square[lead]) * np.sqrt(len(X))
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return mean, axes


def _symmetric_fields(V: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n smooth fields (n, V), alike at x and -x, whose squares sum to 1 at each vertex.

    So what they make of n independent scores varies by 1 everywhere.
    """
    waves, phase = rng.normal(0, 1 / REACH, (n, 3, WAVES)), rng.uniform(0, 2 * np.pi, (n, 1, WAVES))
    fields = sum(np.cos((V * (sign, 1, 1)) @ waves + phase).sum(axis=2) for sign in (1.0, -1.0))
    return np.asarray(fields / np.linalg.norm(fields, axis=0))


def _patches(V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights of the anchors at vertices (V, A) and of vertices at anchors (A, V)."""
    chosen, distance = [0], np.linalg.norm(V - V[0], axis=1)
    while len(chosen) < min(ANCHORS, len(V)):
        chosen.append(int(distance.argmax()))  # the vertex farthest from those chosen
        distance = np.minimum(distance, np.linalg.norm(V - V[chosen[-1]], axis=1))
    square = ((V[:, None] - V[chosen]) ** 2).sum(axis=2)
    near = np.exp(-square / (2 * PATCH**2)) + 1e-30
    return near / near.sum(axis=1, keepdims=True), (near / near.sum(axis=0)).T


def _smoothing(V: np.ndarray) -> sp.csr_array:
    """Return the matrix that averages over `SMOOTH` mm."""
    near = cKDTree(V).sparse_distance_matrix(cKDTree(V), 2 * SMOOTH, output_type="coo_matrix")
    weight = sp.csr_array(
        (np.exp(-(near.data**2) / (2 * SMOOTH**2)), (near.row, near.col)), shape=near.shape
    )
    return sp.csr_array(sp.diags_array(1 / weight.sum(axis=1)) @ weight)


def _area_change(V: np.ndarray, F: np.ndarray) -> sp.csr_array:
    """Return the matrix from displacements (3 V) to the relative change of area at vertices."""
    normal = face_normals(V, F)  # twice the area long
    double = np.linalg.norm(normal, axis=1)
    P = V[F]
    opposite = P[:, [2, 0, 1]] - P[:, [1, 2, 0]]  # (T, 3, 3)
    gradient = np.cross((normal / double[:, None])[:, None], opposite) / double[:, None, None]
    row = np.repeat(np.arange(len(F)), 9)
    column = (3 * F[:, :, None] + np.arange(3)).ravel()
    divergence = sp.csr_array((gradient.ravel(), (row, column)), shape=(len(F), 3 * len(V)))
    around = faces_around(F, len(V)) @ sp.diags_array(double)
    return sp.csr_array(sp.diags_array(1 / around.sum(axis=1).clip(1e-300)) @ around @ divergence)


def _draw_in(scores: np.ndarray) -> np.ndarray:
    return np.asarray(scores / np.sqrt(1 + (scores / EXTREME) ** 2))
