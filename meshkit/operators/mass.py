"""Mass matrices beside the barycentric `meshkit.laplacian.lumped_mass`: Voronoi and full."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.checks import check_mesh, takes_mesh
from meshkit.laplacian import edge_vectors, twice_areas


@takes_mesh
def voronoi_mass(V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]) -> Float[np.ndarray, " n"]:
    """Return the mixed Voronoi area around each vertex; they sum to the surface's area.

    Of a face without obtuse angle, the part that is nearest to the vertex; an obtuse face gives
    half its area to the obtuse corner and a quarter to the others. More accurate than a third each
    where the faces around a vertex differ in shape.

    Parameters
    ----------
    V : length
        In 2D or 3D.

    Returns
    -------
    mass : length^2
        Zero at a vertex in no face. Equals the diagonal of ``igl.massmatrix(V, F, VORONOI)``.

    References
    ----------
    Meyer, Desbrun, Schröder, Barr, Discrete differential-geometry operators for triangulated
    2-manifolds, VisMath 2002, Section 3.3.
    """
    check_mesh(V, F)
    edge = edge_vectors(V, F)
    double_area = twice_areas(edge)
    square = [sum(x * x for x in e) for e in edge]
    dot = [(square[(k + 1) % 3] + square[(k + 2) % 3] - square[k]) / 2 for k in range(3)]
    has_area = double_area > 0
    # At corner k: (|ki|^2 cot j + |kj|^2 cot i) / 8, with i, j the other corners.
    parts = []
    obtuse = np.logical_or.reduce([d < 0 for d in dot])
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        area = (square[j] * dot[j] + square[i] * dot[i]) / 8
        part = np.divide(area, double_area, out=np.zeros_like(area), where=has_area & ~obtuse)
        parts.append(np.where(obtuse, double_area * np.where(dot[k] < 0, 1 / 4, 1 / 8), part))
    return np.bincount(F.T.ravel(), np.concatenate(parts), minlength=len(V))


@takes_mesh
def full_mass(V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"]) -> sp.csr_array:
    """Build the Galerkin mass matrix: integrals of products of hat functions.

    Exact for piecewise linear functions, where lumped masses are not: ``u @ M @ u`` is the integral
    of the square of u. A face gives a sixth of its area to the diagonal, a twelfth beside it.

    Parameters
    ----------
    V : length
        In 2D or 3D.

    Returns
    -------
    M : length^2
        (n, n), symmetric; rows sum to `lumped_mass`. Equals ``igl.massmatrix(V, F, FULL)``.

    References
    ----------
    Strang, Fix, An analysis of the finite element method, 1973, Section 1.8.
    """
    check_mesh(V, F)
    twelfth = twice_areas(edge_vectors(V, F)) / 24
    rows = np.concatenate([F[:, i] for i in range(3) for _ in range(3)])
    columns = np.concatenate([F[:, j] for _ in range(3) for j in range(3)])
    shares = np.concatenate([twelfth * (2 if i == j else 1) for i in range(3) for j in range(3)])
    M = sp.coo_array((shares, (rows, columns)), shape=(len(V), len(V))).tocsr()
    return sp.csr_array(M)
