"""Which template vertices have a counterpart on the scan, and how far to believe it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from meshkit.normals import vertex_normals
from meshkit.registration.target import Target
from meshkit.topology import edge_table

_IN_FRONT = 0.5  # of the distance to a point: a vertex nearer to it hides it
_FLOOR = 0.02  # of the template's radius: the least scale of residuals, for scans without noise


class Matches(NamedTuple):
    """A counterpart for every template vertex, and its weight.

    Attributes
    ----------
    weight : 1
        0 (none) to 1.
    point : length
    normal : 1
        Of the scan.
    spread : length
        The robust deviation of the distances.
    """

    weight: Float[np.ndarray, " n"]
    point: Float[np.ndarray, "n 3"]
    normal: Float[np.ndarray, "n 3"]
    spread: float


def match(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    target: Target,
    *,
    size: float,
    distance_gate: float,
    normal_gate: float,
) -> Matches:
    """Find closest points and reject those that are no counterparts.

    A vertex has none where the closest point lies on the scan's border (the surface goes on beyond
    a hole, or ends) or its normal differs by more than the gate. The others are weighted by Tukey's
    biweight of their distance over the robust deviation of all distances, so that outliers
    and parts that the scan does not hold lose their pull as the fit gets better. Nor has a vertex
    one that it cannot see: a point further off than the deviation to which another vertex is less
    than half as far. So the inside of a nostril is not pulled through its wing.

    Parameters
    ----------
    size : length
        Radius of the template.
    distance_gate : 1
        Weight 0 from this many deviations on.
    normal_gate : degree
    """
    closest = target.closest(V)
    cosine = (closest.normal * vertex_normals(V, F)).sum(axis=1)
    if target.F is None:  # normals of a cloud have no sign
        cosine = np.abs(cosine)
    sound: Bool[np.ndarray, " n"] = ~closest.on_border & (cosine > np.cos(np.deg2rad(normal_gate)))
    spread = _FLOOR * size
    if sound.any():
        spread = max(spread, 1.4826 * float(np.median(closest.distance[sound])))
    # A tree of vertices, not of the surface: what is nearer than half of a far point is in front.
    nearest = cKDTree(V[np.unique(F)]).query(closest.point)[0]
    sound &= (nearest > _IN_FRONT * closest.distance) | (closest.distance <= spread)
    weight = sound * np.maximum(1 - (closest.distance / (distance_gate * spread)) ** 2, 0) ** 2
    return Matches(weight, closest.point, closest.normal, spread)


def border_vertices(F: Int[np.ndarray, "m 3"], n: int) -> Bool[np.ndarray, " n"]:
    """Mark the vertices on an edge with one face."""
    table = edge_table(F)
    marked = np.zeros(n, dtype=bool)
    marked[table.E[table.uses == 1]] = True
    return marked
