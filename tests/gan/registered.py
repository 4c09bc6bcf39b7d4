"""Folders of small registered meshes as people have them: posed, in cm, with a manifest."""

import csv
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from meshkit.io import save_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import hemisphere

PEOPLE, EXPRESSIONS = 6, ("neutral", "left", "up")


def face(person: int, expression: str = "neutral") -> tuple[np.ndarray, np.ndarray]:
    """A dome, 20 long, lopsided so that every pose and mirror image can be told."""
    V, F = hemisphere(5)
    rng = np.random.default_rng(person)
    V = V * (1 + 0.08 * rng.normal(size=3)) * (1.0, 1.2, 0.8)
    V = V + 0.15 * (V[:, :1] > 0.4) * (0, 1, 1) + 0.02 * rng.normal(size=V.shape)
    V[:, 1] += {"neutral": 0.0, "left": 0.1, "up": 0.2}[expression] * (V[:, 0] > 0)
    return 10 * V, F


def pose(V: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    turn = Rotation.from_rotvec(0.4 * rng.normal(size=3)).as_matrix()
    return V @ turn.T + 30 * rng.normal(size=3)


def write_folder(folder: Path, *, posed: bool = True) -> Path:
    """Write PEOPLE × EXPRESSIONS meshes in three formats; return the manifest beside the folder."""
    rows = []
    for person in range(PEOPLE):
        for k, expression in enumerate(EXPRESSIONS):
            V, F = face(person, expression)
            V = pose(V, 10 * person + k) if posed and (person, k) != (0, 0) else V
            path = f"p{person}/{expression}{('.obj', '.ply', '.npz')[k]}"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            save_mesh(folder / path, Mesh(V, F))
            rows.append((path, f"p{person}", expression))
    return write_manifest(folder.with_suffix(".csv"), ("path", "subject", "expression"), rows)


def write_manifest(path: Path, columns: tuple[str, ...], rows: list[tuple]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
    return path
