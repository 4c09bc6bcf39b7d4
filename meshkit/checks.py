"""Refuse malformed arrays by name and index, before they become a crash or a wrong number."""

import numpy as np

from meshkit.errors import MeshError


def check_faces(F: np.ndarray) -> None:
    """Raise MeshError unless F is a non-empty (m, 3) integer array of distinct corners."""
    if F.ndim != 2 or F.shape[1] != 3 or not np.issubdtype(F.dtype, np.integer):
        raise MeshError(f"F must be an (m, 3) integer array, got {F.dtype} {F.shape}")
    if len(F) == 0:
        raise MeshError("F is empty: a mesh needs at least one face")
    a, b, c = F.T
    bad = (a == b) | (b == c) | (c == a) | (a < 0) | (b < 0) | (c < 0)
    if bad.any():
        f = int(bad.argmax())
        raise MeshError(
            f"face {f} = {F[f].tolist()} repeats a vertex or has a negative index "
            f"({int(bad.sum())} such faces): delete it, or meshkit.repair.drop_duplicates",
            remedy="drop-duplicates",
        )


def check_mesh(V: np.ndarray, F: np.ndarray) -> None:
    """Raise MeshError unless V is a finite (n, 2) or (n, 3) float array and F indexes it."""
    check_faces(F)
    if V.ndim != 2 or V.shape[1] not in (2, 3) or not np.issubdtype(V.dtype, np.floating):
        raise MeshError(f"V must be an (n, 2) or (n, 3) float array, got {V.dtype} {V.shape}")
    if int(F.max()) >= len(V):
        f = int((len(V) <= F).any(axis=1).argmax())
        raise MeshError(f"face {f} = {F[f].tolist()} names a vertex, but V has {len(V)} rows only")
    finite = np.isfinite(V).all(axis=1)
    if not finite.all():
        i = int(finite.argmin())
        raise MeshError(
            f"vertex {i} = {V[i].tolist()} is not finite ({int((~finite).sum())} such vertices): "
            "correct it in the file, or delete it with its faces"
        )
