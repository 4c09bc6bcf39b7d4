"""Which face lies under each pixel of the unit square, and where in that face.

The pixel convention of the whole package::

      u = 0          u = 1        The centre of (row, col) is u = (col + 0.5) / W,
       +----+----+----+  v = 0    v = (row + 0.5) / H. Row 0 is v = 0: no flip.
       | 00 | 01 | 02 |
       +----+----+----+           A centre belongs to the face that holds it; on a shared edge or
       | 10 | 11 | 12 |           vertex to the face with the lowest index. A mesh without gaps
       +----+----+----+  v = 1    leaves no pixel empty between its faces.

How: a face is a stack of horizontal spans, one for each pixel row it crosses. The ends of a span
are points on two edges, the pixel is a point between the ends, so its barycentric weights are a
convex combination by construction: never negative, however thin the face. Two faces that share an
edge compute its crossing with a row from the same two points in the same order, so they get the
same number and no crack can open between them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int

from meshkit.checks import check_faces, check_mesh, takes_mesh
from meshkit.errors import MeshError
from meshkit.predicates import orientation

CHUNK = 1 << 15  # spans or pixels at a time: bounds the memory and stays in the cache


class UVRaster(NamedTuple):
    """The face and the barycentric weights under every pixel centre.

    Attributes
    ----------
    face_index : 1
        Row of F, -1 outside the mesh.
    bary : 1
        Weights of the face's corners in the order of F, in [0, 1] with sum 1; zeros outside.
    """

    face_index: Int[np.ndarray, "H W"]
    bary: Float[np.ndarray, "H W 3"]


@takes_mesh
def rasterize_uv(
    UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"], resolution: int | tuple[int, int]
) -> UVRaster:
    """Find the face and the barycentric weights under every pixel centre.

    A coordinate within 16 roundings of a centre counts as on it, so that ties are found in spite
    of rounding. Faces without area are skipped; flipped ones are drawn. Where faces overlap the
    lowest index is on top.

    Parameters
    ----------
    UV, F : 1
        What lies outside the unit square is cut off. Where a seam gives a vertex several
        coordinates, pass ``UV_corner`` and ``F_uv``; `raster_matrix` then takes F, whose rows
        name vertices in the same order.
    resolution : pixels
        Height and width, or one number for both.

    Raises
    ------
    ValueError
        The resolution is not two positive numbers.
    """
    H, W = resolution = check_resolution(resolution)
    face_index = np.full(H * W, -1)
    bary = np.zeros(3 * H * W)
    for pixel, where, weights, face in _centres(UV, F, resolution):
        # Where pixels repeat, the last value stays: the lowest face wins.
        face_index[pixel] = face
        bary[where] = weights
    return UVRaster(face_index.reshape(H, W), bary.reshape(H, W, 3))


def check_resolution(resolution: Any) -> tuple[int, int]:
    """Return height and width, given both or one for both; ValueError unless at least 1."""
    both = np.atleast_1d(np.asarray(resolution))
    if both.dtype.kind not in "iu" or both.shape not in ((1,), (2,)) or (both < 1).any():
        raise ValueError(f"resolution must be (height, width) of at least 1, got {resolution}")
    return int(both[0]), int(both[-1])


@takes_mesh
def covered_centres(
    UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"], resolution: tuple[int, int]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield all (pixel, weights, face) in which the face holds the pixel's centre, by chunks.

    A pixel comes once for each face that holds it, whichever is on top, from the last face to the
    first. A centre on an edge has a weight of exactly 0, on a vertex two. Arguments and errors are
    those of `rasterize_uv`.
    """
    for pixel, where, by_row, face in _centres(UV, F, resolution):
        weights = np.empty_like(by_row)
        np.put_along_axis(weights, where - 3 * pixel[:, None], by_row, axis=1)
        yield pixel, weights, face


