"""Rasterization in torch: `meshkit.raster.rasterize_uv` on the device of its input.

The same spans, the same order of operations, no fused multiply-add, float64 throughout: the
result equals numpy's bit for bit, on a CPU and on any device with IEEE arithmetic. `meshkit.raster`
has the pixel convention and explains the method.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshkit.checks import check_mesh
from meshkit.predicates import ERROR, TINY, orientation
from meshkit.raster import check_resolution

CHUNK = 1 << 22  # spans or pixels at a time, about 100 bytes each: bounds the memory


class TensorRaster(NamedTuple):
    """The face and the barycentric weights under every pixel centre, as tensors.

    Attributes
    ----------
    face_index : 1
        Row of F, -1 outside the mesh.
    bary : 1
        Weights of the face's corners; zeros outside.
    """

    face_index: Int[Tensor, "H W"]
    bary: Float[Tensor, "H W 3"]


def rasterize_uv(
    UV: Float[Tensor, "n 2"], F: Int[Tensor, "m 3"], resolution: tuple[int, int]
) -> TensorRaster:
    """Find the face and the barycentric weights under every pixel centre, on the device of UV.

    Equal to `meshkit.raster.rasterize_uv` bit for bit if UV is float64. From float32 the raster
    is computed in float64 too, so its faces are the same; its weights are rounded to the dtype of
    UV. Not differentiable in UV: the raster is piecewise constant in what it covers.

    Parameters
    ----------
    UV : 1
        What lies outside the unit square is cut off.
    resolution : pixels
        Height and width.

    Raises
    ------
    ValueError
        The resolution is not two positive numbers.
    """
    _check(UV, F)
    check_resolution(resolution)
    H, W = resolution
    device = UV.device
    F = F.to(device, torch.int64)
    with torch.no_grad():
        X, Y = (_snap(UV[:, k].double() * size - 0.5, size) for k, size in ((0, W), (1, H)))
        lowest = torch.full((H * W,), len(F), dtype=torch.int64, device=device)
        bary = torch.zeros((H * W, 3), dtype=torch.float64, device=device)
        for pixel, weights, owner in _pieces(X, Y, F, H, W):
            # A minimum of integers is the same in any order; then each pixel has one writer.
            lowest.scatter_reduce_(0, pixel, owner, "amin")
            top = lowest[pixel] == owner
            bary[pixel[top]] = weights[top]
        face_index = torch.where(lowest < len(F), lowest, -1)
    return TensorRaster(face_index.view(H, W), bary.to(UV.dtype).view(H, W, 3))


def _check(UV: Tensor, F: Tensor) -> None:
    """Raise like `check_mesh`; the arrays leave their device only if something is wrong."""
    sound = UV.ndim == 2 and UV.is_floating_point() and F.ndim == 2 and len(F) > 0
    if sound:
        i, j, k = F.unbind(1)
        bad = (i == j) | (j == k) | (k == i) | (F < 0).any(dim=1) | (len(UV) <= F).any(dim=1)
        sound = not bool(bad.any() | ~torch.isfinite(UV).all())
    if not sound:
        check_mesh(UV.detach().cpu().numpy(), F.cpu().numpy())


def _snap(x: Tensor, size: int) -> Tensor:
    nearest = torch.round(x)
    close = (x - nearest).abs() <= 16 * np.finfo(float).eps * size
    return torch.where(close, nearest, x)


def _pieces(
    X: Tensor, Y: Tensor, F: Tensor, H: int, W: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (pixel, weights, face) by chunks."""
    rows, columns = (_count(x[F], size) for x, size in ((Y, H), (X, W)))
    face = torch.nonzero((rows > 0) & (columns > 0))[:, 0]
    face = face[_has_area(torch.stack([X, Y], dim=1)[F[face]])]
    for some in _split(rows[face]):
        k, row, first, width, ends, bary = _spans(X, Y, F, face[some], H, W)
        for part in _split(width):
            span, rank = _ranks(width[part])
            column = first[part][span] + rank
            start, stop = ends[part].unbind(1)
            length = stop - start
            length = torch.where(length == 0, 1.0, length)[span]
            t = ((column - start[span]) / length).clamp(0, 1)[:, None]
            near, far = bary[part][span].unbind(1)
            weights = (1 - t) * near + t * far
            yield row[part][span] * W + column, weights, k[part][span]


