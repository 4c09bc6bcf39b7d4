"""Orthographic pictures of meshes with numpy alone: the back end that is always there.

The viewer looks along -z of the view, x to the right and y up: the picture of a face in the
project's frame (y up, looking to +z) is its front. A rotation `view` takes mesh coordinates to
view coordinates, ``P = V @ view.T``. Row 0 is the top of a picture; samples lie at the centres of
(sub)pixels and belong to the nearest face.

Faces seen from behind are drawn, not culled: bluish in "shaded", with a blue channel below one
half in "normals", so that a flipped face or an inside-out mesh is visible as what it is.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from meshkit.checks import check_mesh
from meshkit.errors import MeshError
from meshkit.files import atomic_path
from meshkit.shading import clay, gradient
from meshkit.zbuffer import Samples, cross, visible

View = Literal["front", "three-quarter", "profile"]
YAW: dict[str, float] = {"front": 0.0, "three-quarter": -38.0, "profile": -90.0}


class Frame(NamedTuple):
    """The orthographic window: several meshes rendered in one frame share one scale."""

    center: Float[np.ndarray, "3"]
    half_extent: float  # half the height of the window; its width follows from the picture's shape


def turntable(yaw: float, pitch: float = 0.0) -> Float[np.ndarray, "3 3"]:
    """Build a view that turns the mesh about its vertical, then tips it towards the viewer.

    Parameters
    ----------
    yaw : degree
        Positive turns the face to the viewer's right.
    pitch : degree
        Positive shows more of the top of the head.
    """
    (a, b) = np.deg2rad([yaw, pitch])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    tip = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return np.asarray(tip @ turn)


def vertex_normals(
    V: Float[np.ndarray, "*batch n 3"], F: Int[np.ndarray, "m 3"]
) -> Float[np.ndarray, "*batch n 3"]:
    """Average the normals of the faces around each vertex by area, and scale to length 1.

    A vertex in no face, or whose faces cancel, has no normal and gets (0, 0, 0).
    """
    flat = np.asarray(V, dtype=np.float64).reshape(-1, V.shape[-2], 3)
    n, corner = flat.shape[1], F.T.ravel()
    N = np.empty_like(flat)
    for P, out in zip(flat, N, strict=True):
        a, b, c = P[F].swapaxes(0, 1)
        normal = np.tile(np.cross(b - a, c - a), (3, 1))
        for k in range(3):
            out[:, k] = np.bincount(corner, weights=normal[:, k], minlength=n)
    return _unit(N).reshape(V.shape)


def frame_of(
    V: Float[np.ndarray, "*batch n 3"],
    *,
    view: View | Float[np.ndarray, "3 3"] = "front",
    size: tuple[int, int] = (256, 256),
    margin: float = 0.06,
) -> Frame:
    """Fit the smallest frame that shows every vertex of one mesh, or of a batch of meshes.

    Parameters
    ----------
    margin : 1
        Free border on each side, as a share of the half extent.
    """
    R = _rotation(view)
    P = np.asarray(V, dtype=np.float64).reshape(-1, 3) @ R.T
    if not np.isfinite(P).all():
        raise ValueError("frame_of: a vertex is not finite")
    low, high = P.min(axis=0), P.max(axis=0)
    half_x, half_y = (high - low)[:2] / 2
    H, W = size
    half = max(half_y, half_x * H / W)
    # A single point has no extent: any window shows it.
    return Frame((low + high) / 2 @ R, float(half * (1 + margin)) if half > 0 else 1.0)


def render_mesh(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    *,
    size: tuple[int, int] = (256, 256),
    mode: Literal["shaded", "normals"] = "shaded",
    view: View | Float[np.ndarray, "3 3"] = "front",
    frame: Frame | None = None,
    background: tuple[int, int, int] | None = None,
    colors: Float[np.ndarray, "k 3"] | None = None,
    samples: int = 2,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a mesh: smooth shading under studio light, or its normals as colours.

    Parameters
    ----------
    size
        Height and width of the picture.
    mode
        "normals": ``RGB = (n + 1) / 2`` of the interpolated unit vertex normals of the view.
    frame
        Default: fitted to this mesh in this view.
    background : 1
        RGB, 0 to 255. Default: a soft gradient behind "shaded", black behind "normals".
    colors : 1
        Albedo in [0, 1] (sRGB), one row per vertex or per face (per vertex if both fit).
        Default: clay.
    samples
        Samples per pixel along each axis; 2 gives clean edges.

    Raises
    ------
    ValueError
        `mode` or `view` is unknown; `view` is no rotation; `colors` fit neither vertices nor
        faces, or come with "normals"; size or samples are not positive.
    """
    _check_options(V, F, size, mode, colors, samples)
    R = _rotation(view)
    H, W = size
    frame = frame or frame_of(V, view=R, size=size)
    P = _to_samples(np.asarray(V, dtype=np.float64), R, frame, H * samples, W * samples)
    seen = visible(P, F, H * samples, W * samples)
    N = _unit(_interpolate(vertex_normals(V, F) @ R.T, F, seen))
    if mode == "normals":
        color = (N + 1) * 127.5
        canvas = np.zeros((H * samples * W * samples, 3), dtype=np.float32)
    else:
        behind = cross(P[F[:, 1]] - P[F[:, 0]], P[F[:, 2]] - P[F[:, 0]])[seen.face] > 0
        color = clay(N, behind, _albedo(colors, len(V), F, seen))
        canvas = gradient(H * samples, W * samples).reshape(-1, 3).copy()
    if background is not None:
        canvas = np.full_like(canvas, background)
    canvas[seen.pixel] = color
    grid = canvas.reshape(H, samples, W, samples, 3)
    image = sum(grid[:, i, :, j] for i in range(samples) for j in range(samples)) / samples**2
    return np.asarray(np.rint(image).clip(0, 255).astype(np.uint8))