def _centres(
    UV: np.ndarray, F: np.ndarray, resolution: tuple[int, int]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield all (pixel, 3 pixel + corner, weights of these corners, face), by chunks."""
    check_mesh(UV, F)
    H, W = check_resolution(resolution)
    # glibc hands blocks back to the system, and takes them again page by page, unless one as large
    # has been freed before: half of the time of a small raster.
    np.empty(CHUNK << 6)
    # In pixels, so that centres have integer coordinates.
    X, Y = (
        snap_to_centres(UV[:, k].astype(float) * size - 0.5, size) for k, size in ((0, W), (1, H))
    )
    for faces in _faces(X, Y, F, H, W):
        for some in _split(faces.rows):
            spans = _spans(_Faces(*(x[..., some] for x in faces)), W)
            for part in _split(spans.width):
                yield _fill(_Spans(*(x[..., part] for x in spans)), W)


class _Faces(NamedTuple):
    """Faces that can hold a centre; faces descend."""

    face: np.ndarray
    low: np.ndarray  # first row
    rows: np.ndarray  # number of rows
    order: np.ndarray  # (3, f) corners by row: top, middle, bottom
    x: np.ndarray  # (3, f) coordinates in that order, in pixels
    y: np.ndarray


class _Spans(NamedTuple):
    """Runs of pixels in one row and one face; faces descend."""

    face: np.ndarray
    row: np.ndarray
    first: np.ndarray  # column of the first pixel
    width: np.ndarray  # number of pixels
    ends: np.ndarray  # (2, s) columns of the crossing points, not in order
    order: np.ndarray  # (3, s) corners of the face by row
    weights: np.ndarray  # (5, s) of the crossing points: top and bottom of one, all of the other


def snap_to_centres(x: np.ndarray, size: int) -> np.ndarray:
    """Move coordinates, in pixels, that miss a pixel centre by rounding only onto it."""
    nearest = np.rint(x)
    few = np.flatnonzero(np.abs(x - nearest) <= 16 * np.finfo(float).eps * size)
    snapped = x.copy()
    snapped.put(few, nearest.take(few))  # five times as fast as np.where
    return snapped


def _faces(X: np.ndarray, Y: np.ndarray, F: np.ndarray, H: int, W: int) -> Iterator[_Faces]:
    """Yield the faces that can hold a centre, by chunks."""
    step = -(-CHUNK // 4)  # most faces have few rows
    for stop in range(len(F), 0, -step):
        start = max(stop - step, 0)
        corners = np.ascontiguousarray(F[start:stop].T[:, ::-1])
        x, y = X.take(corners), Y.take(corners)
        left, right = _bounds(x, W)
        low, high = _bounds(y, H)
        kept = np.flatnonzero((left <= right) & (low <= high))
        x, y = x.take(kept, axis=1), y.take(kept, axis=1)
        turns = orientation(*(np.stack([x[k], y[k]]).T for k in range(3)))
        if not turns.all():
            turned = np.flatnonzero(turns)
            kept, x, y = kept[turned], x[:, turned], y[:, turned]
        order = _by_row(y)
        where = order * len(kept) + np.arange(len(kept))
        first = low[kept].astype(np.int64)
        rows = high[kept].astype(np.int64) - first + 1
        yield _Faces(stop - 1 - kept, first, rows, order, x.take(where), y.take(where))


def _bounds(x: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last centre between three coordinates; none if first > last."""
    low = np.ceil(np.minimum(np.minimum(x[0], x[1]), x[2]))
    high = np.floor(np.maximum(np.maximum(x[0], x[1]), x[2]))
    return np.maximum(low, 0), np.minimum(high, size - 1)


def _by_row(y: np.ndarray) -> Int[np.ndarray, "3 f"]:
    """Sort corners by row, stably: by three comparisons, tenfold faster than by argsort."""
    a, b, c = y[1] < y[0], y[2] < y[0], y[2] < y[1]
    top = (a & ~c) + 2 * (b & c)
    bottom = (c & ~a) + 2 * ~(b | c)
    return np.stack([top, 3 - top - bottom, bottom])


def _split(count: np.ndarray) -> Iterator[slice]:
    """Cut a list of counts into slices of about CHUNK in total, at least one item each."""
    total = np.cumsum(count)
    start = 0
    while start < len(count):
        done = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, done + CHUNK, side="right")))
        yield slice(start, stop)
        start = stop


