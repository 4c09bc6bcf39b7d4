"""Colours of samples on a surface: checker, field, position; and the ink of a wireframe."""

import numpy as np
from jaxtyping import Float, Int

from meshkit.rendering.visibility import Samples

SQUARES = 16  # of the checker, along each side of the unit square
LINE = 1.1  # width of a wireframe's lines in pixels
_SHARE = 0.1  # of a face's height, at most: the lines of a dense mesh turn it grey, not black


def interpolate(
    X: Float[np.ndarray, "n k"], F: Int[np.ndarray, "m 3"], seen: Samples
) -> Float[np.ndarray, "s k"]:
    """Evaluate a signal on vertices at samples."""
    return np.asarray(np.einsum("sk,skc->sc", seen.bary, X[F[seen.face]]))


def on_surface(
    X: Float[np.ndarray, "k c"], n_vertices: int, F: Int[np.ndarray, "m 3"], seen: Samples
) -> Float[np.ndarray, "s c"]:
    """Evaluate a signal at samples: of vertices if it has their number, else of faces."""
    return interpolate(X, F, seen) if len(X) == n_vertices else np.asarray(X[seen.face])


def checker(UV: Float[np.ndarray, "s 2"]) -> Float[np.ndarray, "s 3"]:
    """Return the sRGB colour, 0 to 1, of the checker at texture coordinates.

    `SQUARES` × `SQUARES` on the unit square, and on beyond it; the square at (0, 0) is a coloured
    one. They grow redder with u and brighter with v, so that one sees where on the square one is.
    """
    square = np.floor(UV * SQUARES)
    u, v = ((square + 0.5) / SQUARES % 1).T
    tint = np.stack([0.30 + 0.62 * u, np.full_like(u, 0.48), 0.88 - 0.62 * u], axis=1)
    tint *= (0.45 + 0.55 * v)[:, None]
    dark = square.sum(axis=1) % 2 == 0
    return np.where(dark[:, None], tint, 0.94)


def positions(V: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Map x, y, z to red, green, blue, each from 0 to 1 over the extent of the mesh."""
    low, extent = V.min(axis=0), np.ptp(V, axis=0)
    return np.asarray((V - low) / np.where(extent > 0, extent, 1.0))


def line_coverage(seen: Samples, samples: int) -> Float[np.ndarray, " s"]:
    """Measure how much of a pixel at each sample is covered by the lines of the face's edges.

    A line is a band about the projected edge; its profile across is that of a box of one pixel.

    Parameters
    ----------
    samples
        Samples per pixel along each axis: distances are counted in pixels.
    """
    after, before = [1, 2, 0], [2, 0, 1]
    p, q = seen.h[:, after], seen.h[:, before]  # the ends of the edge opposite each corner
    along = q[..., :2] * p[..., 2:] - p[..., :2] * q[..., 2:]
    length = np.hypot(along[..., 0], along[..., 1])
    cross = p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0]
    # An edge towards the eye is a point: it has no line.
    distance = np.divide(np.abs(cross), length, out=np.full_like(cross, np.inf), where=length > 0)
    distance /= samples
    # The distance of an edge over its weight is, in orthographic views, the height of the face.
    weight = np.abs(seen.bary)
    height = np.divide(distance, weight, out=np.full_like(cross, np.inf), where=weight > 1e-12)
    lowest = height.min(axis=1)
    half = np.minimum(LINE / 2, _SHARE * lowest)
    near = distance.min(axis=1)
    line = (near + 0.5).clip(-half, half) - (near - 0.5).clip(-half, half)
    # A pixel that holds whole faces gets their average: lines there would be moiré.
    clear = (lowest - 1).clip(0, 1)
    return np.asarray(clear * line + (1 - clear) * (1 - (1 - 3 * _SHARE) ** 2))
