"""Normal and height maps from geometry images.

All images have one resolution and one raster, so texel (row, col) of each shows the same point.
u grows with the column and v with the row; on an unflipped map ``∂P/∂u × ∂P/∂v`` points out of
the surface. Derivatives are per texel, by central differences, one-sided next to texels outside.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8

Image3 = Float[np.ndarray, "H W 3"]
Inside = Bool[np.ndarray, "H W"]


def image_normals(
    image: Float[np.ndarray, "H W 3"], inside: Bool[np.ndarray, "H W"] | None = None
) -> Float[np.ndarray, "H W 3"]:
    """Compute the object-space normal map of a geometry image: unit normals of its surface.

    The error falls with the square of the texel size inside, with the texel size at borders.

    Parameters
    ----------
    image : length
        Positions.
    inside : 1
        Texels on the mesh; all by default.

    Returns
    -------
    N : 1
        (0, 0, 0) outside and where a texel has no neighbour along an axis, or no area.
    """
    inside = _all(image) if inside is None else inside
    across, up = _differences(image, inside)
    return _unit(np.cross(across, up))


def tangent_frames(
    image: Float[np.ndarray, "H W 3"], inside: Bool[np.ndarray, "H W"] | None = None
) -> Float[np.ndarray, "H W 3 3"]:
    """Compute an orthonormal frame at each texel: rows tangent, bitangent, normal.

    The tangent is ``∂P/∂u`` made orthogonal to the normal, the bitangent ``N × T``: a right-handed
    frame even where the map is sheared. It differs from MikkTSpace, which averages over faces and
    interpolates over them: bake and unbake with the same convention.

    Returns
    -------
    frame : 1
        Zeros where there is no normal (`image_normals`).
    """
    inside = _all(image) if inside is None else inside
    across, up = _differences(image, inside)
    N = _unit(np.cross(across, up))
    T = _unit(across - (across * N).sum(axis=2, keepdims=True) * N)
    T = np.where((N != 0).any(axis=2, keepdims=True), T, 0.0)
    return np.stack([T, np.cross(N, T), N], axis=2)


def to_tangent_space(
    normals: Float[np.ndarray, "H W 3"], frames: Float[np.ndarray, "H W 3 3"]
) -> Float[np.ndarray, "H W 3"]:
    """Express object-space normals in the frames of a template: its tangent-space normal map.

    A surface equal to the template gives (0, 0, 1). The map does not change if both move rigidly.

    References
    ----------
    Blinn, Simulation of wrinkled surfaces, SIGGRAPH 1978.
    """
    return np.asarray(np.einsum("hwij,hwj->hwi", frames, normals))


def to_object_space(
    normals: Float[np.ndarray, "H W 3"], frames: Float[np.ndarray, "H W 3 3"]
) -> Float[np.ndarray, "H W 3"]:
    """Take a tangent-space normal map back to object space: the inverse of `to_tangent_space`."""
    return np.asarray(np.einsum("hwij,hwi->hwj", frames, normals))


class HeightMap(NamedTuple):
    """Displacements split along and across the template's normal.

    Attributes
    ----------
    height : length
        Signed distance along the normal, outwards positive; 0 outside.
    tangential : length
        Length of the part that a height map cannot hold.
    """

    height: Float[np.ndarray, "H W"]
    tangential: Float[np.ndarray, "H W"]


def height_map(
    image: Float[np.ndarray, "H W 3"],
    template: Float[np.ndarray, "H W 3"],
    inside: Bool[np.ndarray, "H W"] | None = None,
    *,
    normals: Float[np.ndarray, "H W 3"] | None = None,
) -> HeightMap:
    """Measure a surface above a template along the template's normals, texel by texel.

    ``height = (P - P̄) · N̄``: the two are in correspondence, no ray is cast. `displace` puts the
    heights back; what is lost is reported as `tangential`.

    Parameters
    ----------
    image, template : length
    normals : 1
        Unit normals of the template; `image_normals` of it by default.
    """
    inside = _all(image) if inside is None else inside
    N = image_normals(template, inside) if normals is None else normals
    moved = np.where(inside[..., None], image - template, 0.0)
    height = (moved * N).sum(axis=2)
    return HeightMap(height, np.linalg.norm(moved - height[..., None] * N, axis=2))


def displace(
    template: Float[np.ndarray, "H W 3"],
    height: Float[np.ndarray, "H W"],
    normals: Float[np.ndarray, "H W 3"],
) -> Float[np.ndarray, "H W 3"]:
    """Move a template along its normals by a height map.

    Parameters
    ----------
    template, height : length
    normals : 1
        Those the heights were measured along.
    """
    return np.asarray(template + height[..., None] * normals)


def encode_normals(normals: Float[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Write unit normals as colours: -1 is 0, 1 is 255; row 0 stays v = 0.

    Green grows with v, as OpenGL expects; DirectX expects it the other way round.
    """
    return np.rint((normals.clip(-1, 1) + 1) * 127.5).astype(np.uint8)


def _all(image: np.ndarray) -> Inside:
    return np.ones(image.shape[:2], dtype=bool)


def _differences(image: Image3, inside: Inside) -> tuple[Image3, Image3]:
    """Return ∂P/∂column and ∂P/∂row; zero where a texel has no neighbour inside."""
    across = _difference(image, inside)
    up = _difference(image.swapaxes(0, 1), inside.swapaxes(0, 1)).swapaxes(0, 1)
    return across, up


def _difference(image: Image3, inside: Inside) -> Image3:
    """Differentiate along the columns, over the neighbours that are inside."""
    after, before = np.zeros_like(inside), np.zeros_like(inside)
    after[:, :-1] = inside[:, 1:] & inside[:, :-1]
    before[:, 1:] = after[:, :-1]
    step = np.zeros(image.shape)
    step[:, :-1] = np.where(after[:, :-1, None], image[:, 1:] - image[:, :-1], 0.0)
    back = np.zeros(image.shape)
    back[:, 1:] = step[:, :-1]
    count = after.astype(float) + before
    total = step + back
    return np.asarray(total / np.maximum(count, 1)[..., None])


def _unit(vectors: Image3) -> Image3:
    """Scale to length 1; zeros stay zeros."""
    length = np.linalg.norm(vectors, axis=2, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0))
