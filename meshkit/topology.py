"""Connectivity: edges, borders, parts, manifoldness. Never looks at V.

Half-edge k of a face runs from corner k to corner k + 1. In an oriented manifold every edge is one
half-edge (border) or two that run against each other (inside).
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Int
from scipy.sparse.csgraph import connected_components

from meshkit.checks import check_faces, takes_mesh
from meshkit.errors import MeshError, TopologyError


class EdgeTable(NamedTuple):
    """The edges of a mesh and the half-edges that lie on them.

    Attributes
    ----------
    E : 1
        Vertex indices, smaller first, sorted.
    uses : 1
        Number of faces at each edge.
    forward : 1
        How many of them run from the smaller index to the larger.
    half_edge : 1
        Half-edges ``3 face + corner`` in the order of E; those of one edge ascend.
    start : 1
        Edge e owns ``half_edge[start[e] : start[e] + uses[e]]``.
    """

    E: Int[np.ndarray, "e 2"]
    uses: Int[np.ndarray, " e"]
    forward: Int[np.ndarray, " e"]
    half_edge: Int[np.ndarray, " h"]
    start: Int[np.ndarray, " e"]


def edge_table(F: Int[np.ndarray, "m 3"]) -> EdgeTable:
    """Sort the half-edges of a mesh, oriented or not, manifold or not, by their edge."""
    check_faces(F)
    tail = F.astype(np.int64).ravel()
    head = np.roll(F, -1, axis=1).astype(np.int64).ravel()
    # In int64: n * n overflows int32 from n = 46341.
    n = int(F.max()) + 1
    key = np.minimum(tail, head) * n + np.maximum(tail, head)
    half_edge = np.argsort(key, kind="stable")
    key = key[half_edge]
    start = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    uses = np.diff(np.r_[start, len(key)])
    E = np.stack(np.divmod(key[start], n), axis=1)
    forward = np.add.reduceat((tail < head)[half_edge].astype(np.int64), start)
    return EdgeTable(E, uses, forward, half_edge, start)


@takes_mesh
def edges(F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, "e 2"]:
    """List the edges once each, smaller index first, sorted."""
    return edge_table(F).E


def nonmanifold_edges(F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, "k 2"]:
    """List the edges that belong to more than two faces."""
    table = edge_table(F)
    return np.asarray(table.E[table.uses > 2])


def misoriented_edges(F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, "k 2"]:
    """List the edges whose two faces run along them in the same direction."""
    table = edge_table(F)
    return np.asarray(table.E[(table.uses == 2) & (table.forward != 1)])


def nonmanifold_vertices(F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, " k"]:
    """List the vertices whose faces form more than one fan.

    Faces are of one fan if a walk through shared edges at the vertex leads from one to the other.
    Two cones that meet in their apex make it non-manifold although every edge has two faces.
    """
    table = edge_table(F)
    # Corners are nodes. The half-edges of one edge are joined, at its smaller and its larger end.
    follower = np.ones(len(table.half_edge), dtype=bool)
    follower[table.start] = False
    here = np.flatnonzero(follower)
    nodes = []
    for smaller in (True, False):
        a, b = (_corner_at(F, table.half_edge[k], smaller=smaller) for k in (here - 1, here))
        nodes.append((a, b))
    a, b = np.concatenate(nodes, axis=1)
    fan = connected_labels(a, b, F.size)
    first = np.zeros(int(fan.max()) + 1, dtype=np.int64)
    first[fan] = F.ravel()  # every corner of a fan has the same vertex
    return np.flatnonzero(np.bincount(first) > 1)


def _corner_at(
    F: Int[np.ndarray, "m 3"], half_edge: Int[np.ndarray, " k"], *, smaller: bool
) -> Int[np.ndarray, " k"]:
    """Return the corner ``3 face + k`` at the smaller or the larger end of half-edges."""
    face, k = np.divmod(half_edge, 3)
    following = 3 * face + (k + 1) % 3
    flat = F.ravel()
    ascends = flat[half_edge] < flat[following]
    return np.asarray(np.where(ascends == smaller, half_edge, following))


@takes_mesh
def boundary_loops(F: Int[np.ndarray, "m 3"]) -> list[np.ndarray]:
    """Order the boundary vertices into closed loops, longest first.

    A loop runs with the faces (surface on the left) and starts at its smallest index. Length is
    the number of vertices. A closed mesh has none.

    Raises
    ------
    TopologyError
        An edge belongs to more than two faces, two faces run along an edge in the same direction,
        or the boundary touches itself.
    """
    table = edge_table(F)
    _check_oriented_manifold(F, table)
    border = table.half_edge[table.start[table.uses == 1]]
    flat = F.ravel()
    tail, head = flat[border].tolist(), flat[border // 3 * 3 + (border + 1) % 3].tolist()
    follow = dict(zip(tail, head, strict=True))
    if len(follow) < len(tail):
        seen, count = np.unique(tail, return_counts=True)
        i = int(seen[count.argmax()])
        raise TopologyError(
            f"the boundary touches itself at vertex {i}: its faces form more than one fan "
            "(nonmanifold_vertices(F) lists all such): meshkit.repair.split_nonmanifold parts them",
            remedy="split-nonmanifold",
        )
    loops = []
    for vertex in sorted(follow):
        loop = []
        while vertex in follow:
            loop.append(vertex)
            vertex = follow.pop(vertex)
        if loop:
            loops.append(np.array(loop, dtype=np.int64))
    return sorted(loops, key=len, reverse=True)


def loop_lengths(F: Int[np.ndarray, "m 3"]) -> tuple[int, ...]:
    """Count the vertices of each border loop, longest first, of any mesh.

    Two loops that touch in a vertex count as one: the vertex is a finding of its own.
    """
    table = edge_table(F)
    i, j = table.E[table.uses == 1].T
    vertices, ends = np.unique(np.stack([i, j]), return_inverse=True)
    if not len(vertices):
        return ()
    a, b = ends.reshape(2, -1)
    sizes = np.bincount(connected_labels(a, b, len(vertices)))
    return tuple(sorted(sizes.tolist(), reverse=True))


def _check_oriented_manifold(F: Int[np.ndarray, "m 3"], table: EdgeTable) -> None:
    crowded = table.uses > 2
    turned = (table.uses == 2) & (table.forward != 1)
    if not (crowded | turned).any():
        return
    e = int((crowded if crowded.any() else turned).argmax())
    (i, j), start = table.E[e].tolist(), table.start[e]
    owners = (table.half_edge[start : start + table.uses[e]] // 3).tolist()
    if crowded.any():
        raise TopologyError(
            f"edge ({i}, {j}) belongs to {len(owners)} faces {owners[:8]} "
            "(nonmanifold_edges(F) lists all such): delete all but two, or meshkit.repair."
            "split_nonmanifold cuts them apart",
            remedy="split-nonmanifold",
        )
    raise TopologyError(
        f"faces {owners[0]} and {owners[1]} run along edge ({i}, {j}) in the same direction: one "
        "is inverted (misoriented_edges(F) lists all such): meshkit.repair.orient_faces turns it",
        remedy="orient-faces",
    )


@takes_mesh
def boundary_loop(F: Int[np.ndarray, "m 3"]) -> Int[np.ndarray, " b"]:
    """Return the only boundary loop of a disk.

    Raises
    ------
    TopologyError
        There is not exactly one loop.
    """
    loops = boundary_loops(F)
    if len(loops) != 1:
        lengths = [len(loop) for loop in loops]
        raise TopologyError(
            f"expected one boundary loop, found {len(loops)} of lengths {lengths}: "
            "choose one of boundary_loops(F)"
        )
    return np.asarray(loops[0])


def components(F: Int[np.ndarray, "m 3"], n: int) -> Int[np.ndarray, " n"]:
    """Label the vertices 0 … n - 1 by connected part, in the order of their first vertices.

    A vertex in no face is a part of its own.
    """
    check_faces(F)
    if int(F.max()) >= n:
        raise MeshError(f"a face names vertex {int(F.max())}, but there are {n} vertices only")
    tail, head = F[:, [0, 1]].ravel(), F[:, [1, 2]].ravel()  # two edges join a face's corners
    return connected_labels(tail, head, n)


def connected_labels(
    a: Int[np.ndarray, " k"], b: Int[np.ndarray, " k"], n: int
) -> Int[np.ndarray, " n"]:
    """Label 0 … n - 1 by connected part, where a[k] and b[k] are joined; first come, first 0."""
    graph = sp.coo_array((np.ones(len(a), dtype=np.int8), (a, b)), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1].astype(np.int64))


def count_parts(F: Int[np.ndarray, "m 3"], n: int) -> int:
    """Count the connected parts; a vertex in no face is one."""
    return int(components(F, n).max()) + 1


def check_one_manifold(F: Int[np.ndarray, "m 3"], n: int) -> None:
    """Raise TopologyError unless the faces are of one part and form one fan at each vertex.

    That an edge has two faces at most `boundary_loops` checks.
    """
    sizes = np.sort(np.unique(components(F, n)[F[:, 0]], return_counts=True)[1])[::-1]
    if len(sizes) > 1:
        raise TopologyError(
            f"the mesh has {len(sizes)} parts, of {sizes[:6].tolist()} faces: take one, "
            "meshkit.repair.keep_component",
            remedy="keep-component",
        )
    if (odd := nonmanifold_vertices(F)).size:
        raise TopologyError(
            f"the faces at vertex {int(odd[0])} form more than one fan ({odd.size} such vertices; "
            "nonmanifold_vertices(F) lists them): meshkit.repair.split_nonmanifold parts them",
            remedy="split-nonmanifold",
        )


def unreferenced_vertices(F: Int[np.ndarray, "m 3"], n: int) -> Int[np.ndarray, " k"]:
    """List the vertices below n that no face names."""
    check_faces(F)
    used = np.zeros(max(n, int(F.max()) + 1), dtype=bool)
    used[F] = True
    return np.flatnonzero(~used[:n])


@takes_mesh
def euler_characteristic(F: Int[np.ndarray, "m 3"]) -> int:
    """Return vertices - edges + faces; vertices in no face do not count.

    A disk has 1, a sphere 2; one surface of genus g with b loops has ``2 - 2 g - b``.
    """
    return len(np.unique(F)) - len(edges(F)) + len(F)