def _count(x: Tensor, size: int) -> Tensor:
    low = torch.ceil(x.amin(dim=1)).clamp(0, size)
    high = torch.floor(x.amax(dim=1)).clamp(-1, size - 1)
    return (high - low + 1).clamp(min=0).long()


def _has_area(P: Tensor) -> Tensor:
    """Answer which triangles (m, 3, 2) have area: by the float determinant, else exactly."""
    a, b, c = P.unbind(1)
    (x, y), (z, w) = (a - c).unbind(1), (b - c).unbind(1)
    left, right = x * w, y * z
    certain = (left - right).abs() > ERROR * (left.abs() + right.abs()) + TINY
    doubtful = torch.nonzero(~certain)[:, 0]
    if len(doubtful):
        p, q, r = P[doubtful].cpu().numpy().swapaxes(0, 1)
        certain[doubtful] = torch.from_numpy(orientation(p, q, r) != 0).to(P.device)
    return certain


def _split(count: Tensor) -> Iterator[slice]:
    """Cut a list of counts into slices of about CHUNK in total, at least one item each."""
    total = torch.cumsum(count, 0).cpu()
    start = 0
    while start < len(total):
        done = int(total[start - 1]) if start else 0
        stop = max(start + 1, int(torch.searchsorted(total, done + CHUNK, right=True)))
        yield slice(start, stop)
        start = stop


def _ranks(count: Tensor) -> tuple[Tensor, Tensor]:
    k = torch.repeat_interleave(torch.arange(len(count), device=count.device), count)
    before = torch.cumsum(count, 0) - count
    return k, torch.arange(len(k), device=count.device) - before[k]


def _spans(X: Tensor, Y: Tensor, F: Tensor, face: Tensor, H: int, W: int) -> tuple[Tensor, ...]:
    """Cut faces into rows: return face, row, first column, width, ends and weights of each span."""
    order = torch.argsort(Y[F[face]], dim=1, stable=True)
    corner = torch.gather(F[face], 1, order)
    x, y = X[corner], Y[corner]
    low = torch.ceil(y[:, 0]).clamp(0, H).long()
    high = torch.floor(y[:, 2]).clamp(-1, H - 1).long()
    k, rank = _ranks((high - low + 1).clamp(min=0))
    row = low[k] + rank
    upper = (row <= y[k, 1]) & (y[:, 1] > y[:, 0])[k]
    start, stop = torch.where(upper, 0, 1), torch.where(upper, 1, 2)
    top, bottom = torch.zeros_like(k), torch.full_like(k, 2)
    ends, weights = [], []
    for a, b in ((top, bottom), (start, stop)):
        t = (row - y[k, a]) / (y[k, b] - y[k, a])
        ends.append(_snap((1 - t) * x[k, a] + t * x[k, b], W))
        w = torch.zeros((len(k), 3), dtype=torch.float64, device=X.device)
        w.scatter_(1, order[k, a][:, None], (1 - t)[:, None])
        w.scatter_(1, order[k, b][:, None], t[:, None])
        weights.append(w)
    left = torch.ceil(torch.minimum(*ends)).clamp(0, W).long()
    right = torch.floor(torch.maximum(*ends)).clamp(-1, W - 1).long()
    kept = torch.nonzero(right >= left)[:, 0]
    return (
        face[k[kept]],
        row[kept],
        left[kept],
        (right - left + 1)[kept],
        torch.stack(ends, dim=1)[kept],
        torch.stack(weights, dim=1)[kept],
    )
