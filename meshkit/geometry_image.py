"""Mesh to geometry image, and back.

Both ways are linear in the vertex positions: one sparse matrix each. The way back samples the image
between pixel centres, so it is not the inverse: see `mesh_from_image`.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from scipy.spatial import cKDTree

from meshkit.checks import takes_mesh
from meshkit.errors import MeshError
from meshkit.images.charts import corner_average
from meshkit.raster import UVRaster, check_resolution, raster_matrix


@takes_mesh
def geometry_image(
    V: Float[np.ndarray, "n c"], F: Int[np.ndarray, "m 3"], raster: UVRaster
) -> Float[np.ndarray, "H W c"]:
    """Resample a vertex signal on the raster; pixels outside the mesh are 0.

    Parameters
    ----------
    V : any unit
        Positions, or any other attribute with one row per vertex: colours, normals,
        displacements.
    """
    H, W = raster.face_index.shape
    return np.asarray((raster_matrix(F, raster, len(V)) @ V).reshape(H, W, V.shape[1]))


def sampling_matrix(
    UV: Float[np.ndarray, "n 2"],
    resolution: tuple[int, int],
    *,
    inside: Bool[np.ndarray, "H W"] | None = None,
) -> sp.csr_array:
    """Return the matrix that samples an image at UV: ``signal = A @ image.reshape(H * W, -1)``.

    Bilinear between pixel centres. Within half a pixel of the border there is no centre on one
    side, and outside the unit square none at all: coordinates are clamped to the outermost centres.

    Parameters
    ----------
    inside : 1
        Pixels that may be read. The others lose their weight to those of the four that remain;
        where none does, the nearest pixel inside is taken. Without it all pixels are read.

    Returns
    -------
    A : 1
        n × H W; at most four weights a row, which sum to 1.

    Raises
    ------
    ValueError
        The resolution is not two positive numbers; `inside` has another shape or no pixel.
    """
    if not np.isfinite(UV).all():
        i = int(np.isfinite(UV).all(axis=1).argmin())
        raise MeshError(f"UV of vertex {i} = {UV[i].tolist()} is not finite")
    H, W = resolution = check_resolution(resolution)
    if inside is not None and (inside.shape != (H, W) or not inside.any()):
        raise ValueError(f"inside must mark pixels of {(H, W)}, got {inside.sum()} {inside.shape}")
    (column, x), (row, y) = _cell(UV[:, 0], W), _cell(UV[:, 1], H)
    right, below = np.minimum(column + 1, W - 1), np.minimum(row + 1, H - 1)
    pixel = np.stack([row * W + column, row * W + right, below * W + column, below * W + right])
    weight = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    if inside is not None and not inside.all():
        at = np.stack([row + y, column + x], axis=1)
        weight, pixel = _keep_inside(weight, pixel, inside, at)
    vertex = np.broadcast_to(np.arange(len(UV)), pixel.shape)
    A = sp.csr_array((weight.ravel(), (vertex.ravel(), pixel.ravel())), shape=(len(UV), H * W))
    A.eliminate_zeros()
    return A


def _keep_inside(
    weight: np.ndarray, pixel: np.ndarray, inside: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give the weight of pixels outside to those inside, or to the nearest one; (4, n) each.

    One pixel, not the nearest of each of the four: between two strips of a map those lie on both
    sides, and their mean nowhere on the surface.
    """
    weight = np.where(inside.ravel()[pixel], weight, 0.0)
    lost = np.flatnonzero(weight.sum(axis=0) == 0)
    if lost.size:
        # A pixel with all eight neighbours inside is nobody's nearest.
        rim = np.argwhere(inside & ~ndimage.binary_erosion(inside, np.ones((3, 3))))
        row, column = rim[cKDTree(rim).query(at[lost])[1]].T
        pixel[0, lost] = row * inside.shape[1] + column
        weight[0, lost] = 1.0
    return weight / weight.sum(axis=0), pixel


