"""From polygons with corners to a triangle Mesh: split, place UVs, keep order.

A polygon with corners ``c0 … ck`` becomes the *fan* ``(c0, c1, c2), (c0, c2, c3), …``, in place:
the triangles of polygon i come before those of polygon i + 1. Where the fan would turn a triangle
over, which no convex polygon allows, its ears are cut instead, in the plane that fits it best. A
convex polygon is so cut by its indices alone, however its vertices move a little. For a collection
whose meshes must get the same triangles, concave or not, ``quads="index"`` keeps every fan.

The price of the fan is quality. On request quads are cut along the Delaunay diagonal of the mesh at
hand, which gives far fewer negative cotangent weights (115 against 3,472 on a face template of
6,560 quads): right for a template that is split once and then shared, wrong for each mesh of a
collection.
"""

import warnings
from pathlib import Path

import mapbox_earcut
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from meshkit.errors import FileFormatError
from meshkit.mesh import Mesh

QUADS = ("fan", "delaunay", "index")
# A triangle turned over by less than this share of its polygon stays: noise moves no diagonal.
_TURNED = 1e-3


def fan(sizes: Int[np.ndarray, " p"]) -> Int[np.ndarray, "m 3"]:
    """Return, for each triangle, the places of its corners in the flat list of polygon corners."""
    count = sizes - 2
    first = np.repeat(np.cumsum(sizes) - sizes, count)
    rank = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count)
    return np.stack([first, first + rank + 1, first + rank + 2], axis=1)


def strip_triangles(strip: Int[np.ndarray, " k"]) -> Int[np.ndarray, "m 3"]:
    """Return the triangles of strips, which -1 separates; every second one is turned around.

    Those that name a vertex twice only join two strips, and are left out.
    """
    place = np.arange(len(strip))
    start = np.maximum.accumulate(np.where(strip == -1, place + 1, 0))  # of the own strip
    k = np.flatnonzero(place - start >= 2)
    odd = (k - start[k]) % 2 == 1
    F = strip[np.stack([np.where(odd, k - 1, k - 2), np.where(odd, k - 2, k - 1), k], axis=1)]
    return np.asarray(F[(np.roll(F, 1, axis=1) != F).all(axis=1)])


def cut_ears(
    path: Path,
    places: Int[np.ndarray, "m 3"],
    sizes: Int[np.ndarray, " p"],
    P: Float[np.ndarray, "c 3"],
) -> Int[np.ndarray, "m 3"]:
    """Cut the ears of the polygons in which a triangle is turned over; `P`: positions by corner.

    Warns of polygons that no cut makes sound: they cross themselves, or are far from flat.
    """
    turned, normals = _turned_over(places, sizes, P)
    if not turned.any():
        return places
    places = places.copy()
    first, triangle = np.cumsum(sizes) - sizes, np.cumsum(sizes - 2) - (sizes - 2)
    for p in np.flatnonzero(turned):
        corner = P[first[p] : first[p] + sizes[p]]
        basis = np.linalg.svd(normals[p][None])[2][1:]  # spans the plane
        cut = _ears((corner - corner[0]) @ basis.T)
        if cut is not None:
            places[triangle[p] : triangle[p] + len(cut)] = first[p] + cut
    turned, _ = _turned_over(places, sizes, P)
    if turned.any():
        warnings.warn(
            f"{path}: {turned.sum()} polygons cross themselves or are far from flat, so some of "
            f"their triangles overlap (first: polygon {int(turned.argmax())}, counted from 0)",
            stacklevel=5,
        )
    return places


def _turned_over(
    places: Int[np.ndarray, "m 3"], sizes: Int[np.ndarray, " p"], P: Float[np.ndarray, "c 3"]
) -> tuple[Bool[np.ndarray, " p"], Float[np.ndarray, "p 3"]]:
    """Return which polygons have a triangle that faces against them, and their area vectors."""
    owner = np.repeat(np.arange(len(sizes)), sizes - 2)
    # Coordinate by coordinate: contiguous arrays are thrice as fast as points.
    planes = np.ascontiguousarray(P.T)
    with np.errstate(invalid="ignore", over="ignore"):
        origin = planes[:, places[:, 0]]
        (a, b, c), (x, y, z) = (planes[:, places[:, k]] - origin for k in (1, 2))
        area = b * z - c * y, c * x - a * z, a * y - b * x
        sums = [np.bincount(owner, part, len(sizes)) for part in area]
        normals = np.stack(sums, axis=1)
        square = (normals * normals).sum(axis=1)
        slack = _TURNED * square[owner]
        for part, total in zip(area, sums, strict=True):
            slack += part * total[owner]
        against = slack < 0
    turned = np.zeros(len(sizes), dtype=bool)
    turned[owner[against]] = True
    return turned & np.isfinite(square), normals


