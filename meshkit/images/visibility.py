"""Which vertices an image can teach: those that a texel touches, how much, and at which size.

A loss on the image ``S @ V`` reaches vertex i through column i of S. A vertex whose column is zero
gets no gradient; one with a large column sum gets that many texels' worth.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from meshkit.raster import raster_matrix, rasterize_uv


class Visibility(NamedTuple):
    """What a resampling matrix sees of a mesh.

    Attributes
    ----------
    seen : 1
        Vertices with a positive weight in some texel.
    weight : texels
        Column sums of the matrix: the gradient at each vertex of the sum over all texels. Their
        total is the number of covered texels.
    share : 1
        Of the vertices that some face uses.
    """

    seen: Bool[np.ndarray, " n"]
    weight: Float[np.ndarray, " n"]
    share: float


def visibility(S: sp.csr_array, F: Int[np.ndarray, "m 3"]) -> Visibility:
    """Measure what the matrix of an image (`raster_matrix`, `supersampled_matrix`) sees.

    Parameters
    ----------
    S : 1
        Texels × vertices; weights are not negative.
    F : 1
        Vertices in no face cannot be seen and do not count.
    """
    weight = np.bincount(S.indices, weights=S.data, minlength=S.shape[1])
    used = np.unique(F)
    return Visibility(weight > 0, weight, float((weight[used] > 0).mean()))


def advised_size(
    UV: Float[np.ndarray, "n 2"],
    F_uv: Int[np.ndarray, "m 3"],
    *,
    F: Int[np.ndarray, "m 3"] | None = None,
    share: float = 0.99,
    largest: int = 4096,
) -> int | None:
    """Return the smallest power of two at which a square image sees that share of the vertices.

    The price of the answer is a raster of that size. Faces without area in the map are never seen,
    nor are vertices under other charts: then no size may do.

    Parameters
    ----------
    UV, F_uv : 1
        Texture coordinates and the rows that each face uses.
    F : 1
        Vertices at the same corners, where seams make them differ from F_uv.
    share : 1
        In (0, 1]; of the vertices that some face uses.
    largest : pixels
        Where to give up.

    Returns
    -------
    size : pixels
        None if even `largest` is too small.

    Raises
    ------
    ValueError
        `share` is not in (0, 1].
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be in (0, 1], got {share}")
    F = F_uv if F is None else F
    n = int(F.max()) + 1
    needed = share * len(np.unique(F))
    size = 1
    while size <= largest:
        # A texel touches three vertices at most.
        if 3 * size**2 >= needed:
            raster = rasterize_uv(UV, F_uv, (size, size))
            if visibility(raster_matrix(F, raster, n), F).share >= share:
                return size
        size *= 2
    return None
