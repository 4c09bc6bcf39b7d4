"""Gradient and divergence between functions on vertices and vector fields on faces.

A vector field is a flat array of blocks, first all x, then all y, then all z, as in libigl:
``(gradient(V, F) @ u).reshape(3, m).T`` has one vector per face.
"""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.checks import takes_mesh
from meshkit.laplacian import corner_products, edge_vectors


@takes_mesh
def gradient(V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]) -> sp.csr_array:
    """Build the matrix that takes a function on vertices to its gradient in each face.

    The function is linear in a face, so its gradient is constant there and lies in the face.

    Parameters
    ----------
    V : length
        In 2D or 3D.

    Returns
    -------
    G : 1 / length
        (d m, n): rows 0 … m - 1 are the x of all faces, and so on. Equals ``igl.grad(V, F)``.

    Raises
    ------
    DegenerateFaceError
        A face has no area.

    References
    ----------
    Botsch, Kobbelt, Pauly, Alliez, Lévy, Polygon mesh processing, 2010, Section 3.3.3.
    """
    return _gradient_and_areas(V, F)[0]


@takes_mesh
def divergence(V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]) -> sp.csr_array:
    """Build the matrix that takes a vector field on faces to its divergence around each vertex.

    In weak form, integrated against the vertex's hat function: the outflow, positive at a source.
    It is minus the adjoint of the gradient, so ``-divergence(V, F) @ gradient(V, F)`` is
    `cotangent_laplacian`: L is minus div grad, positive semi-definite. Divide by `lumped_mass` for
    the divergence per area. At the border nothing flows out.

    Parameters
    ----------
    V : length
        In 2D or 3D.

    Returns
    -------
    D : length
        (n, d m): columns 0 … m - 1 take the x of all faces, and so on.

    Raises
    ------
    DegenerateFaceError
        A face has no area.

    References
    ----------
    Botsch, Kobbelt, Pauly, Alliez, Lévy, Polygon mesh processing, 2010, Section 3.3.5.
    """
    G, area = _gradient_and_areas(V, F)
    weights = sp.diags_array(np.tile(area, V.shape[1]))
    return sp.csr_array(-(G.T @ weights))


def corner_gradients(
    edge: list[list[np.ndarray]], double_area: Float[np.ndarray, " m"]
) -> list[list[np.ndarray]]:
    """Return, for each corner, the coordinates of the gradient of its hat function in the face.

    It is the facing edge turned by 90° towards the corner, over twice the area.

    Parameters
    ----------
    edge : length
        As `edge_vectors` returns them.
    """
    u, v = edge[0], edge[1]
    if len(u) == 2:
        turn = np.where(u[0] * v[1] > u[1] * v[0], 1, -1) / double_area
        return [[-y * turn, x * turn] for x, y in edge]
    axes = ((1, 2), (2, 0), (0, 1))
    normal = [(u[i] * v[j] - u[j] * v[i]) / double_area for i, j in axes]
    return [[(normal[i] * e[j] - normal[j] * e[i]) / double_area for i, j in axes] for e in edge]


def assemble_gradient(
    F: Int[np.ndarray, "m 3"], parts: list[list[np.ndarray]], n: int
) -> sp.csr_array:
    """Build the (d m, n) matrix from the gradients of the hat functions at the corners."""
    m, d = len(F), len(parts[0])
    data = np.stack([np.concatenate(part) for part in parts], axis=1)  # (d m, 3)
    start = np.arange(0, 3 * d * m + 1, 3)
    G = sp.csr_array((data.ravel(), np.tile(F, (d, 1)).ravel(), start), shape=(d * m, n))
    G.sum_duplicates()  # an intrinsic face may have a vertex twice
    return G


def _gradient_and_areas(V: np.ndarray, F: np.ndarray) -> tuple[sp.csr_array, np.ndarray]:
    _, double_area, _ = corner_products(V, F)  # checks the mesh
    parts = corner_gradients(edge_vectors(V, F), double_area)
    return assemble_gradient(F, parts, len(V)), double_area / 2