def _ears(xy: Float[np.ndarray, "k 2"]) -> Int[np.ndarray, "k-2 3"] | None:
    """Triangulate one simple polygon; None if that fails. Every corner is used."""
    k = len(xy)
    rings = np.array([k], dtype=np.uint32)
    cut = mapbox_earcut.triangulate_float64(np.ascontiguousarray(xy), rings)
    # A triangle turns as its polygon if its corners follow in the polygon's order.
    triangles = [tuple(row) for row in np.sort(cut.reshape(-1, 3).astype(np.int64)).tolist()]
    missing = sorted({*range(k)} - {corner for row in triangles for corner in row})
    for b in missing:  # in a straight line with its neighbours: it halves a triangle
        present = {corner for row in triangles for corner in row}
        a = next((j % k for j in range(b - 1, b - k, -1) if j % k in present), b)
        c = next((j % k for j in range(b + 1, b + k) if j % k in present), b)
        row = next((row for row in triangles if a in row and c in row), None)
        if row is None:
            return None
        triangles.remove(row)
        (x,) = {*row} - {a, c}
        triangles += [tuple(sorted((a, b, x))), tuple(sorted((b, c, x)))]
    return np.array(sorted(triangles), dtype=np.int64) if len(triangles) == k - 2 else None


def drop_repeats(
    corners: Int[np.ndarray, " c"], sizes: Int[np.ndarray, " p"]
) -> tuple[Bool[np.ndarray, " c"], Int[np.ndarray, " p"]]:
    """Return which corners differ from the next of their polygon, and the sizes without others.

    Some exporters write a triangle as a quad that names a corner twice. A polygon that would be
    left with less than 3 corners stays as it is.
    """
    first = np.cumsum(sizes) - sizes
    following = np.roll(corners, -1)
    following[first + sizes - 1] = corners[first]
    owner = np.repeat(np.arange(len(sizes)), sizes)
    kept = corners != following
    left = np.bincount(owner[kept], minlength=len(sizes))
    kept |= (left < 3)[owner]
    return kept, np.where(left < 3, sizes, left)


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
        There is no polygon or no vertex; a colour is not finite.
    ValueError
        `quads` is not one of `QUADS`.
    """
    if quads not in QUADS:
        raise ValueError(f"quads must be 'fan', 'delaunay' or 'index', got {quads!r}")
    if len(V) == 0:
        raise FileFormatError(f"{path} holds no vertex")
    if len(sizes) == 0:
        raise FileFormatError(f"{path} holds {len(V)} vertices but no face")
    if colors is not None:
        colors = _bounded(path, colors)
    if (sizes > 3).any():
        kept, sizes = drop_repeats(corners, sizes)
        corners, corners_uv = corners[kept], None if corners_uv is None else corners_uv[kept]
    places = fan(sizes)
    if quads == "delaunay":
        places = turn_quads(places, sizes, V[corners])
    if quads != "index" and (sizes > 3).any():
        places = cut_ears(path, places, sizes, V[corners])
    F = corners[places]
    if UV_corner is None or corners_uv is None:
        return Mesh(V, F, UV=UV, colors=colors)
    F_uv = corners_uv[places]
    collapsed = collapse_uv(F, F_uv, UV_corner, len(V))
    if collapsed is not None:
        return Mesh(V, F, UV=collapsed, colors=colors)
    return Mesh(V, F, UV_corner=UV_corner, F_uv=F_uv, colors=colors)


def _bounded(path: Path, colors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    if not (finite := np.isfinite(colors).all(axis=1)).all():
        raise FileFormatError(f"{path}: the colour of vertex {int(finite.argmin())} is not finite")
    outside = ((colors < 0) | (colors > 1)).any(axis=1)
    if outside.any():
        warnings.warn(
            f"{path}: colours outside 0 to 1 are cut off (first: vertex {int(outside.argmax())})",
            stacklevel=5,
        )
    return colors.clip(0, 1)


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
