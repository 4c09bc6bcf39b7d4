"""Cut a mesh at its non-manifold edges and vertices, by giving fans copies of their own."""

import numpy as np
from jaxtyping import Int

from meshkit.topology import connected_labels, edge_table


def separate_fans(
    F: Int[np.ndarray, "m 3"], n: int, cut: Int[np.ndarray, "c 2"] | None = None
) -> tuple[Int[np.ndarray, "m 3"], Int[np.ndarray, " k"]]:
    """Copy vertices until every edge has one or two faces and every vertex one fan of faces.

    A fan is a set of corners at one vertex, connected through edges of exactly two faces. It is a
    row of faces; one at an edge of more faces ends its row, so no row holds more than two of them.

    Parameters
    ----------
    cut : 1
        Edges, smaller vertex first, at which faces are parted too: no row goes across.

    Returns
    -------
    F : 1
        Faces with copies in place of shared vertices.
    origin : 1
        The old vertex of each new one; the first n are the old vertices.

    References
    ----------
    Guéziec, Taubin, Lazarus, Horn, Cutting and stitching: converting sets of polygons to manifold
    surfaces, IEEE Transactions on Visualization and Computer Graphics 2001 (local cutting).
    """
    table = edge_table(F)
    joined = table.uses == 2
    if cut is not None:
        joined &= ~np.isin(table.E @ (n, 1), cut @ (n, 1))
    pair = table.start[joined]
    first, second = table.half_edge[pair], table.half_edge[pair + 1]
    corners = F.reshape(-1)
    # Join the corners at both ends of the edge, whichever way its second face runs.
    ends_a = np.stack([first, _following(first)])
    ends_b = np.stack([second, _following(second)])
    crossed = corners[ends_a[0]] != corners[ends_b[0]]
    ends_b = np.where(crossed, ends_b[::-1], ends_b)
    fan = connected_labels(ends_a.reshape(-1), ends_b.reshape(-1), F.size)
    _, leader = np.unique(fan, return_index=True)  # the first corner of each fan
    vertex = corners[leader]
    order = np.lexsort([leader, vertex])
    extra = np.zeros(len(vertex), dtype=bool)
    extra[order[1:]] = vertex[order[1:]] == vertex[order[:-1]]
    number = np.where(extra, n - 1 + np.cumsum(extra), vertex)
    origin = np.concatenate([np.arange(n), vertex[extra]])
    return number[fan].reshape(-1, 3), origin


def _following(half_edge: Int[np.ndarray, " k"]) -> Int[np.ndarray, " k"]:
    """Return the next corner of the same face."""
    face, k = np.divmod(half_edge, 3)
    return np.asarray(3 * face + (k + 1) % 3)
