"""Draw docs/pictures/rendering.png: the modes of `meshkit.render` on the embedded head.

Run from the root of the repository: python tools/draw_rendering.py
"""

from pathlib import Path
from typing import Any

import numpy as np
from small_png import save_small

from gan.datasets.procedural import ProceduralHead
from meshkit.distortion import distortion
from meshkit.param import parameterize
from meshkit.render import contact_sheet, frame_of, render_mesh, turntable

OUT = Path("docs/pictures/rendering.png")


def main() -> None:
    head = ProceduralHead()
    V, F = head.shape(head.sample_identity(np.random.default_rng(3)), {}), head.faces
    flat = parameterize(V, F, fill_holes=True)
    area = np.log2(distortion(V, F, flat.UV).area)
    window: dict[str, Any] = {"view": turntable(-28.0, 8.0), "size": (300, 260)}
    frame = frame_of(V, perspective=25.0, **window)
    window |= {"frame": frame, "perspective": 25.0, "samples": 3}
    looks: dict[str, dict[str, Any]] = {
        "shaded": {},
        "normals": {},
        "wireframe": {},
        "uv-checker": {"UV": flat.UV},
        "scalar": {"field": area, "colormap": "coolwarm", "limits": (-3.0, 3.0)},
        "geometry": {},
    }
    tiles = [render_mesh(V, F, mode=mode, **window, **look) for mode, look in looks.items()]  # type: ignore[arg-type]
    save_small(OUT, contact_sheet(tiles, 3, list(looks)))


if __name__ == "__main__":
    main()
