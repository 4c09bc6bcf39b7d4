"""Heads as FLAME and CoMA store them: closed but for the neck, with two eyeballs; made up."""

from pathlib import Path

import numpy as np

from meshkit.io import save_mesh
from meshkit.mesh import Mesh

AROUND, UP = 24, 22
NECK = 0.86  # share of the way from crown to chin's pole where the surface ends
EYES = ((32.0, 20.0, 74.0), (-32.0, 20.0, 74.0))
SUBJECTS = [f"FaceTalk_17{k:04d}_00{k:03d}_TA" for k in range(6)]
EXPRESSIONS = ("bareteeth", "mouth_open", "high_smile")


def ball(around: int, up: int, end: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a unit sphere from the crown down; with an `end` below 1, open there."""
    rows = np.linspace(0, np.pi * end, up + 1)[1 : up + (end < 1)]
    theta, phi = np.meshgrid(rows, 2 * np.pi * np.arange(around) / around, indexing="ij")
    ring = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], 2)
    V = np.concatenate([[[0.0, 1.0, 0.0]], ring.reshape(-1, 3)])
    k = np.arange(around)
    F = [np.stack([0 * k, 1 + k, 1 + (k + 1) % around], axis=1)]
    for row in range(len(rows) - 1):
        a, b = 1 + row * around + k, 1 + row * around + (k + 1) % around
        F += [np.stack([a, a + around, b], axis=1), np.stack([b, a + around, b + around], axis=1)]
    if end == 1:
        V = np.concatenate([V, [[0.0, -1.0, 0.0]]])
        last = 1 + (len(rows) - 1) * around
        F.append(np.stack([last + k, 0 * k + len(V) - 1, last + (k + 1) % around], axis=1))
    return V, np.concatenate(F)


def head(wide: float = 0.0, long: float = 0.0, mouth: float = 0.0, smile: float = 0.0) -> Mesh:
    """Return a head in millimetres: one neck, two eyeballs, three components."""
    V, F = ball(AROUND, UP, NECK)
    V = V * [75 * (1 + wide), 110 * (1 + long), 92]
    x, y, z = V.T
    front = np.clip(z / 92, 0, 1) ** 2
    nose = np.exp(-((x / 14) ** 2) - ((y + 8) / 20) ** 2)
    chin = np.exp(-((x / 40) ** 2) - ((y + 70) / 25) ** 2)
    corners = np.exp(-(((abs(x) - 28) / 14) ** 2) - ((y + 45) / 14) ** 2)
    V = V + front[:, None] * np.stack(
        [6 * smile * corners * np.sign(x), 8 * smile * corners - 16 * mouth * chin, 18 * nose], 1
    )
    parts, faces = [V], [F]
    for center in EYES:
        E, T = ball(8, 6)
        faces.append(T + sum(map(len, parts)))
        parts.append(12 * E + center)
    return Mesh(np.concatenate(parts), np.concatenate(faces))


def write_coma(folder: Path, *, frames: int = 4) -> None:
    """Write a folder as CoMA's is: metres, a neck, eyeballs."""
    rng = np.random.default_rng(0)
    for subject in SUBJECTS:
        wide, long = rng.normal(size=2) * 0.06
        for expression in EXPRESSIONS:
            place = folder / subject / expression
            place.mkdir(parents=True)
            for frame in range(frames):
                t = rng.uniform(0.6, 1.0)
                mouth, smile = (t * (expression == name) for name in ("mouth_open", "high_smile"))
                mesh = head(wide, long, mouth + 0.2 * t * (expression == "bareteeth"), smile)
                name = f"{expression}.{frame + 1:06d}.ply"
                save_mesh(place / name, Mesh(mesh.V / 1000, mesh.F))
