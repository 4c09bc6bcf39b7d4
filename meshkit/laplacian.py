"""Laplacians and lumped mass of triangle meshes.

One signature ``(V, F) -> L`` and one sign: positive diagonal, rows sum to zero, ``L @ u`` is the
weak form, ``L @ u / mass`` the strong one. ``L == -igl.cotmatrix(V, F)``.
"""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.checks import check_mesh, takes_mesh
from meshkit.errors import DegenerateFaceError

FACES = 1 << 14  # worked on at once


@takes_mesh
def cotangent_laplacian(V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]) -> sp.csr_array:
    """Build the cotangent Laplacian, weak form, positive semi-definite.

    ``L[i, j] = -(cot a + cot b) / 2`` with a, b the angles facing edge ij; rows sum to zero.
    Where a + b exceeds 180 degrees the entry is positive and the maximum principle fails.

    Parameters
    ----------
    V : length
        In 2D or 3D.

    Returns
    -------
    L : 1
        Symmetric. Equals ``-igl.cotmatrix(V, F)``.

    Raises
    ------
    DegenerateFaceError
        A face has no area.

    References
    ----------
    Pinkall, Polthier, Computing discrete minimal surfaces, Experimental Mathematics 1993.
    """
    check_mesh(V, F)
    half_cot = _half_cotangents(V, F)
    n = len(V)
    corners = F.T.astype(np.int32 if n < 2**31 else np.int64)  # for half the traffic
    edge = corners[[1, 2, 0]].ravel(), corners[[2, 0, 1]].ravel()  # those that the corners face
    W = sp.coo_array((half_cot.ravel(), edge), shape=(n, n)).tocsr()
    return laplacian_of_weights(W + W.T.tocsr())


def _half_cotangents(V: np.ndarray, F: np.ndarray) -> Float[np.ndarray, "3 m"]:
    """Return half the cotangents at the corners; by parts, which stay in the cache."""
    planes = np.asfortranarray(V, dtype=float)
    half_cot = np.empty((3, len(F)))
    for start in range(0, len(F), FACES):
        some = slice(start, start + FACES)
        edge = edge_vectors(planes, F[some])
        double_area = twice_areas(edge)
        longest = np.maximum(_dot(edge[0], edge[0]), _dot(edge[1], edge[1]))
        # The third side is at most twice the longer of two: the exact test is seldom needed.
        if not (double_area > 4e-12 * longest).all():
            corner_products(V, F)
        for k in range(3):
            np.divide(_dot(edge[k - 2], edge[k - 1]), -2 * double_area, out=half_cot[k, some])
    return half_cot


@takes_mesh
def mean_value_laplacian(V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]) -> sp.csr_array:
    """Build the Laplacian of Floater's mean value weights; not symmetric.

    ``L[i, j] = -(tan(a / 2) + tan(b / 2)) / |ij|`` with a, b the angles at i beside edge ij. All
    weights are positive, so a map to a convex border has no flipped face (up to rounding).
    In the plane, ``L @ V`` is zero at inner vertices.

    Parameters
    ----------
    V : length
        In 2D or 3D.

    Returns
    -------
    L : 1 / length

    Raises
    ------
    DegenerateFaceError
        A face has no area.

    References
    ----------
    Floater, Mean value coordinates, Computer Aided Geometric Design 2003, Eq. 2.1.
    """
    dot, double_area, length = corner_products(V, F)
    rows, columns, weights = [], [], []
    for k in range(3):
        product = length[(k + 1) % 3] * length[(k + 2) % 3]
        # tan(a / 2) in two forms, each without cancellation where it is used.
        acute, obtuse = double_area / (product + np.abs(dot[k])), (product - dot[k]) / double_area
        tangent = np.where(dot[k] > 0, acute, obtuse)
        for j in ((k + 1) % 3, (k + 2) % 3):
            rows.append(F[:, k])
            columns.append(F[:, j])
            weights.append(tangent / length[3 - k - j])
    entries = np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))
    return laplacian_of_weights(sp.coo_array(entries, shape=(len(V), len(V))).tocsr())


