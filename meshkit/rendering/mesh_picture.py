"""A mesh is drawn, or what is seen of it is told; the conventions are those of `meshkit.render`."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from meshkit.checks import check_mesh, takes_mesh
from meshkit.errors import MeshError
from meshkit.normals import faces_around, normals_around, unit, vertex_normals
from meshkit.rendering.camera import Camera, Frame, View, check_perspective, frame_of, rotation_of
from meshkit.rendering.paint import UNLIT, Appearance, Mode
from meshkit.rendering.shading import gradient
from meshkit.rendering.surface import interpolate
from meshkit.rendering.visibility import Backend, find_visible

# 4096 × 4096 pixels of 2 × 2 samples: about four gigabytes at work.
MAX_SAMPLES = 2**26


class VisibleSurface(NamedTuple):
    """What is seen at each pixel's centre, as `UVRaster` is for a map; rows top down."""

    face_index: Int[np.ndarray, "H W"]  # -1: nothing
    bary: Float[np.ndarray, "H W 3"]  # on the surface: perspective is accounted for
    depth: Float[np.ndarray, "H W"]  # behind the frame's plane, along the axis; inf: nothing


@takes_mesh
def render_mesh(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    *,
    size: tuple[int, int] = (256, 256),
    mode: Mode = "shaded",
    view: View | Float[np.ndarray, "3 3"] = "front",
    frame: Frame | None = None,
    perspective: float | None = None,
    background: tuple[int, int, int] | None = None,
    colors: Float[np.ndarray, "k 3"] | None = None,
    UV: Float[np.ndarray, "t 2"] | None = None,
    F_uv: Int[np.ndarray, "m 3"] | None = None,
    field: Float[np.ndarray, " k"] | None = None,
    colormap: str | None = None,
    limits: tuple[float, float] | None = None,
    samples: int = 2,
    backend: Backend = "auto",
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a mesh: under studio light, as normals or positions, with lines, a checker or a field.

    Parameters
    ----------
    size
        Height and width of the picture.
    mode
        "normals": ``RGB = (n + 1) / 2`` of the interpolated unit vertex normals of the view.
        "wireframe": shaded, with the edges of the faces that are seen. "uv-checker": 16 × 16
        squares on the unit square of `UV`, see `checker`. "scalar": `field` in colours.
        "geometry": positions as colours, x, y, z from 0 to 1 over the extent of the mesh.
    frame
        Default: fitted to this mesh in this view.
    perspective : degree
        Vertical field of view; the eye is where the frame fills it. Default: orthographic.
    background : 1
        RGB, 0 to 255. Default: a soft gradient; black behind "normals" and "geometry".
    colors : 1
        For "shaded" and "wireframe": albedo in [0, 1] (sRGB), one row per vertex or per face (per
        vertex if both fit). Default: clay.
    UV, F_uv : 1
        For "uv-checker": per vertex, or per corner with the indices `F_uv`.
    field
        For "scalar": one number per vertex or per face (per vertex if both fit).
    colormap
        For "scalar": "viridis" (the default) or "coolwarm".
    limits
        For "scalar": values at the ends of the colour map. Default: `default_limits` of the field.
    samples
        Samples per pixel along each axis; 2 gives clean edges.
    backend
        What finds the visible faces: "plain" (numpy), "open3d" (Embree, on the CPU), "pytorch3d" (a
        GPU where there is one). "auto" is plain.

    Raises
    ------
    ValueError
        An option is unknown or out of range; `view` is no rotation; colours or a field fit neither
        vertices nor faces, or are not finite; an option is missing for a mode or has no effect in
        it; the picture has more than 2^26 samples; the back end is not installed.
    """
    _check_options(V, F, size, samples, perspective)
    look = Appearance(mode, colors, UV, F_uv, field, colormap, limits)
    look.check(len(V), F)
    V = np.asarray(V, dtype=np.float64)
    camera = _camera(V, F, size, view, frame, perspective, samples)
    H, W = camera.height, camera.width
    seen = find_visible(V, F, camera, backend)
    N = unit(interpolate(vertex_normals(V, F) @ camera.rotation.T, F, seen))
    if background is None and mode not in UNLIT:
        canvas = gradient(H, W).reshape(-1, 3).copy()
    else:
        canvas = np.full((H * W, 3), background or (0, 0, 0), dtype=np.float32)
    canvas[seen.pixel] = look.paint(V, F, N, seen, samples)
    grid = canvas.reshape(size[0], samples, size[1], samples, 3)
    image = sum(grid[:, i, :, j] for i in range(samples) for j in range(samples)) / samples**2
    return np.asarray(np.rint(image).clip(0, 255).astype(np.uint8))


def render_normals(
    V: Float[np.ndarray, "b n 3"],
    F: Int[np.ndarray, "m 3"],
    *,
    size: tuple[int, int] = (128, 128),
    frame: Frame,
    view: View | Float[np.ndarray, "3 3"] = "front",
    perspective: float | None = None,
    backend: Backend = "auto",
) -> UInt8[np.ndarray, "b h w 3"]:
    """Draw a batch of meshes as normals in one frame: the input of an embedding network.

    The pictures of `render_mesh` with mode "normals" and one sample per pixel, bit for bit, without
    what can be done once for all.

    Raises
    ------
    ValueError
        As `render_mesh`.
    """
    images = np.zeros((len(V), *size, 3), dtype=np.uint8)
    around = faces_around(F, V.shape[1]) if len(V) else None
    for k, (X, image) in enumerate(zip(V, images, strict=True)):
        # The faces are the same for all: checked once.
        _check_options(X, F if k == 0 else F[:1], size, 1, perspective)
        X = np.asarray(X, dtype=np.float64)
        camera = _camera(X, F, size, view, frame, perspective, 1)
        seen = find_visible(X, F, camera, backend)
        N = normals_around(X, F, around) @ camera.rotation.T
        color = (unit(interpolate(N, F, seen)) + 1) * 127.5
        image.reshape(-1, 3)[seen.pixel] = np.rint(color.astype(np.float32)).clip(0, 255)
    return images


@takes_mesh
def visible_surface(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    *,
    size: tuple[int, int] = (256, 256),
    view: View | Float[np.ndarray, "3 3"] = "front",
    frame: Frame | None = None,
    perspective: float | None = None,
    backend: Backend = "auto",
) -> VisibleSurface:
    """Find the face, the barycentric weights and the depth under every pixel's centre.

    Anything on the surface can be drawn from it: ``X[F[face_index]]`` weighted by `bary`.

    Returns
    -------
    bary : 1
        In the corner order of F, 0 where nothing is seen.
    depth : length
        In the mesh's unit, from the plane through the frame's centre, growing away from the viewer.

    Raises
    ------
    ValueError
        As `render_mesh`.
    """
    _check_options(V, F, size, 1, perspective)
    V = np.asarray(V, dtype=np.float64)
    camera = _camera(V, F, size, view, frame, perspective, 1)
    seen = find_visible(V, F, camera, backend)
    H, W = size
    face_index, bary = np.full(H * W, -1), np.zeros((H * W, 3))
    depth = np.full(H * W, np.inf)
    face_index[seen.pixel], bary[seen.pixel] = seen.face, seen.bary
    depth[seen.pixel] = -interpolate(camera.to_view(V)[:, 2:], F, seen)[:, 0]
    return VisibleSurface(face_index.reshape(H, W), bary.reshape(H, W, 3), depth.reshape(H, W))


def _camera(
    V: np.ndarray,
    F: np.ndarray,
    size: tuple[int, int],
    view: View | np.ndarray,
    frame: Frame | None,
    perspective: float | None,
    samples: int,
) -> Camera:
    R = rotation_of(view)
    if frame is None:  # vertices in no face are not seen, wherever they are
        frame = frame_of(V[np.unique(F)], view=R, size=size, perspective=perspective)
    return Camera(R, frame, perspective, size[0] * samples, size[1] * samples)


def _check_options(
    V: np.ndarray, F: np.ndarray, size: tuple[int, int], samples: int, perspective: float | None
) -> None:
    if min(*size, samples) < 1:
        raise ValueError(f"size and samples must be positive, got {size} and {samples}")
    if size[0] * size[1] * samples**2 > MAX_SAMPLES:
        raise ValueError(
            f"{size[0]} x {size[1]} pixels of {samples}² samples are more than {MAX_SAMPLES} "
            "samples: take a smaller size"
        )
    check_perspective(perspective)
    check_mesh(V, F)
    if V.shape[1] != 3:
        raise MeshError(f"V must be an (n, 3) array to be seen in space, got {V.shape}")
