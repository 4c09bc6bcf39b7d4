"""Draw docs/pictures/visemes.png: fifteen visemes of the embedded head, at rest and happy.

Run from the root of the repository: python tools/draw_visemes.py
"""

from pathlib import Path

import numpy as np

from gan.datasets.procedural import ProceduralHead
from gan.datasets.recipes import emotion_units
from gan.datasets.source import translate_units
from gan.datasets.visemes import VISEMES, viseme_mouth
from meshkit.render import contact_sheet, frame_of, render_mesh, save_png

OUT = Path("docs/pictures/visemes.png")
SIZE = (150, 130)


def main() -> None:
    head = ProceduralHead()
    identity = head.sample_identity(np.random.default_rng(4))
    faces: list[np.ndarray | None] = []
    captions: list[str] = []
    for first in range(0, len(VISEMES), 8):
        for emotion in ("neutral", "happy"):
            for name in VISEMES[first : first + 8]:
                units = viseme_mouth(name).speak(emotion_units(emotion, 0.9))
                faces.append(head.shape(identity, translate_units(units, head.controls)))
                captions.append(name if emotion == "neutral" else f"{name}, {emotion}")
            if first:
                faces.append(None)
                captions.append("")
    frame = frame_of(np.stack([V for V in faces if V is not None]), size=SIZE)
    blank = np.full((*SIZE, 3), 250, dtype=np.uint8)
    tiles = [
        blank if V is None else render_mesh(V, head.faces, size=SIZE, frame=frame) for V in faces
    ]
    save_png(OUT, contact_sheet(tiles, 8, captions))


if __name__ == "__main__":
    main()
