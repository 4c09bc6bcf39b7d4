"""The back end of pytorch3d: its rasterizer, on a GPU where torch has one.

Written to pytorch3d's documentation (0.7): normalised device coordinates with +x to the left, +y
up, the shorter side of the picture from -1 to 1, smaller z nearer, nothing drawn at z < 0.
"""

import numpy as np
from jaxtyping import Float, Int

# Without it a sample on an edge belongs to neither face. A squared distance in device coordinates:
# a millionth of the picture.
_BLUR = 1e-12


def rasterize_on_device(
    P: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], height: int, width: int
) -> Int[np.ndarray, " p"]:
    """Find the nearest face (largest z) under every sample, row by row; -1 where there is none.

    In single precision; where two faces are level, either may be named.

    Raises
    ------
    ValueError
        pytorch3d is not installed.
    """
    try:
        import torch
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
        from pytorch3d.structures import Meshes
    except ImportError as error:
        raise ValueError(
            f'backend "pytorch3d" cannot be imported ({error}): install pytorch3d as its own '
            "instructions say (PyPI has no wheel for current versions of torch)"
        ) from error
    if not len(F):
        return np.full(height * width, -1, dtype=np.int64)
    short = min(height, width)
    x = (width - 1 - 2 * P[:, 0]) / short
    y = (height - 1 - 2 * P[:, 1]) / short
    z = P[:, 2]
    # The depth is affine on every face in both projections, so no correction is wanted; in [1, 2].
    thickness = np.ptp(z)
    depth = 1 + (z.max() - z) / (thickness if thickness > 0 else 1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    vertices = torch.tensor(np.stack([x, y, depth], axis=1), dtype=torch.float32, device=device)
    faces = torch.tensor(F, dtype=torch.int64, device=device)
    face_index = rasterize_meshes(
        Meshes(verts=[vertices], faces=[faces]),
        image_size=(height, width),
        blur_radius=_BLUR,
        faces_per_pixel=1,
        perspective_correct=False,
        cull_backfaces=False,
    )[0]
    return np.asarray(face_index[0, :, :, 0].cpu().numpy().astype(np.int64).ravel())
