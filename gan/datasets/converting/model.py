"""What converters share: quads become triangles, holes get names, the file is written whole."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from gan.errors import DatasetError
from meshkit.files import atomic_path
from meshkit.topology import boundary_loops

HOLES = ("mouth", "eye_L", "eye_R")


def write_model(path: Path | str, read: Callable[[], dict[str, np.ndarray]]) -> None:
    """Write a face model file; that the target can be written is found out before the work.

    Raises
    ------
    OSError
        The target cannot be written.
    """
    with atomic_path(path) as aside:
        fields = read()
        with aside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **fields)


def split_quads(
    V: Float[np.ndarray, "n 3"], quads: Int[np.ndarray, "q 4"]
) -> Int[np.ndarray, "t 3"]:
    """Split quads along the diagonal that is Delaunay on V: the smaller sum of angles across it."""
    angle = np.empty(quads.shape)
    for k in range(4):
        P = V[quads[:, k]]
        one, other = V[quads[:, k - 1]] - P, V[quads[:, (k + 1) % 4]] - P
        cosine = (one * other).sum(axis=1)
        angle[:, k] = np.arctan2(np.linalg.norm(np.cross(one, other), axis=1), cosine)
    through_first = angle[:, 1] + angle[:, 3] <= angle[:, 0] + angle[:, 2]
    first = np.where(through_first[:, None], quads[:, [0, 1, 2]], quads[:, [0, 1, 3]])
    second = np.where(through_first[:, None], quads[:, [0, 2, 3]], quads[:, [1, 2, 3]])
    return np.stack([first, second], axis=1).reshape(-1, 3)


def name_loops(where: Path, V: np.ndarray, faces: np.ndarray) -> dict[str, np.ndarray]:
    """Return the outer boundary and the holes by name: the mouth, then eyes by first vertex."""
    outer, *holes = boundary_loops(faces)
    if len(holes) != len(HOLES):
        raise DatasetError(f"{where}: the face has {len(holes)} holes, expected {', '.join(HOLES)}")
    mouth, left, right = HOLES  # the subject's left is +x
    sides = [left if V[loop, 0].mean() > 0 else right for loop in holes[1:]]
    return {
        "outer_loop": outer.astype(np.int32),
        "hole_names": np.array([mouth, *sides]),
        "hole_loops": np.concatenate(holes).astype(np.int32),
        "hole_loop_sizes": np.array([len(loop) for loop in holes], dtype=np.int32),
    }
