"""A regular grid mesh from a geometry image, its border stitched where the image's borders meet.

An image of a closed surface shows the surface cut open: texels on both sides of the cut hold the
same points. Stitching makes them one vertex again.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from meshkit.errors import MeshError
from meshkit.topology import connected_labels, edge_table

_TOLERANCE = 1 / 32768  # of the diagonal: two steps of a 16-bit file in every axis


class GridMesh(NamedTuple):
    """The surface through the texels of a geometry image.

    Attributes
    ----------
    V : length
    F : 1
    UV_corner, F_uv : 1
        Texel centres: a stitched vertex has several.
    texel : 1
        ``row * W + column`` of each row of UV_corner.
    stitched : 1
        Texels that share their vertex with an earlier one.
    """

    V: Float[np.ndarray, "n 3"]
    F: Int[np.ndarray, "m 3"]
    UV_corner: Float[np.ndarray, "t 2"]
    F_uv: Int[np.ndarray, "m 3"]
    texel: Int[np.ndarray, " t"]
    stitched: int


def grid_faces(inside: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, "m 3"]:
    """Return two triangles for each 2 × 2 block of texels inside, counter-clockwise in (u, v).

    Vertex ``row * W + column`` is the texel.
    """
    H, W = inside.shape
    index = np.arange(H * W).reshape(H, W)
    a, b = index[:-1, :-1], index[:-1, 1:]
    d, c = index[1:, :-1], index[1:, 1:]
    whole = inside[:-1, :-1] & inside[:-1, 1:] & inside[1:, :-1] & inside[1:, 1:]
    quads = np.stack([a, b, c, d], axis=2)[whole]
    return np.stack([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]], axis=1).reshape(-1, 3)


def mesh_of_texels(
    image: Float[np.ndarray, "H W 3"],
    inside: Bool[np.ndarray, "H W"] | None = None,
    *,
    stitch: bool = True,
    tolerance: float | None = None,
) -> GridMesh:
    """Connect the texels of a geometry image to a grid mesh; make border texels that coincide one.

    Only texels on the border of the grid are stitched, so a surface that touches itself inside
    stays as it is. Faces that stitching leaves without a third corner are dropped.

    Parameters
    ----------
    image : length
        Positions.
    inside : 1
        Texels on the mesh; all by default. Texels in no whole 2 × 2 block are left out.
    tolerance : length
        How far apart texels that coincide may be; 1/32768 of the diagonal by default. Images
        of `meshkit.geometry_image` hold texel *centres*: the two sides of a cut are a texel apart
        there, not equal. Images with samples on the border itself (Gu et al.) have equal ones.

    Raises
    ------
    MeshError
        No 2 × 2 block of texels is inside, or nothing is left after stitching.
    ValueError
        The tolerance is negative.

    References
    ----------
    Gu, Gortler, Hoppe, Geometry images, SIGGRAPH 2002.
    """
    H, W, _ = image.shape
    inside = np.ones((H, W), dtype=bool) if inside is None else inside
    if tolerance is not None and not tolerance >= 0:
        raise ValueError(f"the tolerance must be at least 0, got {tolerance}")
    faces = grid_faces(inside)
    if len(faces) == 0:
        raise MeshError(f"no 2 x 2 block of the {H} x {W} texels is inside: there is no grid")
    texel = np.unique(faces)
    faces = np.searchsorted(texel, faces)
    P = image.reshape(-1, 3)[texel]
    owner = np.arange(len(texel))
    if stitch:
        if tolerance is None:
            tolerance = _TOLERANCE * float(np.linalg.norm(np.ptp(P, axis=0)))
        table = edge_table(faces)
        owner = _owners(P, np.unique(table.E[table.uses == 1]), tolerance)
    F = owner[faces]
    kept = (np.roll(F, 1, axis=1) != F).all(axis=1)
    if not kept.any():
        raise MeshError("all texels coincide: no face is left")
    vertices, F = np.unique(F[kept], return_inverse=True)
    row, column = np.divmod(texel, W)
    UV = np.stack([(column + 0.5) / W, (row + 0.5) / H], axis=1)
    stitched = int((owner != np.arange(len(texel))).sum())
    return GridMesh(P[vertices], F.reshape(-1, 3), UV, faces[kept], texel, stitched)


def _owners(P: np.ndarray, border: np.ndarray, tolerance: float) -> np.ndarray:
    """Return for each vertex the first of those it coincides with; only border vertices do."""
    pairs = cKDTree(P[border]).query_pairs(tolerance, output_type="ndarray")
    label = connected_labels(pairs[:, 0], pairs[:, 1], len(border))
    _, first = np.unique(label, return_index=True)
    owner = np.arange(len(P))
    owner[border] = border[first[label]]
    return owner
