"""Pictures to judge a flat map by: the layout coloured by distortion, and the surface in a checker.

In the layout v grows upwards. Blue faces are smaller in the map than their share of the surface (an
image undersamples them), red ones larger; grey faces fill holes; flipped faces are magenta, in a
ring. The outer border is black, the loops of holes are green. On the surface the same unit square
is a checker of 16 × 16 squares: where they are small, the image has many texels.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from meshkit.doctor.findings import plural
from meshkit.param import Parameterization
from meshkit.raster import UVRaster, rasterize_uv
from meshkit.rendering.fonts import caption_font
from meshkit.rendering.mesh_picture import render_mesh

SIZE = 720  # pixels of a tile
SAMPLES = 2  # per pixel and axis
PAPER = np.array([252.0, 252.0, 250.0])
INK, GREEN, MAGENTA = (22, 24, 28), (0, 120, 60), (230, 0, 200)
_FILL = np.array([222.0, 222.0, 222.0])
# From 1/8 of its share of the area (blue) over 1 (near white) to 8 times (red), in sRGB.
_SCALE = np.array(
    [
        *([33, 80, 160], [84, 142, 200], [160, 200, 225]),
        [246, 245, 242],
        *([246, 196, 164], [222, 122, 92], [165, 32, 48]),
    ],
    dtype=np.float64,
)


def draw_uv_preview(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], flat: Parameterization, title: str
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the layout of a parameterization beside the surface with its checker."""
    layout = draw_layout(flat.UV, flat.F, flat.distortion.area, flat.loops, flat.flips)
    surface = render_mesh(V, F, size=(SIZE, SIZE), mode="uv-checker", UV=flat.UV)
    caption = f"{title}, {flat.weights} weights, {plural(len(flat.flips), 'flip')}"
    return side_by_side([layout, surface], ["map", "surface"], caption, scale=True)


