"""What a mesh file holds: arrays side by side, nothing computed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh as it stands in a file; vertex order is the file's.

    Texture coordinates come in one of two forms. ``UV`` has one row per vertex. Where a seam gives
    a vertex several, ``UV_corner`` holds the distinct coordinates and ``F_uv`` indexes them in the
    corner order of ``F``; ``UV`` is then None.

    Attributes
    ----------
    V : length
        Vertex positions.
    F : 1
        Vertex indices, 0-based, counter-clockwise from outside.
    UV, UV_corner, F_uv : 1
        In [0, 1]^2 by custom, not by check.
    colors : 1
        One RGB colour per vertex, in [0, 1].
    """

    V: Float[np.ndarray, "n 3"]
    F: Int[np.ndarray, "m 3"]
    UV: Float[np.ndarray, "n 2"] | None = None
    UV_corner: Float[np.ndarray, "t 2"] | None = None
    F_uv: Int[np.ndarray, "m 3"] | None = None
    colors: Float[np.ndarray, "n 3"] | None = None
