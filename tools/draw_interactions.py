"""Draw docs/pictures/interactions.png: each mechanism of the benchmark's interaction alone.

Run from the root of the repository: python tools/draw_interactions.py [FACE_MODEL.npz]
Without a file, on the embedded head. A row is one mechanism on the person, of fifty, whom it
changes most: the dial at 0 (the sum), 0.5 and 1, and how far 1 is from the sum.
"""

import sys
from pathlib import Path

import numpy as np

from gan.datasets.benchmark.interaction import SHUT, InteractingFace
from gan.datasets.benchmark.tissue import LIMIT, Person
from gan.datasets.morphable import load_face_model
from gan.datasets.procedural import ProceduralHead
from gan.datasets.recipes import emotion_units
from gan.datasets.source import translate_units
from meshkit.render import contact_sheet, frame_of, render_mesh, save_png

OUT = Path("docs/pictures/interactions.png")
SIZE = (170, 180)
DIALS = (0.0, 0.5, 1.0)
APART = (0.0, 5.0)  # mm
ROWS = {
    "surface": emotion_units("happy", 1.0),
    "mobility": emotion_units("happy", 1.0),
    "saturation": emotion_units("surprise", 1.0),
    "jaw": {"AU27": 1.0},
    "folds": emotion_units("disgust", 1.0),
    "contact": SHUT,
    "all": emotion_units("fear", 1.0),
}


def alone(person: Person, mechanism: str) -> Person:
    """Return a person whose skin has this mechanism only; the jaw and contact have no switch."""
    if mechanism == "all":
        return person
    own = {"surface": "frame", "mobility": "mobility", "saturation": "limit", "folds": "fullness"}
    plain = {
        "frame": np.broadcast_to(np.eye(3), person.frame.shape),
        "mobility": np.ones_like(person.mobility),
        "limit": np.full_like(person.limit, LIMIT),
        "fullness": np.zeros_like(person.fullness),
    }
    plain.pop(own.get(mechanism, ""), None)
    return person._replace(**plain)


def main() -> None:
    face = InteractingFace(load_face_model(sys.argv[1]) if sys.argv[1:] else ProceduralHead())
    rng = np.random.default_rng(0)
    people = [face.tissue.meet(face.model.shape(face.sample_identity(rng), {})) for _ in range(50)]
    tiles, captions = list[np.ndarray](), list[str]()
    for mechanism, acted in ROWS.items():
        units = translate_units(acted, face.controls)
        posed = []
        for person in people:
            skin, dials = alone(person, mechanism), []
            for dial in (DIALS[0], DIALS[-1]):
                face.interaction = dial
                dials.append(face.perform(skin, units))
            posed.append(np.linalg.norm(dials[1] - dials[0], axis=1).mean())
        skin = alone(people[int(np.argmax(posed))], mechanism)
        faces = []
        for dial in DIALS:
            face.interaction = dial
            faces.append(face.perform(skin, units))
        frame = frame_of(np.stack(faces), size=SIZE)
        tiles += [render_mesh(V, face.faces, size=SIZE, frame=frame) for V in faces]
        apart = np.linalg.norm(faces[-1] - faces[0], axis=1)
        look = {"mode": "scalar", "field": apart, "limits": APART}
        tiles.append(render_mesh(faces[-1], face.faces, size=SIZE, frame=frame, **look))
        captions += [f"{mechanism}, {dial:g}" for dial in DIALS]
        captions.append(f"apart, 0-{APART[1]:g} mm")
    save_png(OUT, contact_sheet(tiles, 4, captions))


if __name__ == "__main__":
    main()