def render_normals(
    V: Float[np.ndarray, "b n 3"],
    F: Int[np.ndarray, "m 3"],
    *,
    size: tuple[int, int] = (128, 128),
    frame: Frame,
    view: View | Float[np.ndarray, "3 3"] = "front",
    samples: int = 1,
) -> UInt8[np.ndarray, "b h w 3"]:
    """Draw a batch of meshes as normals in one frame: the input of an embedding network."""
    images = [
        render_mesh(X, F, size=size, mode="normals", view=view, frame=frame, samples=samples)
        for X in V
    ]
    return np.stack(images) if images else np.zeros((0, *size, 3), dtype=np.uint8)


def contact_sheet(
    tiles: Sequence[UInt8[np.ndarray, "h w 3"]],
    columns: int,
    labels: Sequence[str] | None = None,
    *,
    gap: int = 4,
) -> UInt8[np.ndarray, "height width 3"]:
    """Lay pictures of one size out in rows, each with its label below it.

    Raises
    ------
    ValueError
        There is no tile, the sizes differ, there are more or fewer labels than tiles, or no column.
    """
    if not tiles or columns < 1:
        raise ValueError(f"a contact sheet needs a tile and a column: {len(tiles)}, {columns}")
    if len({tile.shape for tile in tiles}) > 1:
        raise ValueError(f"tiles differ in size: {sorted({tile.shape for tile in tiles})}")
    if labels is not None and len(labels) != len(tiles):
        raise ValueError(f"{len(labels)} labels for {len(tiles)} tiles")
    H, W = tiles[0].shape[:2]
    font = max(9, min(H, W) // 14)
    strip = 0 if labels is None else round(font * 1.5)
    rows = -(-len(tiles) // columns)
    shape = (rows * (H + strip + gap) + gap, columns * (W + gap) + gap, 3)
    sheet = np.full(shape, 250, dtype=np.uint8)
    corners = [
        (gap + k // columns * (H + strip + gap), gap + k % columns * (W + gap))
        for k in range(len(tiles))
    ]
    for tile, (top, left) in zip(tiles, corners, strict=True):
        sheet[top : top + H, left : left + W] = tile
    if labels is None:
        return sheet
    return _write_labels(sheet, labels, [(x + W / 2, y + H + strip / 2) for y, x in corners], font)


def save_png(path: Path | str, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Write a picture as PNG, whole or not at all."""
    from PIL import Image

    with atomic_path(path) as aside:
        Image.fromarray(image).save(aside, format="PNG")


def _write_labels(
    sheet: np.ndarray, labels: Sequence[str], centers: list[tuple[float, float]], font_size: int
) -> np.ndarray:
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(sheet)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=font_size)
    for label, center in zip(labels, centers, strict=True):
        draw.text(center, label, fill=(40, 42, 46), font=font, anchor="mm")
    return np.asarray(picture).copy()


def _check_options(
    V: np.ndarray,
    F: np.ndarray,
    size: tuple[int, int],
    mode: str,
    colors: np.ndarray | None,
    samples: int,
) -> None:
    if min(*size, samples) < 1:
        raise ValueError(f"size and samples must be positive, got {size} and {samples}")
    if mode not in ("shaded", "normals"):
        raise ValueError(f'mode must be "shaded" or "normals", got {mode!r}')
    check_mesh(V, F)
    if V.shape[1] != 3:
        raise MeshError(f"V must be an (n, 3) array to be seen in space, got {V.shape}")
    if colors is not None and mode == "normals":
        raise ValueError('colors have no effect in mode "normals"')
    if colors is not None and len(colors) not in (len(V), len(F)):
        raise ValueError(f"{len(colors)} colors fit neither {len(V)} vertices nor {len(F)} faces")


def _rotation(view: View | np.ndarray) -> np.ndarray:
    if isinstance(view, str):
        if view not in YAW:
            raise ValueError(f"view must be a rotation or one of {sorted(YAW)}, got {view!r}")
        return turntable(YAW[view])
    R = np.asarray(view, dtype=np.float64)
    if R.shape != (3, 3) or abs(R @ R.T - np.eye(3)).max() > 1e-6 or np.linalg.det(R) < 0:
        raise ValueError("view is no rotation: its rows must be orthonormal and right-handed")
    return R


def _to_samples(V: np.ndarray, R: np.ndarray, frame: Frame, H: int, W: int) -> np.ndarray:
    """Map vertices to the sample grid: centres at integers, x right, y down, z to the viewer."""
    P = (V - frame.center) @ R.T * (H / 2 / frame.half_extent)
    P[:, 0] += W / 2 - 0.5
    P[:, 1] = H / 2 - 0.5 - P[:, 1]
    return np.asarray(P)


def _unit(N: np.ndarray) -> np.ndarray:
    length = np.sqrt(np.einsum("...k,...k->...", N, N))[..., None]
    return np.asarray(np.divide(N, length, out=np.zeros_like(N), where=length > 0))


def _interpolate(X: np.ndarray, F: np.ndarray, seen: Samples) -> np.ndarray:
    return np.asarray(np.einsum("sk,skc->sc", seen.bary, X[F[seen.face]]))


def _albedo(
    colors: np.ndarray | None, n_vertices: int, F: np.ndarray, seen: Samples
) -> np.ndarray | None:
    if colors is None:
        return None
    colors = np.asarray(colors, dtype=np.float64)
    return _interpolate(colors, F, seen) if len(colors) == n_vertices else colors[seen.face]
