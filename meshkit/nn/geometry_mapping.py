"""The geometry mapping layer: a mesh becomes an image by one frozen sparse product."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshkit.nn.operator import SparseOperator
from meshkit.raster import UVRaster, raster_matrix


class GeometryMapping(SparseOperator):
    """Resample vertex signals on a fixed UV raster; pixels outside the mesh are 0.

    `I(X)_p = α X_i + β X_j + γ X_k` with (i, j, k) the face under pixel p and (α, β, γ) its
    barycentric weights: linear in X, one row of three entries per pixel.

    References
    ----------
    Fernández Abrevaya et al., A decoupled 3D facial shape model by adversarial training,
    ICCV 2019, Section 4.1, Eq. 5.
    """

    def __init__(
        self,
        F: Int[np.ndarray, "m 3"],
        raster: UVRaster,
        n_vertices: int,
        *,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(raster_matrix(F, raster, n_vertices), dtype=dtype)
        H, W = raster.face_index.shape
        self.resolution = (int(H), int(W))

    def forward(self, X: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Map a batch (B, n, c) to images (B, c, H, W), or signals (n, k) to (H·W, k)."""
        Y = super().forward(X)
        if X.ndim != 3:
            return Y
        H, W = self.resolution
        return Y.permute(0, 2, 1).reshape(X.shape[0], X.shape[2], H, W)
