"""Cut faces that reach behind the eye: in perspective they have no finite picture."""

import numpy as np
from jaxtyping import Float, Int


def cut_near(
    h: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], near: float
) -> tuple[Float[np.ndarray, "k 3"], Int[np.ndarray, "t 3"], Int[np.ndarray, " t"]]:
    """Keep what has w >= near of every face.

    Parameters
    ----------
    h : sample
        Homogeneous vertices (X, Y, w).

    Returns
    -------
    h : sample
        The vertices, then those on the cut.
    F : 1
        Faces in the order of the faces that they are of: lower indices still win ties.
    origin : 1
        For each face, the one that it is a part of.
    """
    beyond = (h[:, 2] >= near)[F]  # (m, 3)
    count = beyond.sum(axis=1)
    whole = np.flatnonzero(count == 3)
    # The corner that is alone on its side comes first; the order of corners stays cyclic.
    one, two = np.flatnonzero(count == 1), np.flatnonzero(count == 2)
    tip, base = _lead_with(F[one], beyond[one]), _lead_with(F[two], ~beyond[two])
    points = np.concatenate([_cut(h, tip, near), _cut(h, base, near)])
    new = len(h) + np.arange(2 * len(points)).reshape(-1, 2)  # on edges 01 and 02 of each
    (p, q), (r, s) = new[: len(one)].T, new[len(one) :].T
    parts = [
        (F[whole], whole),
        (np.stack([tip[:, 0], p, q], axis=1), one),
        (np.stack([r, base[:, 1], base[:, 2]], axis=1), two),
        (np.stack([r, base[:, 2], s], axis=1), two),
    ]
    origin = np.concatenate([of for _, of in parts])
    order = np.argsort(origin, kind="stable")
    faces = np.concatenate([face for face, _ in parts])
    return np.concatenate([h, points.reshape(-1, 3)]), faces[order], origin[order]


def _lead_with(F: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Rotate each face so that its one chosen corner comes first."""
    first = chosen.argmax(axis=1)[:, None] if len(F) else np.zeros((0, 1), dtype=np.int64)
    return np.take_along_axis(F, (first + np.arange(3)) % 3, axis=1)


def _cut(h: np.ndarray, F: np.ndarray, near: float) -> np.ndarray:
    """Return the points at w = near on the edges 01 and 02 of each face, (k, 2, 3).

    From the vertex beyond the plane to the one before it, so that two faces agree on their edge.
    """
    ends = np.stack([F[:, [0, 1]], F[:, [0, 2]]], axis=1)  # (k, 2, 2)
    swap = h[ends[..., 0], 2] < h[ends[..., 1], 2]
    a = h[np.where(swap, ends[..., 1], ends[..., 0])]
    b = h[np.where(swap, ends[..., 0], ends[..., 1])]
    t = (a[..., 2] - near) / (a[..., 2] - b[..., 2])
    return np.asarray(a + t[..., None] * (b - a))
