"""How a face becomes an image: the layout in the unit square, and geometry images."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from gan.datasets.store import Dataset
from gan.models.contract import FaceGenerator
from gan.report.faces import pick_real
from meshkit.errors import MeshError, SolveError
from meshkit.images.layout import Layout, file_layout
from meshkit.mesh import Mesh
from meshkit.raster import raster_matrix, rasterize_uv
from meshkit.rendering.uv_picture import draw_layout
from meshkit.report.pictures import Picture, cut_out, inline
from meshkit.topology import boundary_loops

SIZE = 480  # of the layout and the checker
PER_KIND = 3  # geometry images of real and of generated faces


class Mapping(NamedTuple):
    """Pictures of the layout, or why there are none.

    Attributes
    ----------
    images : geometry images, each with the kind of face that it shows
    size : texels along the side of one
    """

    layout: Picture | None
    checker: Picture | None
    images: list[tuple[str, Picture]]
    size: int
    error: str


def mapping(model: FaceGenerator, dataset: Dataset | None, *, size: int, seed: int) -> Mapping:
    """Draw the layout, the surface with its checker, and geometry images of `size` texels."""
    V = model.template.numpy().astype(np.float64)
    F, UV = model.faces.numpy().astype(np.int64), model.UV.numpy().astype(np.float64)
    try:
        layout = file_layout(Mesh(V, F, UV=UV))
        loops = boundary_loops(F)
    except (MeshError, SolveError) as error:
        return Mapping(None, None, [], size, str(error))
    flat = draw_layout(
        layout.UV, layout.F_uv, layout.distortion.area, loops, layout.flips, size=SIZE
    )
    checker = cut_out(V, F, (SIZE, SIZE), mode="uv-checker", UV=UV)
    images = geometry_images(model, layout, dataset, size=size, seed=seed)
    return Mapping(
        inline(flat, "the mesh in the unit square"),
        inline(checker, "the template with a checker"),
        [(kind, inline(pixels, f"geometry image, {kind}", exact=True)) for kind, pixels in images],
        size,
        "",
    )


def geometry_images(
    model: FaceGenerator, layout: Layout, dataset: Dataset | None, *, size: int, seed: int
) -> list[tuple[str, np.ndarray]]:
    """Return (kind, pixels) of real and generated faces on one scale of colours, v upwards."""
    S = raster_matrix(
        layout.F, rasterize_uv(layout.UV, layout.F_uv, (size, size)), len(model.template)
    )
    template = model.template.numpy().astype(np.float64)
    codes = model.sample_codes(PER_KIND, rng=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        faces = [("generated", X) for X in model.decode(codes).numpy()]
    if dataset is not None:
        real = dataset.vertices(pick_real(dataset, PER_KIND, seed=seed))
        faces = [("real", X) for X in real] + faces
    images = [(kind, (S @ (X - template)).reshape(size, size, 3)) for kind, X in faces]
    reach = float(np.quantile(np.abs([image for _, image in images]), 0.995)) or 1.0
    return [(kind, _as_colors(image / reach)[::-1]) for kind, image in images]


def _as_colors(image: Float[np.ndarray, "h w 3"]) -> np.ndarray:
    return np.asarray(np.rint(127.5 * (image.clip(-1, 1) + 1)), dtype=np.uint8)
