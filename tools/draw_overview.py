"""Draw the README's picture from a run: `python tools/draw_overview.py demo/run`.

Above: a mesh, its map, its geometry image as positions and as the surface through its texels.
Below: faces that the run's model generates, a row for each person, a column for each expression.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from small_png import save_small

import gan
import meshkit
from meshkit.geometry_image import geometry_image, mesh_from_image
from meshkit.render import contact_sheet, frame_of, render_mesh
from meshkit.rendering.uv_picture import draw_layout

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "overview.png"
PEOPLE, SIDE = 4, 64


def main(run: Path) -> None:
    """Draw and write the picture."""
    model = gan.load_model(run)
    expressions = model.factor("expression").classes
    columns = len(expressions)
    tiles, labels = _chain(model), ["mesh", "map", "geometry image", "its surface"]
    top = contact_sheet(tiles, 4, labels=labels)
    frame = frame_of(model.template.double().numpy())
    faces = []
    for person in range(PEOPLE):
        rng = torch.Generator().manual_seed(person)
        codes = model.sample_codes(1, rng=rng)
        for label in range(columns):
            codes["expression"] = model.codes["expression"][[label]]
            V = model.decode(codes)[0].double().numpy()
            faces.append(render_mesh(V, model.faces.numpy(), size=(190, 160), frame=frame))
    below = contact_sheet(faces, columns, labels=[*expressions] * PEOPLE)
    page = np.full((top.shape[0] + below.shape[0], max(top.shape[1], below.shape[1]), 3), 255, "u1")
    for image, row in ((top, 0), (below, top.shape[0])):
        left = (page.shape[1] - image.shape[1]) // 2
        page[row : row + image.shape[0], left : left + image.shape[1]] = image
    OUT.parent.mkdir(exist_ok=True)
    save_small(OUT, page)
    print(OUT)


def _chain(model: "gan.FaceModel") -> list[np.ndarray]:
    """Return four square tiles: mesh, map, geometry image, surface through its texels."""
    size = 280
    V, F = model.template.double().numpy(), model.faces.numpy()
    flat = meshkit.parameterize(V, F, fill_holes=True)
    raster = meshkit.rasterize_uv(flat.UV, flat.F, (SIDE, SIDE))
    image = geometry_image(V, flat.F, raster)
    low, high = image.min(axis=(0, 1)), image.max(axis=(0, 1))
    shown = (255 * (image - low) / (high - low)).astype(np.uint8)[::-1]  # v = 0 below
    place = np.arange(size) * SIDE // size
    back = mesh_from_image(image, flat.UV)
    layout = draw_layout(
        flat.UV, flat.F, flat.distortion.area, flat.loops, flat.flips, size=3 * size
    )
    layout = layout.reshape(size, 3, size, 3, 3).mean(axis=(1, 3)).astype(np.uint8)
    return [
        render_mesh(V, F, size=(size, size)),
        layout,
        shown[np.ix_(place, place)],
        render_mesh(back, F, size=(size, size)),
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
