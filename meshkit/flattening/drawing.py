"""Draw any triangulated disk on an integer grid without flips: the last resort of `parameterize`.

Harmonic maps shrink a finger of the surface exponentially, until its faces are smaller than the
rounding of their coordinates; no positive geometric weights help. Schnyder's drawing counts
faces instead of solving for positions: n vertices fit on a grid of size n, every face with area.
Weights taken from it put the border where it is wanted and keep areas of that order.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

ROOT3 = np.sqrt(3.0)


class _Wood(NamedTuple):
    """A Schnyder wood: three trees that share the inner vertices, each with a root outside.

    `parent[k][v]` is the next vertex on the way to root k. `order` lists the inner vertices so that
    the parents of v in trees 0 and 1 come after it and the one in tree 2 before.
    """

    roots: tuple[int, int, int]
    parent: list[list[int]]
    order: list[int]


def grid_drawing(
    F: Int[np.ndarray, "m 3"], loop: Int[np.ndarray, " b"], n: int
) -> Float[np.ndarray, "n 2"]:
    """Place the n vertices of a disk in the plane so that every face is counter-clockwise.

    The border is not convex: take `mean_value_laplacian` of the drawing for weights that are
    positive, and solve for the border that is wanted.

    Parameters
    ----------
    F : 1
        A disk: one border, no inner edge between vertices that another edge joins.
    loop : 1
        Its border, surface on the left.

    Returns
    -------
    P : 1
        Points of a triangular grid with n + 1 points to a side; faces have at least the area of one
        of its triangles, sqrt(3) / 4.

    References
    ----------
    Schnyder, Embedding planar graphs on the grid, SODA 1990 (Theorem 6.2).
    de Fraysseix, Pach, Pollack, How to draw a planar graph on a grid, Combinatorica 1990 (order).
    """
    wood = _peel(_enclose(F, loop, n), n)
    x, y = _count_regions(wood, n + 3)[:, :n].astype(float)
    # From a square grid to a triangular one, which no root of the three is special to.
    return np.stack([x + y / 2, ROOT3 / 2 * y], axis=1)


def _enclose(F: np.ndarray, loop: np.ndarray, n: int) -> np.ndarray:
    """Add faces outside the border up to a triangle of three new vertices n, n + 1, n + 2."""
    cut = np.array([0, len(loop) // 3, 2 * len(loop) // 3, len(loop)])
    root = n + np.repeat(np.arange(3), np.diff(cut))
    after = np.roll(loop, -1)
    third = np.array([0, 1, 2])
    between = np.stack([n + (third + 1) % 3, loop[cut[1:] % len(loop)], n + third], axis=1)
    return np.concatenate([F, np.stack([root, after, loop], axis=1), between])


def _peel(F: np.ndarray, n: int) -> _Wood:
    """Take the vertices off one by one from root n + 2 on; what is left stays a disk over n, n + 1.

    The contour runs from root n over what was laid bare to root n + 1. A vertex may go when no edge
    joins it to a contour vertex that is not beside it. Its neighbours on the contour become parents
    in trees 0 and 1, and it becomes the parent in tree 2 of those that it lays bare.
    """
    roots = (n, n + 1, n + 2)
    turn: list[dict[int, int]] = [{} for _ in range(n + 3)]  # neighbour -> the next to the left
    for a, b, c in F.tolist():
        turn[a][b], turn[b][c], turn[c][a] = c, a, b
    before, after = [-1] * (n + 3), [-1] * (n + 3)
    parent = [[-1] * (n + 3) for _ in range(3)]
    shared = [0] * (n + 3)  # edges to contour vertices that are not beside
    bare = [False] * (n + 3)  # on the contour
    for i, j in ((n, n + 2), (n + 2, n + 1)):
        after[i], before[j] = j, i
    for root in roots:
        bare[root] = True
    order, ready = [], [n + 2]
    while ready:
        v = ready.pop()
        if not bare[v] or shared[v]:
            continue
        left, right = before[v], after[v]
        path = [left]
        while path[-1] != right:
            path.append(turn[v][path[-1]])
        bare[v] = False
        order.append(v)
        parent[0][v], parent[1][v] = left, right
        laid = path[1:-1]
        for u in laid:
            parent[2][u], bare[u] = v, True
        for i, j in itertools.pairwise(path):
            after[i], before[j] = j, i
        if not laid:  # left and right are beside each other now
            shared[left] -= 1
            shared[right] -= 1
        new = set(laid)
        for u in laid:
            for w in turn[u]:
                if bare[w] and w not in (before[u], after[u]) and not (w in new and w < u):
                    shared[u] += 1
                    shared[w] += 1
        ready += [u for u in path if not shared[u] and u not in roots]
    return _Wood(roots, parent, order[1:])


def _count_regions(wood: _Wood, size: int) -> np.ndarray:
    """Return Schnyder's first two coordinates of every vertex.

    The paths from v to the roots cut the disk into three regions. Coordinate k counts the vertices
    of the region across from root k, without those on the path to root k - 1: a sum of sizes of
    subtrees along the two paths that bound the region.
    """
    order, parent = wood.order, wood.parent
    upward = (order, order, order[::-1])  # children before parents, by tree
    below = [[1] * size for _ in range(3)]  # size of the subtree
    length = [[1] * size for _ in range(3)]  # number of vertices on the path to the root
    for k in range(3):
        for v in upward[k]:
            below[k][parent[k][v]] += below[k][v]
        for v in reversed(upward[k]):
            length[k][v] = length[k][parent[k][v]] + 1
    coordinates = []
    for k in (0, 1):
        total = np.zeros(size, dtype=np.int64)
        for j in ((k + 1) % 3, (k + 2) % 3):
            along = [1] * size  # a root's subtree in another's tree is itself
            for v in reversed(upward[j]):
                along[v] = along[parent[j][v]] + below[k][v]
            total += along
        coordinates.append(total - below[k] - length[(k + 2) % 3])
    return np.array(coordinates)
