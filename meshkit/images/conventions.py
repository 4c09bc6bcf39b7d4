"""Rasters and texture coordinates as other programs keep them, and back.

================  =============  ======================  ======================================
program           row 0 is       texel centre            a raster is
================  =============  ======================  ======================================
meshkit           v = 0          (col + ½) / W           face_index, -1 outside; bary of 3
OpenGL            bottom: v = 0  window col + ½          whatever a shader writes
nvdiffrast        bottom: v = 0  as OpenGL               (u, v, z/w, triangle_id + 1), 0 outside
pytorch3d         top: v = 1     NDC, +x to the left     pix_to_face, bary_coords, -1 outside
================  =============  ======================  ======================================

For each there is a pair ``…_from_uv`` (the vertex positions that make the program draw the map
in texture space) and ``to_…``/``from_…`` for what it draws. Tensors go through ``.cpu().numpy()``.
None of these programs promises the lowest face on overlaps, nor a face for every centre on an
edge; only `meshkit.raster` does.

References
----------
OpenGL 4.6 specification, sections 8.5 (image rows bottom up), 8.14 and 13.8 (centres at halves);
glTexImage2D: "The first element corresponds to the lower left corner of the texture image".
nvdiffrast documentation, "Coordinate systems" ("bottom-up") and "Rasterization"; its source:
rasterize.cu (barycentrics belong to vertices 0 and 1), common.h (identifiers above 2^24).
pytorch3d documentation, "Cameras" (NDC: +x left, +y up, the shorter side spans [-1, 1]) and
rasterize_meshes (pix_to_face, bary_coords, padding -1; rows from top to bottom).
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from meshkit.raster import UVRaster, check_resolution

_EXACT = 1 << 24  # the last integer before float32 skips some
_CODE = 0x4A800000  # nvdiffrast adds this to larger identifiers and stores the bits as a float


def window_from_uv(
    UV: Float[np.ndarray, "n 2"], resolution: tuple[int, int]
) -> Float[np.ndarray, "n 2"]:
    """Convert to OpenGL window coordinates (gl_FragCoord): x to the right, y up, centres at halves.

    Returns
    -------
    xy : pixels
        (W u, H v): the centre of (row, col) is (col + 0.5, row + 0.5).
    """
    check_resolution(resolution)
    return np.asarray(UV * (resolution[1], resolution[0]), dtype=np.float64)


def uv_from_window(
    xy: Float[np.ndarray, "n 2"], resolution: tuple[int, int]
) -> Float[np.ndarray, "n 2"]:
    """Convert from OpenGL window coordinates; the inverse of `window_from_uv`."""
    check_resolution(resolution)
    return np.asarray(xy / (resolution[1], resolution[0]), dtype=np.float64)


def clip_from_uv(UV: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 4"]:
    """Place vertices in OpenGL's clip space, which nvdiffrast takes too, to draw in texture space.

    ``(2u - 1, 2v - 1, 0, 1)``: with a viewport of W × H the fragment (col, row) has its centre at
    ((col + ½)/W, (row + ½)/H). Disable face culling and depth test.
    """
    zero, one = np.zeros(len(UV)), np.ones(len(UV))
    return np.stack([2 * UV[:, 0] - 1, 2 * UV[:, 1] - 1, zero, one], axis=1)


def uv_from_clip(P: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 2"]:
    """Convert from clip space, after the division by w; the inverse of `clip_from_uv`."""
    return np.asarray((P[:, :2] / P[:, 3:] + 1) / 2)


def to_opengl_texture(image: Float[np.ndarray, "H W c"]) -> Float32[np.ndarray, "H W c"]:
    """Return the pixels in the order that glTexImage2D reads: bottom row first.

    That is meshkit's order, so no row moves; single precision, contiguous. For Direct3D, Vulkan,
    Metal or an image file reverse the rows: ``[::-1]``.
    """
    return np.ascontiguousarray(image, dtype=np.float32)


def from_opengl_texture(pixels: Float32[np.ndarray, "H W c"]) -> Float[np.ndarray, "H W c"]:
    """Return what glReadPixels or glGetTexImage wrote as an image of meshkit."""
    return np.ascontiguousarray(pixels, dtype=np.float64)


def to_nvdiffrast(raster: UVRaster) -> Float32[np.ndarray, "1 H W 4"]:
    """Convert a raster to the output of ``nvdiffrast.torch.rasterize``, for its `interpolate`.

    Channels: weights of corners 0 and 1, depth 0, index of the face plus one; zeros outside.
    """
    index = (raster.face_index + 1).astype(np.int32)
    large = (index + np.int32(_CODE)).view(np.float32)
    identifier = np.where(index <= _EXACT, index.astype(np.float32), large)
    rast = np.zeros((1, *index.shape, 4), dtype=np.float32)
    rast[0, ..., :2] = raster.bary[..., :2]
    rast[0, ..., 3] = identifier
    return rast


def from_nvdiffrast(rast: Any, *, mesh: int | None = None) -> UVRaster:
    """Convert the output of ``nvdiffrast.torch.rasterize`` for `clip_from_uv` to a raster.

    The third weight is what the two stored ones leave, at least 0.

    Parameters
    ----------
    rast : 1
        (N, H, W, 4), single precision: the tensor, on any device, or an array.
    mesh : 1
        Which of the batch, if there are several.

    Raises
    ------
    ValueError
        It has another shape or type, or several meshes and `mesh` is not given.
    """
    rast = _array(rast)
    if rast.ndim != 4 or rast.shape[-1] != 4 or rast.dtype != np.float32:
        raise ValueError(f"expected float32 (N, H, W, 4), got {rast.dtype} {rast.shape}")
    one = rast[_which(mesh, len(rast))]
    identifier = np.ascontiguousarray(one[..., 3])
    # As integers: a large identifier may be a float without order among the others.
    large = identifier.view(np.int32) - np.int32(_CODE)
    small = np.where(identifier <= _EXACT, identifier, 0).astype(np.int64)
    index = np.where(identifier <= _EXACT, small, large) - 1
    u, v = one[..., 0].astype(np.float64), one[..., 1].astype(np.float64)
    return _raster(index, np.stack([u, v, (1 - u - v).clip(0)], axis=2))


class Fragments(NamedTuple):
    """The part of pytorch3d's fragments that a raster has; one mesh, one face per pixel.

    Attributes
    ----------
    pix_to_face, bary_coords : 1
        -1 outside; row 0 is the top, v = 1.
    """

    pix_to_face: Int[np.ndarray, "1 H W 1"]
    bary_coords: Float32[np.ndarray, "1 H W 1 3"]


def pytorch3d_from_uv(
    UV: Float[np.ndarray, "n 2"], resolution: tuple[int, int], *, depth: float = 1.0
) -> Float[np.ndarray, "n 3"]:
    """Place vertices in pytorch3d's NDC space to draw the map in texture space.

    ``(s_x (1 - 2u), s_y (2v - 1), depth)``: +x points to the left; the shorter side of the image
    spans [-1, 1] and the longer one [-s, s] with s the ratio of the sides. Faces behind the
    image are dropped, so `depth` must be positive. Rasterize with ``blur_radius=0``,
    ``faces_per_pixel=1`` and ``cull_backfaces=False``.

    Raises
    ------
    ValueError
        `depth` is not positive.
    """
    check_resolution(resolution)
    if not depth > 0:
        raise ValueError(f"depth must be positive, got {depth}")
    H, W = resolution
    shorter = min(H, W)
    x, y = W / shorter * (1 - 2 * UV[:, 0]), H / shorter * (2 * UV[:, 1] - 1)
    return np.stack([x, y, np.full(len(UV), depth)], axis=1)


def uv_from_pytorch3d(
    P: Float[np.ndarray, "n 3"], resolution: tuple[int, int]
) -> Float[np.ndarray, "n 2"]:
    """Convert from pytorch3d's NDC space; the inverse of `pytorch3d_from_uv`."""
    check_resolution(resolution)
    H, W = resolution
    shorter = min(H, W)
    return np.stack([(1 - P[:, 0] * shorter / W) / 2, (P[:, 1] * shorter / H + 1) / 2], axis=1)


