"""Left-right symmetric maps: their border, and the mean of a map and its mirror image."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.errors import SolveError, TopologyError
from meshkit.flattening.boundary import circle_boundary
from meshkit.flattening.convex_border import rectangle_boundary
from meshkit.flattening.corners import mirrored_corners
from meshkit.mirror import mirror_permutation, symmetrized
from meshkit.predicates import face_signs


def find_mirror(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, " n"]:
    """Return `mirror_permutation`.

    Raises
    ------
    TopologyError
        The mesh is not symmetric.
    """
    mirror = mirror_permutation(V, F)
    if mirror is None:
        raise TopologyError(
            "the mesh is not symmetric: its vertices do not pair up across a plane, so that no map "
            "of it can be its own mirror image"
        )
    return mirror


def mirrored(
    UV: Float[np.ndarray, "n 2"], mirror: Int[np.ndarray, " n"], middle: float
) -> Float[np.ndarray, "n 2"]:
    """Return the mean of a map and its mirror image about ``u = middle``."""
    u, v = UV.T
    return np.stack([middle + (u - u[mirror]) / 2, (v + v[mirror]) / 2], axis=1)


def symmetric_laplacian(L: sp.csr_array, mirror: Int[np.ndarray, " n"]) -> sp.csr_array:
    """Return the mean of a Laplacian and its mirror image; as it is where holes have centres."""
    if L.shape[0] != len(mirror):
        return L
    return sp.csr_array((L + L[mirror][:, mirror]) / 2)


def faces_seen_in_mirror(
    F: Int[np.ndarray, "m 3"], mirror: Int[np.ndarray, " n"]
) -> Int[np.ndarray, "k 3"]:
    """Return the mirror images that are no faces: of quads cut along the other diagonal."""
    image = mirror[F][:, ::-1]
    n = np.int64(len(mirror))
    wanted, known = (np.sort(f, axis=1) @ [n * n, n, 1] for f in (image, F))
    return np.asarray(image[~np.isin(wanted, known)])


def symmetric_map(
    UV: Float[np.ndarray, "n 2"],
    faces: Int[np.ndarray, "k 3"],
    mirror: Int[np.ndarray, " n"],
    middle: float,
) -> Float[np.ndarray, "n 2"]:
    """Return `mirrored` of a map that is nearly symmetric.

    Raises
    ------
    SolveError
        That flips faces, though the map has none flipped.
    """
    mean = mirrored(UV, mirror, middle)
    if (face_signs(mean, faces) <= 0).any() and (face_signs(UV, faces) > 0).all():
        raise SolveError(
            "the mean of the map and its mirror image flips faces: leave the map asymmetric"
        )
    return mean


def mirrored_border(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    loop: Int[np.ndarray, " b"],
    boundary: object,
    mirror: Int[np.ndarray, " n"],
    aspect: float,
) -> Float[np.ndarray, "b 2"]:
    """Place a loop on a square, rectangle or circle so that its two halves mirror each other.

    Raises
    ------
    ValueError
        Another border was asked for.
    TopologyError
        As `mirrored_corners`.
    """
    if not (isinstance(boundary, str) and boundary in ("square", "rectangle", "circle")):
        raise ValueError("symmetric maps have a square, a rectangle or a circle as their border")
    if aspect != 1 and boundary != "rectangle":
        raise ValueError("aspect belongs to boundary='rectangle'")
    V = symmetrized(V, mirror)
    flat = np.zeros((len(V), 2))
    if boundary == "circle":
        flat[loop] = circle_boundary(V, loop)
    else:
        corners = loop[mirrored_corners(V, loop, mirror, F=F, aspect=aspect)]
        flat[loop] = rectangle_boundary(V, loop, aspect, corners=corners, F=F)
    flat = mirrored(flat, mirror, min(1.0, aspect) / 2)
    if boundary == "circle":
        off = flat[loop] - 0.5
        flat[loop] = 0.5 + off / (2 * np.linalg.norm(off, axis=1, keepdims=True))
    return np.asarray(flat[loop])
