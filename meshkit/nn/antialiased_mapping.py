"""The geometry mapping layer with k × k samples per texel, in which all vertices take part."""

import numpy as np
import torch
from jaxtyping import Int

from meshkit.images.supersample import averaged_matrix
from meshkit.nn.geometry_mapping import GeometryMapping
from meshkit.nn.operator import SparseOperator
from meshkit.raster import UVRaster


class AntialiasedMapping(GeometryMapping):
    """Resample vertex signals, each texel the mean of the k × k samples of it on the mesh.

    Use it wherever a `GeometryMapping` is taken: same calls, same shapes.
    `meshkit.images.visibility` tells which k reaches all vertices.

    Parameters
    ----------
    fine : 1
        The raster at k times the image's resolution.

    Raises
    ------
    ValueError
        k is less than 1 or does not divide the raster's height and width.
    """

    def __init__(
        self,
        F: Int[np.ndarray, "m 3"],
        fine: UVRaster,
        n_vertices: int,
        k: int,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        SparseOperator.__init__(self, averaged_matrix(F, fine, n_vertices, k), dtype=dtype)
        height, width = fine.face_index.shape
        self.resolution = (int(height) // k, int(width) // k)
