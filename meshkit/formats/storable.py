"""What a mesh must be so that a file of it can be read back."""

import numpy as np

from meshkit.errors import FileFormatError, MeshError
from meshkit.mesh import Mesh

SINGLE_PRECISION = frozenset({".stl", ".gltf", ".glb"})


def check_storable(mesh: Mesh, suffix: str) -> None:
    """Raise MeshError for a mesh that could not be read back."""
    if len(mesh.V) == 0 or len(mesh.F) == 0:
        raise MeshError(
            f"a mesh file needs vertices and faces, got {len(mesh.V)} and {len(mesh.F)}"
        )
    if mesh.F.min() < 0 or mesh.F.max() >= len(mesh.V):
        f = int(((mesh.F < 0) | (len(mesh.V) <= mesh.F)).any(axis=1).argmax())
        raise FileFormatError(
            f"face {f} = {mesh.F[f].tolist()}, but there are {len(mesh.V)} vertices"
        )
    if suffix in SINGLE_PRECISION:
        finite = np.where(np.isfinite(mesh.V), np.abs(mesh.V), 0)
        if finite.max() > np.finfo(np.float32).max:
            v = int(finite.max(axis=1).argmax())
            raise MeshError(
                f"vertex {v} = {mesh.V[v].tolist()} is too large for {suffix}, "
                "which is single precision: use .obj or .ply"
            )
