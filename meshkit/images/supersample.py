"""Anti-aliased geometry images: each texel averages k × k samples, still by one sparse matrix.

With one sample at its centre a texel touches three vertices; where faces are smaller than texels
most vertices are touched by none, and a loss on the image says nothing about them. The average
over k × k samples spread evenly over the texel is linear too, and reaches them::

    +-----------+
    | ·   ·   · |     k = 3: sample (i, j) of texel (row, col) is the centre of pixel
    | ·   ·   · |     (row * k + i, col * k + j) of the raster at (H * k, W * k).
    | ·   ·   · |
    +-----------+
"""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.raster import UVRaster, check_resolution, raster_matrix, rasterize_uv


def supersampled_matrix(
    UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"], resolution: tuple[int, int], k: int
) -> sp.csr_array:
    """Return the matrix that averages k × k samples per texel: ``image = S @ signal``.

    Only samples on the mesh count: a texel at the border of a chart is the mean of what it
    covers, not a mix with the background, so its row sums to 1; a texel without any is empty.
    For k = 1 this is `raster_matrix`. Time and memory are those of a raster k times as large.

    Parameters
    ----------
    UV, F : 1
        One coordinate per vertex. For a map with seams, rasterize ``UV_corner, F_uv`` at
        ``(H k, W k)`` and call `averaged_matrix`.
    resolution : pixels
        Height and width of the image.
    k : 1
        Samples along each side of a texel.

    Returns
    -------
    S : 1
        H W × n.

    Raises
    ------
    ValueError
        k is less than 1.
    """
    _check_samples(k)
    check_resolution(resolution)
    H, W = resolution
    return averaged_matrix(F, rasterize_uv(UV, F, (H * k, W * k)), len(UV), k)


def averaged_matrix(
    F: Int[np.ndarray, "m 3"], fine: UVRaster, n_vertices: int, k: int
) -> sp.csr_array:
    """Return the matrix of `supersampled_matrix` for a raster that is k times as large.

    Parameters
    ----------
    F : 1
        Vertices of the faces that `fine` names.
    fine : 1
        H k × W k.

    Returns
    -------
    S : 1
        H W × n_vertices.

    Raises
    ------
    ValueError
        k is less than 1, or does not divide the raster's height and width.
    """
    _check_samples(k)
    height, width = fine.face_index.shape
    if height % k or width % k:
        raise ValueError(f"a raster of {height} × {width} has no blocks of {k} × {k}")
    row, column = np.divmod(np.arange(height * width), width)
    texel = row // k * (width // k) + column // k
    inside = fine.face_index.ravel() >= 0
    texels = height * width // k**2
    count = np.bincount(texel[inside], minlength=texels)
    samples = np.flatnonzero(inside)
    # Rows of the matrix in the order of the texels, so that the product is a plain sum of runs.
    samples = samples[np.argsort(texel[samples], kind="stable")]
    share = sp.csr_array(
        (1 / count[texel[samples]], samples, np.concatenate([[0], np.cumsum(count)])),
        shape=(texels, height * width),
    )
    S = sp.csr_array(share @ raster_matrix(F, fine, n_vertices))
    S.sort_indices()
    return S


def _check_samples(k: int) -> None:
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