def area_colors(area: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m 3"]:
    """Return the colour, 0 to 255, for each face's ratio of area shares."""
    with np.errstate(divide="ignore"):
        step = np.log2(area).clip(-3, 3) + 3
    low = np.minimum(step.astype(np.int64), len(_SCALE) - 2)
    t = (step - low)[:, None]
    return np.asarray(_SCALE[low] * (1 - t) + _SCALE[low + 1] * t)


def draw_layout(
    UV: Float[np.ndarray, "n 2"],
    F: Int[np.ndarray, "k 3"],
    area: Float[np.ndarray, " m"],
    loops: Sequence[np.ndarray],
    flips: Int[np.ndarray, " f"],
    *,
    size: int = SIZE,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the map, size × size pixels.

    Parameters
    ----------
    F : 1
        The faces of `area`, then those that fill holes.
    area : 1
        As in `meshkit.distortion`.
    loops : 1
        The outer border first.
    """
    from PIL import Image

    margin = round(size * 0.03)
    inner = (size - 2 * margin) * SAMPLES
    order = np.concatenate([flips, np.delete(np.arange(len(F)), flips)])  # flipped ones on top
    raster = rasterize_uv(UV, F[order], (inner, inner))
    colors = np.concatenate([area_colors(area), np.tile(_FILL, (len(F) - len(area), 1)), [PAPER]])
    colors[flips] = MAGENTA
    colors[:-1] = colors[:-1][order]
    canvas = colors[raster.face_index]  # -1, outside, is the last row: paper
    canvas *= 1 - 0.4 * edge_mask(UV, F[order], raster)[..., None]
    picture = np.tile(PAPER, (size * SAMPLES, size * SAMPLES, 1))
    at = slice(margin * SAMPLES, margin * SAMPLES + inner)
    picture[at, at] = canvas[::-1]
    image = Image.fromarray(np.rint(picture).astype(np.uint8))
    _draw_loops(image, UV, F, loops, flips, margin * SAMPLES, inner)
    return np.asarray(image.resize((size, size), Image.Resampling.BOX))


def edge_mask(
    UV: Float[np.ndarray, "n 2"], F: Int[np.ndarray, "k 3"], raster: UVRaster
) -> Bool[np.ndarray, "H W"]:
    """Answer which samples lie within half a pixel of an edge; none where faces are too small."""
    H, W = raster.face_index.shape
    P = UV[F] * (W, H)
    side = P[:, [2, 0, 1]] - P[:, [1, 2, 0]]  # opposite each corner
    double_area = np.abs(side[:, 0, 0] * side[:, 1, 1] - side[:, 0, 1] * side[:, 1, 0])
    length = np.linalg.norm(side, axis=2)
    height = np.divide(double_area[:, None], length, out=np.zeros_like(length), where=length > 0)
    inside = raster.face_index >= 0
    face = raster.face_index[inside]
    distance = (raster.bary[inside] * height[face]).min(axis=1)
    mask = np.zeros((H, W), dtype=bool)
    # Lines in a face less than 8 samples high would cover it.
    mask[inside] = (distance < 0.5) & (height[face].min(axis=1) >= 8)
    return mask


def _draw_loops(
    image: object,
    UV: Float[np.ndarray, "n 2"],
    F: Int[np.ndarray, "k 3"],
    loops: Sequence[np.ndarray],
    flips: Int[np.ndarray, " f"],
    offset: int,
    inner: int,
) -> None:
    from PIL import Image, ImageDraw

    assert isinstance(image, Image.Image)
    draw = ImageDraw.Draw(image)
    XY = (UV * (1, -1) + (0, 1)) * inner + offset - 0.5
    width = max(2, inner // 300)
    for k, loop in enumerate(loops):
        points = [tuple(point) for point in XY[np.append(loop, loop[0])].tolist()]
        draw.line(points, fill=INK if k == 0 else GREEN, width=width, joint="curve")
    for face in F[flips].tolist():  # last: a sliver on a border must not hide below the line
        for a, b in pairwise([*face, face[0]]):
            draw.line([tuple(XY[a]), tuple(XY[b])], fill=MAGENTA, width=width)
        x, y = XY[face].mean(axis=0)
        r = 4 * width
        draw.ellipse([x - r, y - r, x + r, y + r], outline=MAGENTA, width=width)


def side_by_side(
    tiles: Sequence[UInt8[np.ndarray, "h _ 3"]], titles: Sequence[str], caption: str, *, scale: bool
) -> UInt8[np.ndarray, "H W 3"]:
    """Put tiles of one height in a row, a title above each, a caption and the scale below."""
    from PIL import Image, ImageDraw

    H = tiles[0].shape[0]
    top, bottom, gap = 34, 44, 10
    width = sum(tile.shape[1] for tile in tiles) + gap * (len(tiles) + 1)
    sheet = Image.new("RGB", (width, H + top + bottom), (252, 252, 250))
    draw, font = ImageDraw.Draw(sheet), caption_font(17)
    left = gap
    for tile, title in zip(tiles, titles, strict=True):
        sheet.paste(Image.fromarray(tile), (left, top))
        draw.text((left + tile.shape[1] / 2, top / 2), title, fill=INK, font=font, anchor="mm")
        left += tile.shape[1] + gap
    middle = top + H + bottom // 2
    draw.text((gap, middle), caption, fill=INK, font=font, anchor="lm")
    if scale:
        _draw_scale(sheet, width - gap, middle)
    return np.asarray(sheet)


def _draw_scale(sheet: object, right: int, middle: int) -> None:
    """Draw the colours from 1/8 to 8 with their ends labelled."""
    from PIL import Image, ImageDraw

    assert isinstance(sheet, Image.Image)
    draw, font = ImageDraw.Draw(sheet), caption_font(15)
    width = 180
    left = right - width - 140
    colors = area_colors(2.0 ** np.linspace(-3, 3, width))
    bar = np.tile(np.rint(colors).astype(np.uint8), (14, 1, 1))
    sheet.paste(Image.fromarray(bar), (left, middle - 7))
    draw.text((left - 8, middle), "area in the map: 1/8", fill=INK, font=font, anchor="rm")
    draw.text((left + width + 8, middle), "8 times its share", fill=INK, font=font, anchor="lm")