def _runs(first: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``count[k]`` copies of each k, and the numbers that run on from ``first[k]``."""
    k = np.repeat(np.arange(len(count)), count)
    return k, np.arange(len(k)) + (first - np.cumsum(count) + count).take(k)


def _spans(faces: _Faces, W: int) -> _Spans:
    """Cut faces into rows: find where each row enters and leaves the face."""
    x, y = faces.x, faces.y
    k, row = _runs(faces.low, faces.rows)
    # Two edges cross the row: the long one from top to bottom, and a short one that ends in the
    # middle corner, an upper or a lower one. All run downwards, whichever face asks.
    start, stop = [0, 0, 1], [2, 1, 2]
    lower = row > np.where(y[1] > y[0], y[1], -np.inf).take(k)
    edge = np.stack([k, k + len(faces.face) * (1 + lower)])
    t = (row - y[start].take(edge)) / (y[stop] - y[start]).take(edge)
    ends = snap_to_centres((1 - t) * x[start].take(edge) + t * x[stop].take(edge), W)
    left = np.maximum(np.ceil(np.minimum(ends[0], ends[1])), 0)
    right = np.minimum(np.floor(np.maximum(ends[0], ends[1])), W - 1)
    kept = np.flatnonzero(left <= right)
    k, t, lower = k.take(kept), t.take(kept, axis=1), lower.take(kept)
    first = left.take(kept).astype(np.int64)
    width = right.take(kept).astype(np.int64) - first + 1
    rest = 1 - t
    weights = np.stack([rest[0], t[0], rest[1] * ~lower, np.abs(lower - t[1]), t[1] * lower])
    order = faces.order.take(k, axis=1)
    return _Spans(
        faces.face.take(k), row.take(kept), first, width, ends.take(kept, axis=1), order, weights
    )


def _fill(spans: _Spans, W: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels of some spans, the places of their weights, those, and the faces."""
    k, column = _runs(spans.first, spans.width)
    start, stop = spans.ends
    length = stop - start
    length[length == 0] = 1  # a span of no length is one point: either end will do
    t = (column - start.take(k)) / length.take(k)
    np.minimum(np.maximum(t, 0, out=t), 1, out=t)
    rest = 1 - t
    pixel = (spans.row * W).take(k) + column
    first = 3 * pixel
    where, weights = np.empty((len(k), 3), dtype=np.int64), np.empty((len(k), 3))
    for corner, some in enumerate(spans.order):
        np.add(first, some.take(k), out=where[:, corner])
    top, bottom, *other = (some.take(k) for some in spans.weights)
    np.add(rest * top, t * other[0], out=weights[:, 0])
    np.multiply(t, other[1], out=weights[:, 1])
    np.add(rest * bottom, t * other[2], out=weights[:, 2])
    return pixel, where, weights, spans.face.take(k)


def raster_matrix(F: Int[np.ndarray, "m 3"], raster: UVRaster, n_vertices: int) -> sp.csr_array:
    """Return the matrix S that resamples a vertex signal on the raster: ``image = S @ signal``.

    Row ``row * W + col`` has the three weights of the face under that pixel, which sum to 1;
    outside the mesh it is zero.

    Returns
    -------
    S : 1
        H W × n_vertices.
    """
    check_faces(F)
    if int(F.max()) >= n_vertices:
        raise MeshError(f"a face names vertex {int(F.max())}, n_vertices is {n_vertices}")
    face = raster.face_index.ravel()
    if int(face.max()) >= len(F):
        raise MeshError(f"the raster names face {int(face.max())}, but F has {len(F)}")
    inside = face >= 0
    start = np.concatenate([[0], np.cumsum(3 * inside)])
    entries = raster.bary.reshape(-1, 3)[inside].ravel(), F[face[inside]].ravel(), start
    S = sp.csr_array(entries, shape=(face.size, n_vertices))
    S.sort_indices()
    return S


def touched_vertices(F: Int[np.ndarray, "m 3"], raster: UVRaster, n: int) -> Bool[np.ndarray, " n"]:
    """Answer which vertices have a positive weight in a pixel; the others get no gradient."""
    S = raster_matrix(F, raster, n)
    touched = np.zeros(n, dtype=bool)
    touched[S.indices[S.data > 0]] = True
    return touched


def vertices_seen(F: Int[np.ndarray, "m 3"], raster: UVRaster, n: int) -> float:
    """Return the share of n vertices that are `touched_vertices`."""
    return float(touched_vertices(F, raster, n).mean())
