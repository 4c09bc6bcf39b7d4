"""Draw docs/pictures/parameterization.png: maps of one head, coloured by its normals."""

from pathlib import Path
from typing import Any

import numpy as np
from small_png import save_small

import meshkit
from gan.datasets.procedural import ProceduralHead
from meshkit.normals import vertex_normals
from meshkit.render import contact_sheet, frame_of, render_mesh

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "parameterization.png"
SIZE = (330, 300)
HOUSE = np.array([[0.15, 0.0], [0.85, 0.0], [1.0, 0.5], [0.5, 1.0], [0.0, 0.5]])
MAPS: dict[str, dict[str, Any]] = {
    "square": {},
    "a polygon": {"boundary": HOUSE},
    "free: slim": {"method": "slim"},
    "square, balanced": {"balance": (32, 32)},
}


def main() -> None:
    """Draw and write the picture."""
    head = ProceduralHead()
    V, F = head.template, head.faces
    colors = 0.5 + 0.5 * vertex_normals(V, F)  # the same in every tile, to find parts again
    tiles = [_draw(V, F, colors)]
    labels = ["the surface"]
    for name, options in MAPS.items():
        flat = meshkit.parameterize(V, F, **options)
        tiles.append(_draw(np.pad(flat.UV, ((0, 0), (0, 1))), F, colors))
        labels.append(name)
    save_small(OUT, contact_sheet(tiles, len(tiles), labels=labels))
    print(OUT)


def _draw(P: np.ndarray, F: np.ndarray, colors: np.ndarray) -> np.ndarray:
    return render_mesh(
        P, F, size=SIZE, mode="wireframe", frame=frame_of(P, size=SIZE), colors=colors
    )


if __name__ == "__main__":
    main()
