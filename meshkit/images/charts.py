"""Maps in several pieces: texels that charts share, and vertices with several coordinates.

Per-corner texture coordinates (``UV_corner``, ``F_uv``) are rasterized as they are, with
``rasterize_uv(UV_corner, F_uv, (H, W))``; the weights go to the vertices with
``raster_matrix(F, raster, n_vertices)``, since row f of F and of F_uv is the same face.
"""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from meshkit.checks import check_faces, check_mesh
from meshkit.errors import MeshError
from meshkit.mesh import Mesh
from meshkit.raster import (
    UVRaster,
    check_resolution,
    covered_centres,
    rasterize_uv,
    snap_to_centres,
)

_MORE_THAN_ONE = 1 + 1e-9  # angles around a point add up to one turn but for rounding


def rasterize_mesh(mesh: Mesh, resolution: tuple[int, int]) -> UVRaster:
    """Rasterize a mesh by its own texture coordinates, per vertex or per corner.

    Where charts overlap the lowest face wins; `overlapped_texels` says where that was.

    Parameters
    ----------
    resolution : pixels
        Height and width.

    Raises
    ------
    MeshError
        The mesh has no texture coordinates.
    """
    if mesh.UV is not None:
        return rasterize_uv(mesh.UV, mesh.F, resolution)
    if mesh.UV_corner is None or mesh.F_uv is None:
        raise MeshError("the mesh has no texture coordinates: see meshkit.parameterize")
    return rasterize_uv(mesh.UV_corner, mesh.F_uv, resolution)


def overlapped_texels(
    UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"], resolution: tuple[int, int]
) -> Bool[np.ndarray, "H W"]:
    """Answer at which pixel centres the map lies over itself.

    Every face that holds a centre counts by the share of a small circle around the centre that
    it covers: 1 inside, 1/2 on an edge, its angle over a full turn at a corner. Neighbours in a
    chart, and charts that touch, therefore add up to 1 at most; more is an overlap. A fold
    (flipped faces over others) is one too. Where the borders of two charts meet in a centre, the
    charts count as touching there.

    Parameters
    ----------
    UV, F : 1
        As for `rasterize_uv`.
    resolution : pixels
        Height and width.
    """
    check_mesh(UV, F)
    check_resolution(resolution)
    H, W = resolution
    cover = np.zeros(H * W)
    angle = _angles(UV, F, resolution)
    for pixel, weights, face in covered_centres(UV, F, resolution):
        zeros = (weights == 0).sum(axis=1)
        corner = weights.argmax(axis=1)
        share = np.where(zeros == 2, angle[face, corner], np.where(zeros == 1, 0.5, 1.0))
        cover += np.bincount(pixel, weights=share, minlength=H * W)
    return (cover > _MORE_THAN_ONE).reshape(H, W)


def _angles(UV: np.ndarray, F: np.ndarray, resolution: tuple[int, int]) -> np.ndarray:
    """Return the angle at each corner, in turns, of the faces that the raster draws."""
    columns, rows = (
        snap_to_centres(UV[:, k].astype(float) * size - 0.5, size)
        for k, size in ((0, resolution[1]), (1, resolution[0]))
    )
    P = np.stack([columns, rows], axis=1)[F]
    a, b = np.roll(P, -1, axis=1) - P, np.roll(P, 1, axis=1) - P
    sine = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.asarray(np.abs(np.arctan2(sine, (a * b).sum(axis=2))) / (2 * np.pi))


def corner_average(
    F: Int[np.ndarray, "m 3"], F_uv: Int[np.ndarray, "k 3"], n_vertices: int, n_corners: int
) -> sp.csr_array:
    """Return the matrix that takes a signal on UV corners to the vertices they belong to.

    A vertex on a seam gets the mean over its coordinates, each counted once however many faces
    use it. The way back of `rasterize_mesh`: ``corner_average(…) @ sampling_matrix(UV_corner, …)``
    takes an image to the vertices.

    Returns
    -------
    A : 1
        n_vertices × n_corners; rows sum to 1, or are empty for a vertex in no face.

    Raises
    ------
    MeshError
        F and F_uv differ in shape, or name a vertex or a corner that is not there.
    """
    check_faces(F)
    check_faces(F_uv)
    if F.shape != F_uv.shape:
        raise MeshError(f"F is {F.shape} and F_uv {F_uv.shape}: one row each for every face")
    for name, faces, n in (("F", F, n_vertices), ("F_uv", F_uv, n_corners)):
        if int(faces.max()) >= n:
            raise MeshError(f"{name} names row {int(faces.max())}, but there are {n}")
    pair = np.unique(np.stack([F.ravel(), F_uv.ravel()]), axis=1)
    count = np.bincount(pair[0], minlength=n_vertices)
    weights = 1 / count[pair[0]]
    return sp.csr_array((weights, (pair[0], pair[1])), shape=(n_vertices, n_corners))
