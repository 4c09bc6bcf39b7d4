"""The Laplacian for meshes that nothing else takes, by the package robust_laplacian."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.checks import check_mesh, takes_mesh
from meshkit.errors import DegenerateFaceError
from meshkit.laplacian import laplacian_of_weights


@takes_mesh
def robust_laplacian(
    V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"], *, mollify: float = 1e-5
) -> sp.csr_array:
    """Build the tufted Laplacian: intrinsic Delaunay, non-manifold edges and flat faces allowed.

    Every edge length grows until no face is thinner than `mollify`; then as `delaunay_laplacian`,
    which refuses flat faces instead. No weight is negative.

    Parameters
    ----------
    V : length
        In 2D or 3D.
    mollify : 1
        Least excess of two sides of a face over the third, relative to the mean edge length.

    Returns
    -------
    L : 1
        Symmetric.

    Raises
    ------
    ImportError
        The package is not installed.
    ValueError
        `mollify` is negative or not finite.
    DegenerateFaceError
        The package returns values that are not finite: all edges without length, or flat faces
        with ``mollify=0``.

    References
    ----------
    Sharp, Crane, A Laplacian for nonmanifold triangle meshes, SGP 2020.
    """
    try:
        from robust_laplacian import mesh_laplacian
    except ImportError:
        raise ImportError(
            "the robust Laplacian needs the package robust_laplacian: "
            "pip install robust_laplacian; or take delaunay_laplacian"
        ) from None
    check_mesh(V, F)
    if not (np.isfinite(mollify) and mollify >= 0):
        raise ValueError(f"mollify must be 0 or more, got {mollify}")
    P = np.zeros((len(V), 3))
    P[:, : V.shape[1]] = V
    L, _ = mesh_laplacian(P, F, mollify_factor=mollify)
    entries = sp.coo_array(L)
    if not np.isfinite(entries.data).all():
        raise DegenerateFaceError(
            f"robust_laplacian returns values that are not finite at mollify={mollify:g}: the mesh "
            "has no extent, or flat faces that need a larger mollify"
        )
    # Built anew from the weights: the package puts 1 on the diagonal for a vertex in no face.
    beside = entries.row != entries.col
    weight = -entries.data[beside]
    # After the flips, a negative weight is that of an edge in a circle: zero, but for rounding.
    weight[np.abs(weight) < 1e-12 * np.abs(weight).max()] = 0
    where = entries.row[beside], entries.col[beside]
    return laplacian_of_weights(sp.coo_array((weight, where), shape=(len(V), len(V))).tocsr())