def to_pytorch3d(raster: UVRaster, *, first_face: int = 0) -> Fragments:
    """Convert a raster to pytorch3d's fragments.

    Parameters
    ----------
    first_face : 1
        Index of the mesh's first face among the packed faces of its batch.
    """
    outside = raster.face_index < 0
    face = np.where(outside, -1, raster.face_index + first_face)
    bary = np.where(outside[..., None], -1.0, raster.bary).astype(np.float32)
    return Fragments(
        np.ascontiguousarray(face[::-1])[None, ..., None],
        np.ascontiguousarray(bary[::-1])[None, :, :, None],
    )


def from_pytorch3d(fragments: Any, *, mesh: int | None = None, first_face: int = 0) -> UVRaster:
    """Convert pytorch3d's fragments, drawn with `pytorch3d_from_uv`, to a raster.

    Parameters
    ----------
    fragments
        pytorch3d's own `Fragments` of a batch, with tensors on any device, or ours. Of several
        faces in a pixel, the nearest counts.
    mesh : 1
        Which of the batch, if there are several.
    first_face : 1
        Index of that mesh's first face among the packed faces of the batch.

    Raises
    ------
    ValueError
        There are several meshes and `mesh` is not given; the shapes do not fit.
    """
    face, bary = _array(fragments.pix_to_face), _array(fragments.bary_coords)
    if face.ndim != 4 or bary.shape != (*face.shape, 3):
        raise ValueError(
            f"expected pix_to_face (N, H, W, K) and bary_coords (N, H, W, K, 3), got {face.shape} "
            f"and {bary.shape}"
        )
    k = _which(mesh, len(face))
    index = face[k, ::-1, :, 0].astype(np.int64)
    weights = bary[k, ::-1, :, 0].astype(np.float64)
    return _raster(np.where(index < 0, -1, index - first_face), weights.clip(0))


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _which(mesh: int | None, count: int) -> int:
    if mesh is None and count != 1:
        raise ValueError(f"there are {count} meshes in the batch: say which, mesh=0 to {count - 1}")
    return 0 if mesh is None else mesh


def _raster(index: np.ndarray, bary: np.ndarray) -> UVRaster:
    """Make the weights of single precision sum to 1, and be 0 outside."""
    inside = index >= 0
    total = np.where(inside, bary.sum(axis=2), 1.0)[..., None]
    return UVRaster(index, np.where(inside[..., None], bary / total, 0.0))
