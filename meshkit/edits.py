"""What an edit of a mesh did: the new arrays and where every vertex and face came from.

The maps carry landmarks, weights and correspondences over. `follow` takes a whole `Mesh` along,
with its texture coordinates and colours; `compose` makes one edit of two.
"""

import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.mesh import Mesh


class Repair(NamedTuple):
    """A repaired mesh and the way back.

    Attributes
    ----------
    V : length
    F : 1
    vertex_map, face_map : 1
        For each new vertex or face, the old one; -1 for one that the repair made.
    """

    V: Float[np.ndarray, "n 3"]
    F: Int[np.ndarray, "m 3"]
    vertex_map: Int[np.ndarray, " n"]
    face_map: Int[np.ndarray, " m"]


def follow(mesh: Mesh, repair: Repair) -> Mesh:
    """Return the repaired mesh with the texture coordinates and colours of the old one.

    A vertex that the repair made has none to take: then they are dropped, with a warning.
    """
    made_vertices = bool((repair.vertex_map < 0).any())
    made_faces = bool((repair.face_map < 0).any())
    lost = []
    result = Mesh(repair.V, repair.F)
    for name in ("UV", "colors"):
        values = getattr(mesh, name)
        if values is not None and made_vertices:
            lost.append("texture coordinates" if name == "UV" else "colours")
        elif values is not None:
            result = replace(result, **{name: values[repair.vertex_map]})
    if mesh.UV_corner is not None and mesh.F_uv is not None:
        if made_faces:
            lost.append("texture coordinates")
        else:
            F_uv = _follow_corners(mesh.F, mesh.F_uv, repair)
            result = replace(result, UV_corner=mesh.UV_corner, F_uv=F_uv)
    if lost:
        warnings.warn(f"{' and '.join(lost)} dropped: what the repair added has none", stacklevel=2)
    return result


def compose(first: Repair, second: Repair) -> Repair:
    """Return the result of `second`, done after `first`, with maps to the mesh before both."""
    maps = []
    for inner, outer in (
        (first.vertex_map, second.vertex_map),
        (first.face_map, second.face_map),
    ):
        maps.append(np.where(outer < 0, -1, inner[np.maximum(outer, 0)]) if len(inner) else outer)
    return Repair(second.V, second.F, *maps)


def _follow_corners(
    F: Int[np.ndarray, "m 3"], F_uv: Int[np.ndarray, "m 3"], repair: Repair
) -> Int[np.ndarray, "k 3"]:
    """Reorder per-corner indices as the repair reordered the corners of each face."""
    # A reversed face has its second and third corner swapped; compare with what is now second.
    reversed_ = repair.vertex_map[repair.F[:, 1]] == F[repair.face_map, 2]
    kept = F_uv[repair.face_map]
    return np.asarray(np.where(reversed_[:, None], kept[:, [0, 2, 1]], kept))
