"""Draw the picture of docs/explanation/geometry_images.md: `python tools/draw_geometry_images.py`.

A procedural head and its smile; above: the mesh, its image, the mesh sampled from it, its error;
middle: which vertices 32² texels see, with 1 and 4 × 4 samples, a chart and the chart dilated;
below: normal map in object space, in tangent space, height map, grid mesh.
"""

from pathlib import Path

import numpy as np
from small_png import save_small

import meshkit
from gan.datasets.procedural import ProceduralHead
from meshkit.images.image_maps import encode_normals, height_map, image_normals
from meshkit.images.stitch import mesh_of_texels
from meshkit.render import contact_sheet, frame_of, render_mesh

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "geometry_images.png"
SIDE, SMALL, TILE = 96, 32, 240


def main() -> None:
    """Draw and write the picture."""
    source = ProceduralHead()
    rng = np.random.default_rng(3)
    identity = source.sample_identity(rng)
    rest = source.shape(identity, {})
    smile = source.shape(identity, {"AU12_L": 1.0, "AU12_R": 1.0, "AU26": 0.6})
    F = source.faces
    flat = meshkit.parameterize(rest, F, fill_holes=True)
    raster = meshkit.rasterize_uv(flat.UV, flat.F, (SIDE, SIDE))
    template = meshkit.geometry_image(rest, flat.F, raster)
    image = meshkit.geometry_image(smile, flat.F, raster)
    tiles, labels = [], []
    for name, tile in {
        **_round_trip(smile, F, flat, image),
        **_seen(rest, F, flat),
        **_dilated(rest, F, flat),
        **_maps(image, template),
    }.items():
        tiles.append(tile)
        labels.append(name)
    OUT.parent.mkdir(exist_ok=True)
    save_small(OUT, contact_sheet(tiles, 4, labels=labels))
    print(OUT)


def _round_trip(
    V: np.ndarray, F: np.ndarray, flat: meshkit.Parameterization, image: np.ndarray
) -> dict[str, np.ndarray]:
    back, error = meshkit.round_trip_error(V, F, image, flat.UV)
    frame, size = frame_of(V), (TILE, TILE)
    top = float(np.percentile(error, 99))
    low, high = image.min(axis=(0, 1)), image.max(axis=(0, 1))
    return {
        "mesh": render_mesh(V, F, size=size, frame=frame),
        f"geometry image, {SIDE} x {SIDE}": _enlarge((image - low) / (high - low)),
        "mesh from the image": render_mesh(back, F, size=size, frame=frame),
        f"error, red from {top:.2g} mm": render_mesh(
            V, F, size=size, frame=frame, colors=_ramp(error / top)
        ),
    }


def _seen(V: np.ndarray, F: np.ndarray, flat: meshkit.Parameterization) -> dict[str, np.ndarray]:
    tiles = {}
    for k in (1, 4):
        S = meshkit.supersampled_matrix(flat.UV, flat.F, (SMALL, SMALL), k)
        found = meshkit.visibility(S, flat.F)
        colors = np.where(found.seen[:, None], (0.25, 0.55, 0.85), (0.9, 0.2, 0.1))
        name = f"{SMALL}² texels, {k} x {k}: {found.share:.0%} seen"
        tiles[name] = render_mesh(V, F, size=(TILE, TILE), colors=colors)
    return tiles


def _dilated(V: np.ndarray, F: np.ndarray, flat: meshkit.Parameterization) -> dict[str, np.ndarray]:
    open_map = meshkit.rasterize_uv(flat.UV, flat.F[~flat.fill_mask], (48, 48))
    tiles = {}
    for name, raster in (
        ("holes left open", open_map),
        ("dilated by 2 rings", meshkit.dilate_raster(open_map, 2)),
    ):
        image = meshkit.geometry_image(V, F, raster)
        low, high = V.min(axis=0), V.max(axis=0)
        shown = np.where(raster.face_index[..., None] >= 0, (image - low) / (high - low), 1.0)
        tiles[name] = _enlarge(shown)
    return tiles


def _maps(image: np.ndarray, template: np.ndarray) -> dict[str, np.ndarray]:
    normals = image_normals(image)
    tangent = meshkit.to_tangent_space(normals, meshkit.tangent_frames(template))
    height = height_map(image, template).height
    top = float(np.abs(height).max())
    grid = mesh_of_texels(image)
    return {
        "normals, object space": _enlarge(encode_normals(normals) / 255),
        "normals, tangent space": _enlarge(encode_normals(tangent) / 255),
        f"height, -{top:.0f} to {top:.0f} mm": _enlarge(_ramp(height / top / 2 + 0.5)),
        "grid mesh": render_mesh(grid.V, grid.F, size=(TILE, TILE)),
    }


def _ramp(share: np.ndarray) -> np.ndarray:
    """Colour 0 … 1 from blue over white to red."""
    stops = np.array([[0.2, 0.35, 0.75], [0.95, 0.95, 0.95], [0.8, 0.15, 0.1]])
    at = share.clip(0, 1)
    return np.stack([np.interp(at, [0, 0.5, 1], stops[:, c]) for c in range(3)], axis=-1)


def _enlarge(shown: np.ndarray) -> np.ndarray:
    """Scale an image with values in [0, 1] to a tile, v upwards."""
    H, W = shown.shape[:2]
    pixels = np.rint(255 * shown[::-1]).astype(np.uint8)
    return pixels[np.ix_(np.arange(TILE) * H // TILE, np.arange(TILE) * W // TILE)]


if __name__ == "__main__":
    main()