@takes_mesh
def uniform_laplacian(V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]) -> sp.csr_array:
    """Build the graph Laplacian: number of neighbours on the diagonal, -1 for each edge.

    Only ``len(V)`` and F matter: it exists for meshes with degenerate faces.

    Returns
    -------
    L : 1
        Symmetric.

    References
    ----------
    Tutte, How to draw a graph, Proceedings of the London Mathematical Society 1963.
    """
    check_mesh(V, F)
    tail, head = F.ravel(), np.roll(F, -1, axis=1).ravel()
    W = sp.coo_array((np.ones(F.size), (tail, head)), shape=(len(V), len(V))).tocsr()
    W = W + W.T.tocsr()
    W.data[:] = 1  # an inner edge has two half-edges
    return laplacian_of_weights(W)


@takes_mesh
def lumped_mass(V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]) -> Float[np.ndarray, " n"]:
    """Return a third of the area of the faces around each vertex; they sum to the surface's area.

    Parameters
    ----------
    V : length

    Returns
    -------
    mass : length^2
        Zero at a vertex in no face. Equals the diagonal of ``igl.massmatrix(V, F, BARYCENTRIC)``.
    """
    check_mesh(V, F)
    double_area = twice_areas(edge_vectors(V, F))
    return np.bincount(F.ravel(), np.repeat(double_area / 6, 3), minlength=len(V))


def laplacian_of_weights(W: sp.csr_array) -> sp.csr_array:
    """Return ``diag(W 1) - W``; what W holds on its diagonal cancels."""
    return sp.csr_array(sp.diags_array(W.sum(axis=1)) - W)


def edge_vectors(
    V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]
) -> list[list[Float[np.ndarray, " m"]]]:
    """Return, for each corner, the coordinates of the edge it faces, from corner k + 1 to k + 2.

    Lists of contiguous coordinates: thrice as fast as arrays of points.
    """
    P = [[np.ascontiguousarray(x, dtype=float)[F[:, k]] for x in V.T] for k in range(3)]
    return [[b - a for a, b in zip(P[(k + 1) % 3], P[(k + 2) % 3], strict=True)] for k in range(3)]


def twice_areas(edge: list[list[Float[np.ndarray, " m"]]]) -> Float[np.ndarray, " m"]:
    """Return twice the area of each face, from the edges that its corners face."""
    u, v = edge[0], edge[1]
    if len(u) == 2:
        return np.asarray(np.abs(u[0] * v[1] - u[1] * v[0]))
    x, y, z = (u[i] * v[j] - u[j] * v[i] for i, j in ((1, 2), (2, 0), (0, 1)))
    return np.asarray(np.sqrt(x * x + y * y + z * z))


def corner_products(
    V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]
) -> tuple[list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """Return the products of the two edges at each corner, twice the area, the facing lengths.

    Raises
    ------
    DegenerateFaceError
        A face has no area.
    """
    check_mesh(V, F)
    edge = edge_vectors(V, F)
    double_area = twice_areas(edge)
    length = [np.sqrt(_dot(edge[k], edge[k])) for k in range(3)]
    longest = np.maximum(np.maximum(length[0], length[1]), length[2])
    flat = ~(double_area > 1e-12 * longest**2)
    if flat.any():
        f = int(flat.argmax())
        raise DegenerateFaceError(
            f"face {f} = {F[f].tolist()} has no area ({int(flat.sum())} such faces): delete it, or "
            "take uniform weights, which need no angles"
        )
    dot = [-_dot(edge[k - 2], edge[k - 1]) for k in range(3)]
    return dot, double_area, length


def _dot(a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
    return np.asarray(sum(x * y for x, y in zip(a, b, strict=True)))
