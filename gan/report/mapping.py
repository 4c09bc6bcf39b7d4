"""How a face becomes an image: the layout in the unit square, and geometry images."""

import numpy as np
import torch
from jaxtyping import Float

from gan.datasets.store import Dataset
from gan.models.contract import FaceGenerator
from gan.report.faces import pick_real
from gan.report.html import Markup, element
from gan.report.pictures import inline
from meshkit.errors import MeshError, SolveError
from meshkit.images.layout import Layout, file_layout
from meshkit.mesh import Mesh
from meshkit.raster import raster_matrix, rasterize_uv
from meshkit.render import render_mesh
from meshkit.rendering.uv_picture import draw_layout
from meshkit.topology import boundary_loops

SIZE = 480  # of the layout and the checker
SHOWN = 3  # geometry images of each kind


def mapping(model: FaceGenerator, dataset: Dataset | None, *, size: int, seed: int) -> Markup:
    """Draw the layout, the surface with its checker, and geometry images of `size` texels."""
    V = model.template.numpy().astype(np.float64)
    F, UV = model.faces.numpy().astype(np.int64), model.UV.numpy().astype(np.float64)
    try:
        layout = file_layout(Mesh(V, F, UV=UV))
        loops = boundary_loops(F)
    except (MeshError, SolveError) as error:
        return element("p", f"The layout cannot be drawn: {error}", class_="note")
    flat = draw_layout(
        layout.UV, layout.F_uv, layout.distortion.area, loops, layout.flips, size=SIZE
    )
    surface = render_mesh(V, F, size=(SIZE, SIZE), mode="uv-checker", UV=UV)
    figures = [
        _figure(
            inline(flat, alt="the mesh in the unit square"),
            "The template in the unit square: "
            "blue faces get fewer texels than their area, red ones more; grey ones fill holes.",
        ),
        _figure(
            inline(surface, alt="the template with a checker"),
            "The same square as a checker on the template.",
        ),
    ]
    images = geometry_images(model, layout, dataset, size=size, seed=seed)
    tiles = [
        _figure(inline(pixels, alt=f"geometry image, {kind}", exact=True, style="texels"), kind)
        for kind, pixels in images
    ]
    caption = (
        f"Geometry images of {size} × {size} texels, as the discriminator sees them: x, y and z as "
        "red, green and blue, as differences from the template."
    )
    return element(
        "div",
        element("div", *figures, class_="pair"),
        element("p", caption),
        element("div", *tiles, class_="texel-row"),
    )


def geometry_images(
    model: FaceGenerator, layout: Layout, dataset: Dataset | None, *, size: int, seed: int
) -> list[tuple[str, np.ndarray]]:
    """Return (kind, pixels) of real and generated faces on one scale of colours, v upwards."""
    S = raster_matrix(
        layout.F, rasterize_uv(layout.UV, layout.F_uv, (size, size)), len(model.template)
    )
    template = model.template.numpy().astype(np.float64)
    codes = model.sample_codes(SHOWN, rng=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        faces = [("generated", X) for X in model.decode(codes).numpy()]
    if dataset is not None:
        real = dataset.vertices(pick_real(dataset, SHOWN, seed=seed))
        faces = [("real", X) for X in real] + faces
    images = [(kind, (S @ (X - template)).reshape(size, size, 3)) for kind, X in faces]
    reach = float(np.quantile(np.abs([image for _, image in images]), 0.995)) or 1.0
    return [(kind, _as_colors(image / reach)[::-1]) for kind, image in images]


def _as_colors(image: Float[np.ndarray, "h w 3"]) -> np.ndarray:
    return np.asarray(np.rint(127.5 * (image.clip(-1, 1) + 1)), dtype=np.uint8)


def _figure(image: Markup, caption: str) -> Markup:
    return element("figure", image, element("figcaption", caption))
