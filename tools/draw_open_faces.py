"""Draw docs/pictures/open_faces.png: expressions added and transferred, and extreme ones.

Run from the root of the repository: python tools/draw_open_faces.py ict_face.npz
"""

import sys
from pathlib import Path

import numpy as np

from gan.datasets.benchmark.open_faces import extreme_units, extremes
from gan.datasets.benchmark.transfer import TransferredFace
from gan.datasets.morphable import LinearFace, load_face_model
from gan.datasets.plan import purpose_rng
from gan.datasets.recipes import PLAIN, emotion_units
from gan.datasets.source import translate_units
from meshkit.render import contact_sheet, frame_of, render_mesh, save_png

OUT = Path("docs/pictures/open_faces.png")
SIZE = (124, 108)
PEOPLE = (8, 9)
SCALE = (0.0, 2.0)  # mm


def main() -> None:
    model = load_face_model(sys.argv[1])
    if not isinstance(model, LinearFace):
        raise SystemExit(f"{sys.argv[1]}: a linear face model is needed")
    source, tiles, captions = TransferredFace(model), list[np.ndarray](), list[str]()
    for person in PEOPLE:
        identity = source.sample_identity(purpose_rng(0, person, "identity"))
        own = identity[: len(model.modes("identity"))]
        for emotion in ("happy", "surprise"):
            units = translate_units(emotion_units(emotion, 1.0), model.controls)
            added, carried = model.shape(own, units), source.shape(identity, units)
            frame = frame_of(np.stack([added, carried]), size=SIZE)
            apart = np.linalg.norm(added - carried, axis=1)
            tiles += [render_mesh(V, model.faces, size=SIZE, frame=frame) for V in (added, carried)]
            tiles.append(
                render_mesh(
                    carried,
                    model.faces,
                    size=SIZE,
                    frame=frame,
                    mode="scalar",
                    field=apart,
                    limits=SCALE,
                )
            )
            captions += [f"{emotion}, added", f"{emotion}, carried", f"apart, 0-{SCALE[1]:g} mm"]
    for k, name in enumerate(extremes()):
        identity = source.sample_identity(purpose_rng(0, PEOPLE[k % 2], "identity"))
        V = source.shape(identity, translate_units(extreme_units(name, 1.0, PLAIN), model.controls))
        tiles.append(render_mesh(V, model.faces, size=SIZE, frame=frame_of(V, size=SIZE)))
        captions.append(name)
    save_png(OUT, contact_sheet(tiles, 6, captions))


if __name__ == "__main__":
    main()
