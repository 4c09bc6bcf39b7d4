"""Carry textures, colours, weights and landmarks from one mesh to another: baking.

Two meshes of different topology or layout correspond in one of two ways: by *closest* points in
space, once they lie on each other (`meshkit.registration`), or by their *map*, where both have
texture coordinates in one layout. A `Places` says where on the source each wanted point lies; what
is a signal there, is read off by barycentric weights.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from meshkit.errors import MeshError
from meshkit.geometry_image import sampling_matrix
from meshkit.images.charts import rasterize_mesh
from meshkit.images.dilate import dilate_image
from meshkit.mesh import Mesh
from meshkit.registration.target import barycentric

WAYS = ("closest", "map")


class Places(NamedTuple):
    """Where points of a target lie on a source.

    Attributes
    ----------
    face : 1
        Row of the source's F.
    bary : 1
        Weights of its corners.
    distance
        From each point to its place: a length by "closest", in texture coordinates by "map".
    """

    face: Int[np.ndarray, " k"]
    bary: Float[np.ndarray, "k 3"]
    distance: Float[np.ndarray, " k"]

    def read(
        self, F: Int[np.ndarray, "m 3"], values: Float[np.ndarray, "n c"]
    ) -> Float[np.ndarray, "k c"]:
        """Return a signal, given at the rows that F names (vertices, or corners of a map)."""
        return np.asarray(np.einsum("kj,kjc->kc", self.bary, values[F[self.face]]))


def vertex_places(source: Mesh, target: Mesh, *, by: str = "closest") -> Places:
    """Find the vertices of a target on a source.

    By "map", a vertex on a seam of the target takes one of its places.

    Raises
    ------
    ValueError
        `by` is neither "closest" nor "map".
    MeshError
        By "map", and one of the meshes has no texture coordinates.
    """
    _check_way(by)
    if by == "closest":
        return _on(source.V, source.F, target.V)
    UV, F_uv = _map(target, "target")
    points = np.zeros((len(target.V), 2))
    points[target.F] = UV[F_uv]
    return _on_map(source, points)


def texel_places(
    source: Mesh, target: Mesh, size: tuple[int, int], *, by: str = "closest"
) -> tuple[Places, Bool[np.ndarray, "H W"]]:
    """Find the texels of a target's map on a source: one place for each texel inside, in order.

    Raises
    ------
    ValueError
        `by` is neither "closest" nor "map".
    MeshError
        The target has no texture coordinates; by "map", the source has none.
    """
    _check_way(by)
    UV, F_uv = _map(target, "target")
    raster = rasterize_mesh(target, size)
    inside = raster.face_index >= 0
    face, bary = raster.face_index[inside], raster.bary[inside]
    own, rows = (target.V, target.F) if by == "closest" else (UV, F_uv)
    points = np.einsum("kj,kjc->kc", bary, own[rows[face]])
    if by == "closest":
        return _on(source.V, source.F, points), inside
    return _on_map(source, points), inside


def bake_texture(
    source: Mesh,
    texture: Float[np.ndarray, "h w c"],
    target: Mesh,
    size: tuple[int, int],
    *,
    by: str = "closest",
    dilate: int = 4,
) -> tuple[Float[np.ndarray, "H W c"], Bool[np.ndarray, "H W"], Places]:
    """Draw a source's texture into the layout of a target.

    Parameters
    ----------
    texture : any unit
        Of the source's map; row 0 is v = 0.
    size : pixels
        Height and width of the result.
    dilate : pixels
        Rings by which the texture goes on around the charts, for filters.

    Raises
    ------
    ValueError, MeshError
        As `texel_places`; the source has no texture coordinates.
    """
    UV, F_uv = _map(source, "source")
    places, inside = texel_places(source, target, size, by=by)
    H, W, channels = texture.shape
    sampling = sampling_matrix(places.read(F_uv, UV), (H, W))
    image = np.zeros((*inside.shape, channels))
    image[inside] = sampling @ texture.reshape(H * W, channels)
    image, covered = dilate_image(image, inside, dilate)
    return image, covered, places


def _check_way(by: str) -> None:
    if by not in WAYS:
        raise ValueError(f"by must be one of {list(WAYS)}, got {by!r}")


def _map(mesh: Mesh, which: str) -> tuple[np.ndarray, np.ndarray]:
    if mesh.UV is not None:
        return mesh.UV, mesh.F
    if mesh.UV_corner is not None and mesh.F_uv is not None:
        return mesh.UV_corner, mesh.F_uv
    raise MeshError(f"the {which} has no texture coordinates", remedy="parameterize")


def _on_map(source: Mesh, points: np.ndarray) -> Places:
    UV, F_uv = _map(source, "source")
    flat = np.zeros((len(points), 1))
    return _on(np.hstack([UV, np.zeros((len(UV), 1))]), F_uv, np.hstack([points, flat]))


def _on(V: np.ndarray, F: np.ndarray, points: np.ndarray) -> Places:
    # Triangles that share no vertices (STL) have closest points as well: no `Target` of them.
    import igl

    tree = igl.AABB()
    V, F = np.array(V, dtype=np.float64, order="C"), np.array(F, dtype=np.int64, order="C")
    tree.init(V, F)
    square, face, point = tree.squared_distance(V, F, np.ascontiguousarray(points, np.float64))
    face = np.atleast_1d(face).astype(np.int64)
    bary = barycentric(np.atleast_2d(point), V[F[face]])
    return Places(face, bary, np.sqrt(np.atleast_1d(square)))
