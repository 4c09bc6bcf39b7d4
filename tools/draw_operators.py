"""Draw docs/pictures/operators.png: modes of the embedded head, and distances on it.

Faces are cut into small ones first, so that isolines are sharp.
"""

from pathlib import Path

import numpy as np
from small_png import save_small

import meshkit
from gan.datasets.procedural import ProceduralHead
from meshkit.render import contact_sheet, frame_of, render_mesh
from meshkit.topology import edges

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "operators.png"
SIZE, MODES, STEPS = (330, 270), (4, 8, 29), 16
LOW, MIDDLE, HIGH = np.array([[0.16, 0.36, 0.62], [0.95, 0.93, 0.88], [0.72, 0.2, 0.16]])


def main() -> None:
    """Draw and write the picture."""
    head = ProceduralHead()
    V, F = head.template, head.faces
    L, mass = meshkit.delaunay_laplacian(V, F), meshkit.lumped_mass(V, F)
    modes = meshkit.eigenpairs(L, mass, max(MODES) + 1).vectors
    tip = int(V[:, 2].argmax())
    fields = [modes[:, k] for k in MODES] + [meshkit.geodesic_distance(V, F, tip)]
    labels = [f"mode {k + 1}" for k in MODES] + ["distance from the nose"]
    tiles = [_draw(V, F, field) for field in fields]
    save_small(OUT, contact_sheet(tiles, len(tiles), labels=labels))
    print(OUT)


def _draw(V: np.ndarray, F: np.ndarray, field: np.ndarray) -> np.ndarray:
    frame = frame_of(V, size=SIZE)
    X = np.concatenate([V, field[:, None]], axis=1)
    for _ in range(3):
        X, F = _cut(X, F)
    return render_mesh(X[:, :3].copy(), F, size=SIZE, frame=frame, colors=_colors(X[:, 3]))


def _cut(X: np.ndarray, F: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut every face into four at the middles of its edges."""
    E = edges(F)
    n = len(X)
    key = E[:, 0] * n + E[:, 1]
    a, b, c = F.T
    ab, bc, ca = (
        n + np.searchsorted(key, np.minimum(i, j) * n + np.maximum(i, j))
        for i, j in ((a, b), (b, c), (c, a))
    )
    faces = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    middle = X[E].mean(axis=1)
    return np.concatenate([X, middle]), np.concatenate([np.stack(f, axis=1) for f in faces])


def _colors(field: np.ndarray) -> np.ndarray:
    """Colour by value from blue to red, with a dark line in every step."""
    t = (field - field.min()) / np.ptp(field)
    blend = np.where(
        (t < 0.5)[:, None],
        LOW + 2 * t[:, None] * (MIDDLE - LOW),
        MIDDLE + (2 * t[:, None] - 1) * (HIGH - MIDDLE),
    )
    phase = np.abs(t * STEPS % 1 - 0.5)
    return blend * np.where(phase < 0.07, 0.35, 1.0)[:, None]


if __name__ == "__main__":
    main()