def _cell(u: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the centre at or before each coordinate and the share of the way to the next."""
    x = (u.astype(float) * size - 0.5).clip(0, size - 1)
    low = np.floor(x).astype(np.int64)
    return low, x - low


def _check_image(image: np.ndarray) -> None:
    if image.ndim != 3 or (image.shape[0] == 3 and min(image.shape[1:]) > 4):
        raise ValueError(
            f"image must be (H, W, channels), got {image.shape}: move the channels last, "
            "image.permute(1, 2, 0) or numpy.moveaxis(image, 0, -1)"
        )


@takes_mesh
def mesh_from_image(
    image: Float[np.ndarray, "H W c"],
    UV: Float[np.ndarray, "n 2"],
    *,
    inside: Bool[np.ndarray, "h w"] | None = None,
) -> Float[np.ndarray, "n c"]:
    """Sample a geometry image at the vertices' texture coordinates.

    The error of mesh → image → mesh falls with the square of the pixel size inside, where the
    surface is smooth, and with the pixel size in the outermost half pixel, where coordinates are
    clamped; a vertex whose faces are smaller than a pixel is smoothed with its neighbours.
    `round_trip_error` measures it.

    Parameters
    ----------
    image : any unit
        Channels last, as `geometry_image` returns it.
    inside : 1
        Pixels on the mesh; without it the others (zeros) bleed into the border of a map that does
        not cover the square.

    Raises
    ------
    ValueError
        The image is none, or its channels come first, as torch has them.
    """
    _check_image(image)
    H, W, channels = image.shape
    A = sampling_matrix(UV, (H, W), inside=inside)
    return np.asarray(A @ image.reshape(H * W, channels))


@takes_mesh
def vertices_from_image(
    image: Float[np.ndarray, "H W c"],
    F: Int[np.ndarray, "m 3"],
    n_vertices: int,
    UV: Float[np.ndarray, "t 2"],
    *,
    F_uv: Int[np.ndarray, "m 3"] | None = None,
    inside: Bool[np.ndarray, "h w"] | None = None,
) -> Float[np.ndarray, "n c"]:
    """Sample a geometry image at the vertices of a map that may have seams.

    A vertex with several coordinates gets the mean of what the image shows there; a vertex in no
    face NaN. Else this is `mesh_from_image`.

    Parameters
    ----------
    image : any unit
    UV : 1
        One row per vertex, or, with `F_uv`, per corner.
    F_uv : 1
        Rows of UV at the corners of F, where a seam gives a vertex several.
    inside : 1
        Texels on the mesh; by default all.
    """
    _check_image(image)
    rows = F if F_uv is None else F_uv
    used = np.zeros(len(UV), dtype=bool)
    used[rows] = True
    known = np.where(used[:, None], UV, 0.5)  # rows that no face uses may hold anything
    H, W, channels = image.shape
    A = corner_average(F, rows, n_vertices, len(UV))
    A = sp.csr_array(A @ sampling_matrix(known, (H, W), inside=inside))
    signal = np.asarray(A @ image.reshape(H * W, channels))
    signal[np.diff(A.indptr) == 0] = np.nan
    return signal


class RoundTrip(NamedTuple):
    """What mesh → image → mesh does to the vertices.

    Attributes
    ----------
    V : length
        Where they come back.
    error : length
        How far that is from where they were; NaN for a vertex in no face.
    """

    V: Float[np.ndarray, "n c"]
    error: Float[np.ndarray, " n"]


@takes_mesh
def round_trip_error(
    V: Float[np.ndarray, "n c"],
    F: Int[np.ndarray, "m 3"],
    image: Float[np.ndarray, "H W c"],
    UV: Float[np.ndarray, "t 2"],
    *,
    F_uv: Int[np.ndarray, "m 3"] | None = None,
    inside: Bool[np.ndarray, "h w"] | None = None,
) -> RoundTrip:
    """Measure how far each vertex lands from its place after mesh → image → mesh.

    Parameters
    ----------
    V : length
        Or any attribute with one row per vertex.
    image : length
        Made from V by `geometry_image`, `supersampled_matrix` or whatever is to be judged.
    UV, F_uv, inside : 1
        As for `vertices_from_image`.
    """
    back = vertices_from_image(image, F, len(V), UV, F_uv=F_uv, inside=inside)
    return RoundTrip(back, np.linalg.norm(back - V, axis=1))
