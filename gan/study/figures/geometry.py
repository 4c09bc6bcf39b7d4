"""The geometry image beside the mesh that is generated, and the mesh that it would give back."""

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, UInt8

from gan.config import load_config
from gan.evaluation.generated import decode_all
from gan.models.contract import FaceGenerator
from gan.models.face_model import FaceModel
from gan.models.network_model import NetworkFaceModel
from gan.study.figures.figure import Figure
from gan.study.figures.grid import Axis, Cell, draw_grid
from gan.study.figures.scale import error_scale
from gan.study.figures.studio import Studio, absent
from meshkit.errors import MeshError, SolveError
from meshkit.geometry_image import mesh_from_image
from meshkit.images.layout import Layout, file_layout
from meshkit.mesh import Mesh
from meshkit.raster import raster_matrix, rasterize_uv

NAME, TITLE = "geometry-image", "Generated mesh and geometry image"
_MESHES = 3
_SHARE = 0.8  # of the distances that the scale spans: a few in the nostrils are far greater


def geometry_figure(studio: Studio) -> Iterator[Figure]:
    """Draw generated meshes, their geometry images, and the meshes sampled back from these.

    The images have the size that the run's discriminator sees.
    """
    member = studio.best()
    if member is None:
        yield from absent(NAME, TITLE, "no run of ours takes part.")
        return
    model, run = studio.model(member), member.run
    ours = isinstance(model, FaceModel | NetworkFaceModel)
    if not ours or not (run / "config.toml").is_file():
        yield from absent(NAME, TITLE, f"{member.title} is no run of a generator of ours.")
        return
    size = load_config(file=run / "config.toml").mapping.size
    try:
        layout = file_layout(
            Mesh(
                model.template.double().numpy(),
                model.faces.numpy(),
                UV=model.UV.double().numpy(),
            )
        )
    except (MeshError, SolveError) as error:
        yield from absent(NAME, TITLE, f"the layout of the template fails: {error}.")
        return
    X = decode_all(model, model.sample_codes(_MESHES, rng=studio.rng(NAME))).astype(np.float64)
    images, back = round_trip(model, layout, X, size)
    lost = np.linalg.norm(back - X, axis=2)
    limits, bar = error_scale(lost, studio.tile[0], share=_SHARE)
    cells = [
        [
            studio.shoot(V, view="three-quarter"),
            Cell(_as_colors(image, studio.tile)),
            studio.shoot(W, view="three-quarter"),
            studio.shoot(V, f"mean {d.mean():.2f} mm", field=d, limits=limits),
        ]
        for V, image, W, d in zip(X, images, back, lost, strict=True)
    ]
    titles = (
        "generated mesh",
        f"geometry image of {size}² texels",
        "mesh sampled back from the image",
        "distance of the two meshes",
    )
    text = (
        f"{member.title} generates vertices; the critic sees them as an image of x, y, z in red, "
        f"green, blue. A model that generated images would hand out the third column: "
        f"{lost.mean():.2f} mm off, most where a texel covers much of the surface."
    )
    yield Figure(NAME, TITLE, text, draw_grid(cells, rows=Axis(), columns=Axis(titles), bar=bar))


def round_trip(
    model: FaceGenerator, layout: Layout, X: Float[np.ndarray, "B V 3"], size: int
) -> tuple[Float[np.ndarray, "B n n 3"], Float[np.ndarray, "B V 3"]]:
    """Return the geometry images of meshes, and the meshes sampled back from them, in mm."""
    raster = rasterize_uv(layout.UV, layout.F_uv, (size, size))
    S: sp.csr_array = raster_matrix(layout.F, raster, len(model.template))
    images = np.stack([(S @ V).reshape(size, size, 3) for V in X])
    inside, UV = raster.face_index >= 0, model.UV.double().numpy()
    return images, np.stack([mesh_from_image(image, UV, inside=inside) for image in images])


def _as_colors(
    image: Float[np.ndarray, "n n 3"], size: tuple[int, int]
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw an image as a square of texels on paper, v upwards, in a picture as large as a face."""
    from PIL import Image

    from meshkit.rendering.sheets import PAPER

    low, high = image.min(axis=(0, 1)), image.max(axis=(0, 1))
    colors = np.rint((image - low) / np.where(high > low, high - low, 1) * 255).astype(np.uint8)
    side = min(size)
    square = Image.fromarray(colors[::-1].copy()).resize((side, side), Image.Resampling.NEAREST)
    tile = np.full((*size, 3), PAPER, dtype=np.uint8)
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    tile[top : top + side, left : left + side] = np.asarray(square)
    return tile
