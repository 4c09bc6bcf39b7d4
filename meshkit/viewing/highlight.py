"""Where a finding is: the faces, edges and vertices to draw, and from where to look at them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.doctor.findings import Finding
from meshkit.normals import unit
from meshkit.viewing.subject import Subject

MAX_ELEMENTS = 20_000  # elements that are drawn of one finding
LIFT = 0.002  # of the ball's radius: lines on the surface lie a little above it


class Highlight(NamedTuple):
    """What to draw over the surface, in the subject's unit ball.

    Attributes
    ----------
    segments, points : 1
        Edges, and vertices.
    F : 1
        Faces, of `V`.
    drawn
        How many elements of the finding these are: some have no place, and at most `MAX_ELEMENTS`
        are drawn.
    center, normal : 1
        Of the first element: what to look at, and from which side.
    reach : 1
        The distance from the centre that holds that element.
    """

    V: Float[np.ndarray, "n 3"]
    segments: Float[np.ndarray, "s 2 3"]
    points: Float[np.ndarray, "p 3"]
    F: Int[np.ndarray, "f 3"]
    drawn: int
    center: Float[np.ndarray, " 3"]
    normal: Float[np.ndarray, " 3"]
    reach: float


def highlight(subject: Subject, finding: Finding) -> Highlight:
    """Find the places of a finding; whatever has none (impossible indices, no position) is left."""
    V = subject.V + LIFT * subject.normals()
    corners = _corners(subject, finding)[:MAX_ELEMENTS]
    F, E, points = (np.zeros((0, k), dtype=np.int64) for k in (3, 2, 1))
    if finding.kind == "faces":
        F = corners
        E = np.concatenate([F[:, [0, 1]], F[:, [1, 2]], F[:, [2, 0]]])
    elif finding.kind == "edges":
        E = corners
    else:
        points = corners
    center, normal, reach = np.zeros(3), np.array([0.0, 0.0, 1.0]), 1.0
    if len(corners):
        first = V[corners[0]]
        center = first.mean(axis=0)
        reach = float(np.linalg.norm(first - center, axis=1).max())
        side = unit(subject.normals()[corners[0]].mean(axis=0)[None])[0]
        normal = side if side.any() else normal
    return Highlight(V, V[E], V[points[:, 0]], F, len(corners), center, normal, reach)


def _corners(subject: Subject, finding: Finding) -> Int[np.ndarray, "k c"]:
    """Return the vertices of each element that can be drawn."""
    indices = finding.indices
    if finding.kind == "faces":
        indices = subject.mesh.F[indices[(indices >= 0) & (indices < len(subject.mesh.F))]]
    table = indices.reshape(len(indices), -1).astype(np.int64)
    n = len(subject.V)
    table = table[((table >= 0) & (table < n)).all(axis=1)]
    return np.asarray(table[subject.finite[table].all(axis=1)])
