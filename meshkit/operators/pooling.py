"""Between a mesh and a coarser one on some of its vertices: frozen sparse matrices."""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.checks import check_mesh
from meshkit.operators.decimation import decimate


class Pooling(NamedTuple):
    """One level of a hierarchy of meshes.

    Attributes
    ----------
    kept : 1
        The vertices of the finer mesh that are those of the coarser one, ascending.
    F : 1
        Faces of the coarser mesh.
    down : 1
        (k, n), picks the kept vertices.
    up : 1
        (n, k), places each fine vertex by barycentric coordinates on the nearest coarse face; rows
        sum to 1. ``down @ up`` is the identity.
    """

    kept: Int[np.ndarray, " k"]
    F: Int[np.ndarray, "t 3"]
    down: sp.csr_array
    up: sp.csr_array


def pool(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], n_vertices: int) -> Pooling:
    """Decimate a mesh to some of its vertices, and build the matrices down and up.

    A signal that is linear in space survives ``up @ down`` wherever the surface is flat.

    Raises
    ------
    ValueError, TopologyError, MeshError
        As `meshkit.operators.decimation.decimate`.

    References
    ----------
    Ranjan, Bolkart, Sanyal, Black, Generating 3D faces using convolutional mesh autoencoders, ECCV
    2018, Section 3.2.
    """
    kept, coarse = decimate(V, F, n_vertices)
    n, k = len(V), len(kept)
    down = sp.csr_array((np.ones(k), (np.arange(k), kept)), shape=(k, n))
    up = sp.lil_array(upsampling_matrix(V, np.asarray(V)[kept], coarse))
    up[kept] = sp.eye_array(k).tolil()  # exactly, where the closest point is the vertex itself
    up = sp.csr_array(up)
    up.eliminate_zeros()
    return Pooling(kept, coarse, down, up)


def pooling_levels(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], sizes: list[int]
) -> list[Pooling]:
    """Pool a mesh again and again, to these numbers of vertices."""
    levels: list[Pooling] = []
    for size in sizes:
        level = pool(V, F, size)
        V, F = np.asarray(V)[level.kept], level.F
        levels.append(level)
    return levels


def upsampling_matrix(
    P: Float[np.ndarray, "n 3"], V: Float[np.ndarray, "k 3"], F: Int[np.ndarray, "t 3"]
) -> sp.csr_array:
    """Express the closest surface points to P by barycentric coordinates: ``A @ V``.

    Parameters
    ----------
    P, V : length

    Returns
    -------
    A : 1
        (n, k), three entries a row, none negative, rows sum to 1.
    """
    check_mesh(V, F)
    import igl

    P, V = (np.ascontiguousarray(X, dtype=np.float64) for X in (P, V))
    F = np.ascontiguousarray(F, dtype=np.int64)
    _, face, closest = igl.point_mesh_squared_distance(P, V, F)
    corners = F[face]
    bary = _barycentric(closest, *(V[corners[:, k]] for k in range(3)))
    rows = np.repeat(np.arange(len(P)), 3)
    return sp.csr_array((bary.ravel(), (rows, corners.ravel())), shape=(len(P), len(V)))


def _barycentric(P: np.ndarray, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> np.ndarray:
    """Return the weights of points on triangles, rounding errors below 0 cut off."""
    AB, AC, AP = B - A, C - A, P - A
    d00, d01, d11 = ((x * y).sum(axis=1) for x, y in ((AB, AB), (AB, AC), (AC, AC)))
    d20, d21 = (AP * AB).sum(axis=1), (AP * AC).sum(axis=1)
    determinant = d00 * d11 - d01 * d01
    # The closest point of a needle is taken at its first corner: decimation leaves no needles.
    safe = np.where(determinant > 0, determinant, 1.0)
    b = np.where(determinant > 0, (d11 * d20 - d01 * d21) / safe, 0.0)
    c = np.where(determinant > 0, (d00 * d21 - d01 * d20) / safe, 0.0)
    bary = np.stack([1 - b - c, b, c], axis=1).clip(0)
    return np.asarray(bary / bary.sum(axis=1, keepdims=True))
