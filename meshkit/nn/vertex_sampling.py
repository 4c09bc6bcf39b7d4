"""The way back: read vertices off a geometry image by one frozen sparse product."""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from meshkit.geometry_image import sampling_matrix
from meshkit.nn.operator import SparseOperator


class VertexSampling(SparseOperator):
    """Sample images at the texture coordinates of the vertices, as `meshkit.mesh_from_image` does.

    The inverse of `GeometryMapping` up to what its image does not show; differentiable in the
    image, twice. Where seams give vertices several coordinates, build a `SparseOperator` of
    ``corner_average(...) @ sampling_matrix(...)``.

    Parameters
    ----------
    UV : 1
        One row per vertex.
    resolution : pixels
        Height and width of the images.
    inside : 1
        Pixels that may be read: those of the raster with a face. Without it all are.

    Raises
    ------
    ValueError
        As `meshkit.sampling_matrix`.
    """

    def __init__(
        self,
        UV: Float[np.ndarray, "n 2"],
        resolution: tuple[int, int],
        *,
        inside: Bool[np.ndarray, "H W"] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(sampling_matrix(UV, resolution, inside=inside), dtype=dtype)
        self.resolution = (int(resolution[0]), int(resolution[1]))

    def forward(self, image: Float[Tensor, "*b c H W"]) -> Float[Tensor, "*b n c"]:
        """Return the signals (B, n, c) of images (B, c, H, W), or (n, c) of one image (c, H, W).

        Raises
        ------
        ValueError
            The images have another size.
        """
        if image.ndim not in (3, 4) or image.shape[-2:] != self.resolution:
            H, W = self.resolution
            raise ValueError(
                f"expected (B, c, {H}, {W}) or (c, {H}, {W}), got {tuple(image.shape)}"
            )
        pixels = image.flatten(-2).transpose(-1, -2)
        return super().forward(pixels)
