"""From polygons with corners to a triangle Mesh: split, place UVs, keep order.

A polygon with corners ``c0 … ck`` becomes the *fan* ``(c0, c1, c2), (c0, c2, c3), …``, in place:
the triangles of polygon i come before those of polygon i + 1. The fan looks at indices alone, so
two meshes with the same polygons get the same triangles, whatever their positions: correspondence
between faces of one topology depends on that. The price is quality. On request quads are cut along
the Delaunay diagonal of the mesh at hand, which gives far fewer negative cotangent weights (115
against 3,472 on a face template of 6,560 quads): right for a template that is split once and then
shared, wrong for each mesh of a collection.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from meshkit.errors import FileFormatError
from meshkit.mesh import Mesh


def fan(sizes: Int[np.ndarray, " p"]) -> Int[np.ndarray, "m 3"]:
    """Return, for each triangle, the places of its corners in the flat list of polygon corners."""
    count = sizes - 2
    first = np.repeat(np.cumsum(sizes) - sizes, count)
    rank = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count)
    return np.stack([first, first + rank + 1, first + rank + 2], axis=1)


def turn_quads(
    places: Int[np.ndarray, "m 3"],
    sizes: Int[np.ndarray, " p"],
    P: Float[np.ndarray, "c 3"],
) -> Int[np.ndarray, "m 3"]:
    """Cut quads along the other diagonal where that one is Delaunay; `P`: positions by corner.

    The Delaunay diagonal faces the smaller sum of angles; with equal sums the fan's stays.
    """
    quad = np.flatnonzero(sizes == 4)
    corner = (np.cumsum(sizes) - sizes)[quad, None] + np.arange(4)
    X = P[corner]  # (q, 4, 3)
    before, after = np.roll(X, 1, axis=1) - X, np.roll(X, -1, axis=1) - X
    cross = np.linalg.norm(np.cross(before, after), axis=2)
    angle = np.arctan2(cross, (before * after).sum(axis=2))
    turned = angle[:, 1] + angle[:, 3] > angle[:, 0] + angle[:, 2] + 1e-12
    triangle = (np.cumsum(sizes - 2) - (sizes - 2))[quad[turned]]
    places = places.copy()
    places[triangle] = corner[turned][:, [0, 1, 3]]
    places[triangle + 1] = corner[turned][:, [1, 2, 3]]
    return places


def build_mesh(
    path: Path,
    V: Float[np.ndarray, "n 3"],
    corners: Int[np.ndarray, " c"],
    sizes: Int[np.ndarray, " p"],
    *,
    UV: Float[np.ndarray, "n 2"] | None = None,
    UV_corner: Float[np.ndarray, "t 2"] | None = None,
    corners_uv: Int[np.ndarray, " c"] | None = None,
    colors: Float[np.ndarray, "n 3"] | None = None,
    quads: str = "fan",
) -> Mesh:
    """Triangulate polygons whose indices were checked; collapse UVs where there is no seam.

    Raises
    ------
    FileFormatError
        There is no polygon or no vertex.
    ValueError
        `quads` is neither "fan" nor "delaunay".
    """
    if quads not in ("fan", "delaunay"):
        raise ValueError(f"quads must be 'fan' or 'delaunay', got {quads!r}")
    if len(V) == 0:
        raise FileFormatError(f"{path} holds no vertex")
    if len(sizes) == 0:
        raise FileFormatError(f"{path} holds {len(V)} vertices but no face")
    places = fan(sizes)
    if quads == "delaunay":
        places = turn_quads(places, sizes, V[corners])
    F = corners[places]
    if UV_corner is None or corners_uv is None:
        return Mesh(V, F, UV=UV, colors=colors)
    F_uv = corners_uv[places]
    collapsed = collapse_uv(F, F_uv, UV_corner, len(V))
    if collapsed is not None:
        return Mesh(V, F, UV=collapsed, colors=colors)
    return Mesh(V, F, UV_corner=UV_corner, F_uv=F_uv, colors=colors)


def collapse_uv(
    F: Int[np.ndarray, "m 3"],
    F_uv: Int[np.ndarray, "m 3"],
    UV_corner: Float[np.ndarray, "t 2"],
    n_vertices: int,
) -> Float[np.ndarray, "n 2"] | None:
    """Return one UV per vertex if every corner of a vertex has the same one, else None.

    A vertex in no face gets (0, 0), unless the file lists exactly one UV per vertex, in order.
    """
    if len(UV_corner) == n_vertices and (F_uv == F).all():
        return UV_corner
    UV = np.zeros((n_vertices, 2))
    UV[F] = UV_corner[F_uv]
    same = (UV[F] == UV_corner[F_uv]) | np.isnan(UV_corner[F_uv])
    return UV if same.all() else None


def first_outside(
    indices: Shaped[np.ndarray, " c"], n: int, sizes: Int[np.ndarray, " p"]
) -> tuple[int, int] | None:
    """Return (polygon, index) of the first corner whose index is not in [0, n); None if all are."""
    bad = (indices < 0) | (indices >= n)
    if not bad.any():
        return None
    corner = int(bad.argmax())
    polygon = int(np.searchsorted(np.cumsum(sizes), corner, side="right"))
    return polygon, int(indices[corner])
