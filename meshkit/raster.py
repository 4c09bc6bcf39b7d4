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
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.checks import check_faces, check_mesh
from meshkit.errors import MeshError
from meshkit.flattening.predicates import orientation

CHUNK = 1 << 17  # spans or pixels at a time: bounds the memory and keeps the arrays in the cache


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


def rasterize_uv(
    UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"], resolution: tuple[int, int]
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
        Height and width.

    Raises
    ------
    ValueError
        The resolution is not two positive numbers.
    """
    check_resolution(resolution)
    H, W = resolution
    face_index = np.full(H * W, -1)
    bary = np.zeros((H * W, 3))
    for pixel, weights, owner in covered_centres(UV, F, resolution):
        # Where pixels repeat, the last value stays: backwards, the lowest face wins.
        face_index[pixel[::-1]] = owner[::-1]
        bary[pixel[::-1]] = weights[::-1]
    return UVRaster(face_index.reshape(H, W), bary.reshape(H, W, 3))


def check_resolution(resolution: tuple[int, int]) -> None:
    """Raise ValueError unless height and width are at least 1."""
    H, W = resolution
    if H < 1 or W < 1:
        raise ValueError(f"resolution must be (height, width) of at least 1, got {resolution}")


def covered_centres(
    UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "m 3"], resolution: tuple[int, int]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield all (pixel, weights, face) in which the face holds the pixel's centre, by chunks.

    A pixel comes once for each face that holds it, whichever is on top: chunks from the last face
    to the first, within a chunk from the first to the last. A centre on an edge has a weight of
    exactly 0, on a vertex two. Arguments and errors are those of `rasterize_uv`.
    """
    check_mesh(UV, F)
    check_resolution(resolution)
    H, W = resolution
    # In pixels, so that centres have integer coordinates.
    X, Y = (
        snap_to_centres(UV[:, k].astype(float) * size - 0.5, size) for k, size in ((0, W), (1, H))
    )
    for face in _face_chunks(X, Y, F, H, W):
        spans = _spans(X, Y, F, face, H, W)
        for some in reversed(list(_split(spans.width))):
            yield _fill(spans, some, W)


class _Spans(NamedTuple):
    """Runs of pixels in one row and one face; faces ascend."""

    face: np.ndarray
    row: np.ndarray
    first: np.ndarray  # column of the first pixel
    width: np.ndarray  # number of pixels
    ends: np.ndarray  # (s, 2) columns of the crossing points, not in order
    bary: np.ndarray  # (s, 2, 3) weights of the crossing points


def snap_to_centres(x: np.ndarray, size: int) -> np.ndarray:
    """Move coordinates, in pixels, that miss a pixel centre by rounding only onto it."""
    nearest = np.rint(x)
    return np.asarray(np.where(np.abs(x - nearest) <= 16 * np.finfo(float).eps * size, nearest, x))


def _face_chunks(
    X: np.ndarray, Y: np.ndarray, F: np.ndarray, H: int, W: int
) -> Iterator[np.ndarray]:
    """Yield the faces that can hold a centre, last chunk first, each with a bounded row count."""
    rows, columns = (
        _count(x[F[:, 0]], x[F[:, 1]], x[F[:, 2]], size) for x, size in ((Y, H), (X, W))
    )
    face = np.flatnonzero((rows > 0) & (columns > 0))
    P = [np.stack([X[F[face, k]], Y[F[face, k]]], axis=1) for k in range(3)]
    face = face[orientation(P[0], P[1], P[2]) != 0]
    for some in reversed(list(_split(rows[face]))):
        yield face[some]


def _count(a: np.ndarray, b: np.ndarray, c: np.ndarray, size: int) -> np.ndarray:
    low = np.ceil(np.minimum(np.minimum(a, b), c)).clip(0, size)
    high = np.floor(np.maximum(np.maximum(a, b), c)).clip(-1, size - 1)
    return np.asarray((high - low + 1).clip(0).astype(np.int64))


def _split(count: np.ndarray) -> Iterator[slice]:
    """Cut a list of counts into slices of about CHUNK in total, at least one item each."""
    total = np.cumsum(count)
    start = 0
    while start < len(count):
        done = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, done + CHUNK, side="right")))
        yield slice(start, stop)
        start = stop


def _ranks(count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for ``count[k]`` copies of each k, the k and the number of the copy."""
    k = np.repeat(np.arange(len(count)), count)
    return k, np.arange(len(k)) - np.repeat(np.cumsum(count) - count, count)


def _spans(X: np.ndarray, Y: np.ndarray, F: np.ndarray, face: np.ndarray, H: int, W: int) -> _Spans:
    """Cut faces into rows: find where each row enters and leaves the face."""
    order = np.argsort(Y[F[face]], axis=1, kind="stable")  # corners by row: top, middle, bottom
    corner = np.take_along_axis(F[face], order, axis=1)
    x, y = X[corner].T, Y[corner].T
    low = np.ceil(y[0]).clip(0, H).astype(np.int64)
    high = np.floor(y[2]).clip(-1, H - 1).astype(np.int64)
    k, rank = _ranks((high - low + 1).clip(0))
    row = low[k] + rank
    upper = (row <= y[1][k]) & (y[1] > y[0])[k]
    # Two edges cross the row: the long one from top to bottom, and a short one that ends in the
    # middle corner. Both run downwards, whichever face asks.
    start, stop = np.where(upper, 0, 1), np.where(upper, 1, 2)
    ends, weights = np.empty((len(k), 2)), np.zeros((len(k), 2, 3))
    span = np.arange(len(k))
    for side, (a, b) in enumerate(((np.zeros_like(k), np.full_like(k, 2)), (start, stop))):
        t = (row - y[a, k]) / (y[b, k] - y[a, k])
        ends[:, side] = snap_to_centres((1 - t) * x[a, k] + t * x[b, k], W)
        weights[span, side, order[k, a]] = 1 - t
        weights[span, side, order[k, b]] = t
    # Elementwise: numpy reduces an axis of length 2 ten times slower.
    left = np.ceil(np.minimum(ends[:, 0], ends[:, 1])).clip(0, W).astype(np.int64)
    right = np.floor(np.maximum(ends[:, 0], ends[:, 1])).clip(-1, W - 1).astype(np.int64)
    kept = np.flatnonzero(right >= left)
    return _Spans(
        face[k[kept]],
        row[kept],
        left[kept],
        (right - left + 1)[kept],
        ends[kept],
        weights[kept],
    )


def _fill(spans: _Spans, some: slice, W: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels of some spans, their weights, and their faces."""
    k, rank = _ranks(spans.width[some])
    column = spans.first[some][k] + rank
    start, stop = spans.ends[some].T
    length = stop - start
    # A span of no length is one point: either end will do.
    t = (column - start[k]) / np.where(length == 0, 1, length)[k]
    t = t.clip(0, 1)[:, None]
    bary = spans.bary[some]
    weights = (1 - t) * bary[k, 0] + t * bary[k, 1]
    return spans.row[some][k] * W + column, weights, spans.face[some][k]


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


def vertices_seen(F: Int[np.ndarray, "m 3"], raster: UVRaster, n: int) -> float:
    """Return the share of n vertices that a pixel touches: those with a positive weight somewhere.

    The others get no gradient from an image.
    """
    S = raster_matrix(F, raster, n)
    return len(np.unique(S.indices[S.data > 0])) / n
