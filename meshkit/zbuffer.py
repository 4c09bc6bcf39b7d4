"""Find what is seen from +z: a depth buffer over all faces at once, without a loop over them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

_DEPTHS = 2**31  # levels of the depth buffer: a level and a face index share an int64


class Samples(NamedTuple):
    """What is seen where: one entry for each covered sample, in the order of the samples."""

    pixel: Int[np.ndarray, " s"]  # row * width + column
    face: Int[np.ndarray, " s"]
    bary: Float[np.ndarray, "s 3"]


def cross(a: Float[np.ndarray, "*k d"], b: Float[np.ndarray, "*k d"]) -> Float[np.ndarray, "*k"]:
    """Return the z component of the cross product."""
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def visible(
    P: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], height: int, width: int
) -> Samples:
    """Find the nearest face (largest z) under every sample; the lower index where two are level.

    Parameters
    ----------
    P : sample
        Vertices: x right, y down, samples at the integers; z grows towards the viewer.
    """
    face, x, y = _candidates(P[F][:, :, :2], height, width)
    T = P[F]  # (m, 3, 3)
    p, q, r = T[:, :, :2].swapaxes(0, 1)
    area = cross(q - p, r - p)
    # The weights of corners 1 and 2 and the depth are affine in x and y on each face.
    with np.errstate(divide="ignore", invalid="ignore"):
        w1 = np.stack([(r - p)[:, 1], -(r - p)[:, 0], -cross(p, r - p)], axis=1) / area[:, None]
        w2 = np.stack([-(q - p)[:, 1], (q - p)[:, 0], -cross(q - p, p)], axis=1) / area[:, None]
    b1 = w1[face, 0] * x + w1[face, 1] * y + w1[face, 2]
    b2 = w2[face, 0] * x + w2[face, 1] * y + w2[face, 2]
    inside = np.flatnonzero((b1 >= -1e-9) & (b2 >= -1e-9) & (b1 + b2 <= 1 + 1e-9))
    face, b1, b2 = face[inside], b1[inside], b2[inside]
    depth = T[:, 0, 2][face] + b1 * (T[:, 1, 2] - T[:, 0, 2])[face]
    depth += b2 * (T[:, 2, 2] - T[:, 0, 2])[face]
    far, thickness = T[:, :, 2].min(), np.ptp(T[:, :, 2])
    level = (depth - far) * ((_DEPTHS - 2) / thickness if thickness > 0 else 1)
    level = level.clip(0, _DEPTHS - 1)
    key = np.full(height * width, -1, dtype=np.int64)
    nearest = level.astype(np.int64) * _DEPTHS + (_DEPTHS - 1 - face)
    np.maximum.at(key, y[inside] * width + x[inside], nearest)
    pixel = np.flatnonzero(key >= 0)
    chosen = _DEPTHS - 1 - key[pixel] % _DEPTHS
    at = np.stack([pixel % width, pixel // width, np.ones_like(pixel)], axis=1).astype(np.float64)
    b1 = np.einsum("sk,sk->s", w1[chosen], at)
    b2 = np.einsum("sk,sk->s", w2[chosen], at)
    return Samples(pixel, chosen, np.stack([1 - b1 - b2, b1, b2], axis=1))


def _candidates(
    xy: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List (face, x, y) for the samples in the bounding box of each face."""
    low = np.ceil(xy.min(axis=1)).clip(0, (width, height)).astype(np.int64)
    high = np.floor(xy.max(axis=1)).clip(-1, (width - 1, height - 1)).astype(np.int64)
    across, down = (high - low + 1).clip(0).T
    edge = xy[:, 1:] - xy[:, :1]
    count = np.where(cross(edge[:, 0], edge[:, 1]) == 0, 0, across * down)  # edge-on: nothing
    face = np.repeat(np.arange(len(xy)), count)
    rank = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(rank, across[face])
    return face, low[face, 0] + column, low[face, 1] + row
