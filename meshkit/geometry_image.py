"""Mesh to geometry image, and back.

Both ways are linear in the vertex positions: one sparse matrix each. The way back samples the image
between pixel centres, so it is not the inverse: see `mesh_from_image`.
"""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.errors import MeshError
from meshkit.raster import UVRaster, raster_matrix


def geometry_image(
    V: Float[np.ndarray, "n c"], F: Int[np.ndarray, "m 3"], raster: UVRaster
) -> Float[np.ndarray, "H W c"]:
    """Resample a vertex signal on the raster; pixels outside the mesh are 0.

    Parameters
    ----------
    V : any unit
        Positions, or any other attribute with one row per vertex.
    """
    H, W = raster.face_index.shape
    return np.asarray((raster_matrix(F, raster, len(V)) @ V).reshape(H, W, V.shape[1]))


def sampling_matrix(UV: Float[np.ndarray, "n 2"], resolution: tuple[int, int]) -> sp.csr_array:
    """Return the matrix that samples an image at UV: ``signal = A @ image.reshape(H * W, -1)``.

    Bilinear between pixel centres. Within half a pixel of the border there is no centre on one
    side, and outside the unit square none at all: coordinates are clamped to the outermost centres.

    Returns
    -------
    A : 1
        n × H W; at most four weights a row, which sum to 1.
    """
    if not np.isfinite(UV).all():
        i = int(np.isfinite(UV).all(axis=1).argmin())
        raise MeshError(f"UV of vertex {i} = {UV[i].tolist()} is not finite")
    H, W = resolution
    if H < 1 or W < 1:
        raise ValueError(f"resolution must be (height, width) of at least 1, got {resolution}")
    (column, x), (row, y) = _cell(UV[:, 0], W), _cell(UV[:, 1], H)
    right, below = np.minimum(column + 1, W - 1), np.minimum(row + 1, H - 1)
    pixel = np.stack([row * W + column, row * W + right, below * W + column, below * W + right])
    weight = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    vertex = np.tile(np.arange(len(UV)), 4)
    A = sp.coo_array((weight.ravel(), (vertex, pixel.ravel())), shape=(len(UV), H * W)).tocsr()
    A.eliminate_zeros()
    return A


def _cell(u: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the centre at or before each coordinate and the share of the way to the next."""
    x = (u.astype(float) * size - 0.5).clip(0, size - 1)
    low = np.floor(x).astype(np.int64)
    return low, x - low


def mesh_from_image(
    image: Float[np.ndarray, "H W c"], UV: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, "n c"]:
    """Sample a geometry image at the vertices' texture coordinates.

    The error of mesh → image → mesh falls with the square of the pixel size inside, where the
    surface is smooth, and with the pixel size in the outermost half pixel, where coordinates are
    clamped; a vertex whose faces are smaller than a pixel is smoothed with its neighbours. Pixels
    outside the mesh (zeros) bleed into the border of a map that does not cover the square.

    Parameters
    ----------
    image : any unit
        Channels last, as `geometry_image` returns it.
    """
    H, W, channels = image.shape
    return np.asarray(sampling_matrix(UV, (H, W)) @ image.reshape(H * W, channels))
