"""Where to cut a surface open: short seams along its edges. A seam is a mask over the edges.

A *cut graph* is a set of edges without which the surface is a disk. It comes from a tree of
shortest paths and a tree of faces that crosses none of them (tree-cotree); the two edges per handle
that neither tree takes close the loops. Inner holes count as closed by one big face each, so that
they stay holes, unless the surface is so narrow that the seam runs into them.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from jaxtyping import Bool, Float, Int
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree

from meshkit.flattening.nonmanifold import separate_fans
from meshkit.topology import EdgeTable, boundary_loops, connected_labels, edge_table

PASSES = 4  # of shortening, over all pieces; the first does nearly all
EAR = 3.0  # cost, in median edges, of a fork that leaves one face between two of its branches


class Surface(NamedTuple):
    """What the search looks at.

    Attributes
    ----------
    cost : length
        Per edge; edges without length and those at a hole to be kept cost more than any path.
    cap : 1
        Per vertex: the loop it lies on that counts as closed by a face, or -1.
    roots : 1
        Vertices of the other loops: there the surface is open, and a seam may end.
    """

    F: Int[np.ndarray, "m 3"]
    n: int
    table: EdgeTable
    cost: Float[np.ndarray, " e"]
    cap: Int[np.ndarray, " n"]
    roots: Int[np.ndarray, " r"]


def edge_cost(
    V: Float[np.ndarray, "n 3"], E: Int[np.ndarray, "e 2"]
) -> tuple[Float[np.ndarray, " e"], float]:
    """Return the lengths of edges, and one that is more than any path.

    An edge that has no length costs as much: the two ends of it could not be told apart on the
    border of a map.
    """
    length = np.linalg.norm(V[E[:, 1]] - V[E[:, 0]], axis=1)
    total = float(length.sum()) or 1.0
    return np.where(length > 1e-12 * total, length, total), total


def far_path(
    E: Int[np.ndarray, "e 2"], cost: Float[np.ndarray, " e"], n: int
) -> Int[np.ndarray, " k"]:
    """Return the shortest path between two vertices far apart, of three vertices at least."""
    ends = [int(E[0, 0])]
    for _ in range(3):
        distance = dijkstra(_graph(E, cost, n), directed=False, indices=ends[-1])
        ends.append(int(np.where(np.isfinite(distance), distance, -1).argmax()))
    return path_through(E, cost, n, np.array(ends[-2:]))


def path_through(
    E: Int[np.ndarray, "e 2"],
    cost: Float[np.ndarray, " e"],
    n: int,
    stops: Int[np.ndarray, " s"],
) -> Int[np.ndarray, " k"]:
    """Return a path through vertices in order, each leg the shortest that crosses none before it.

    Raises
    ------
    ValueError
        There is no such path: legs before are in the way.
    """
    path = [int(stops[0])]
    for k, (start, stop) in enumerate(zip(stops[:-1].tolist(), stops[1:].tolist(), strict=True)):
        closed = np.zeros(n, dtype=bool)
        closed[[*path[:-1], *stops[k + 2 :].tolist()]] = True
        free = ~closed[E].any(axis=1)
        if len(stops) == 2:  # one edge alone opens nothing
            free &= (np.sort(stops) != E).any(axis=1)
        distance, before = dijkstra(
            _graph(E[free], cost[free], n), directed=False, indices=start, return_predecessors=True
        )
        if not np.isfinite(distance[stop]):
            raise ValueError(
                f"no path from vertex {start} to {stop} without crossing the seam before it: name "
                "the vertices in another order, or fewer of them"
            )
        path += _walk(before, stop)[-2::-1]
    return np.array(path)


def path_from_border(
    E: Int[np.ndarray, "e 2"],
    cost: Float[np.ndarray, " e"],
    n: int,
    loops: list[np.ndarray],
    stops: Int[np.ndarray, " s"],
) -> Int[np.ndarray, " k"]:
    """Return a path from the first loop through inner vertices, which touches no border again.

    The first stop may lie on the loop; else the path begins where the loop is nearest to it.

    Raises
    ------
    ValueError
        There is no such path: a later stop lies on a border, or legs before are in the way.
    """
    on_border = np.zeros(n, dtype=bool)
    on_border[np.concatenate(loops)] = True
    if on_border[stops[1:]].any() or (on_border[stops[0]] and stops[0] not in loops[0]):
        raise ValueError(
            "the seam begins on the longest border, and passes no vertex of a border after that"
        )
    if not on_border[stops[0]]:
        first = np.zeros(n, dtype=bool)
        first[loops[0]] = True
        outer = on_border & ~first
        free = ~outer[E].any(axis=1) & ~first[E].all(axis=1)
        source = dijkstra(
            _graph(E[free], cost[free], n),
            directed=False,
            indices=loops[0],
            return_predecessors=True,
            min_only=True,
        )[2]
        if source[stops[0]] < 0:
            raise ValueError(f"no path from the border to vertex {stops[0]} passes no other border")
        stops = np.concatenate([[source[stops[0]]], stops])
    if len(stops) < 2:
        raise ValueError("the seam needs a vertex off the border to lead to")
    on_border[stops[0]] = False
    free = ~on_border[E].any(axis=1)
    if len(stops) == 2 and (E[free] == np.sort(stops)).all(axis=1).any():
        return stops  # one edge from the border opens a slit
    return path_through(E[free], cost[free], n, stops)


def cut_graph(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"], loops: list[np.ndarray]
) -> Bool[np.ndarray, " e"]:
    """Choose edges that open every handle: a short cut graph, joined to the first loop.

    Parameters
    ----------
    V : length
    loops : 1
        The border loops. The first takes the end of the seam; the others stay apart from it where
        there is room, so that they remain holes.
    """
    table = edge_table(F)
    length, more = edge_cost(V, table.E)
    kept = list(range(1, len(loops)))
    while True:
        cap = np.full(len(V), -1)
        for k in kept:
            cap[loops[k]] = k
        opened = [loop for k, loop in enumerate(loops) if k not in kept]
        roots = np.concatenate([np.zeros(0, dtype=np.int64), *opened])
        at_hole = (cap[table.E] >= 0).any(axis=1)
        cost = length + more * at_hole
        surface = Surface(F, len(V), table, cost, cap, roots)
        seam = _tree_cotree(surface)
        touched = np.unique(cap[table.E[seam]])
        if not (touched >= 0).any():
            return _shorten(surface, seam)
        kept = [k for k in kept if k not in touched]


def _tree_cotree(s: Surface) -> Bool[np.ndarray, " e"]:
    """Return the shortest loops at a vertex, or arcs between borders, that cut to a disk.

    References
    ----------
    Erickson, Whittlesey, Greedy optimal homotopy and homology generators, SODA 2005.
    """
    E, cost = s.table.E, s.cost
    roots = s.roots if len(s.roots) else E[:1, 0]
    distance, before, _ = dijkstra(
        _graph(E, cost, s.n), directed=False, indices=roots, return_predecessors=True, min_only=True
    )
    child = np.flatnonzero(before >= 0)
    tree = _mask(s.table, np.stack([before[child], child], axis=1))
    # The two faces at each edge; beyond the border of a hole to keep lies the one that closes it.
    m = len(s.F)
    left = s.table.half_edge[s.table.start] // 3
    twin = s.table.half_edge[s.table.start + s.table.uses - 1] // 3
    right = np.where(s.table.uses == 2, twin, m + s.cap[E[:, 0]])
    inner = (s.table.uses == 2) | (s.cap[E[:, 0]] >= 0)
    edge = np.flatnonzero(inner & ~tree)
    around = distance[E[edge]].sum(axis=1) + cost[edge]
    edge = edge[np.argsort(-around, kind="stable")]  # the longest loops are closed by faces first
    pairs = np.sort(np.stack([left[edge], right[edge]], axis=1), axis=1)
    size = int(pairs.max()) + 1
    # Two faces may meet in two edges; a sparse matrix would add their ranks.
    _, first = np.unique(pairs @ (size, 1), return_index=True)
    rank = (first + 1).astype(np.float64)
    a, b = pairs[first].T
    dual = minimum_spanning_tree(sp.csr_array((rank, (a, b)), shape=(size, size)))
    rest = np.delete(edge, dual.data.astype(np.int64) - 1)
    seam = np.zeros(len(E), dtype=bool)
    seam[rest] = True
    for end in E[rest].ravel().tolist():
        path = np.array(_walk(before, end))
        seam |= _mask(s.table, np.stack([path[:-1], path[1:]], axis=1))
    return _prune(s, seam)


def _prune(s: Surface, seam: Bool[np.ndarray, " e"]) -> Bool[np.ndarray, " e"]:
    """Drop ends that lead nowhere: neither to a branch nor to the border."""
    seam = seam.copy()
    while True:
        edge = np.flatnonzero(seam)
        loose = (_degree(s, seam) == 1)[s.table.E[edge]].any(axis=1)
        if not loose.any():
            return seam
        seam[edge[loose]] = False


def _degree(s: Surface, seam: Bool[np.ndarray, " e"]) -> Int[np.ndarray, " n"]:
    degree = np.bincount(s.table.E[seam].ravel(), minlength=s.n)
    degree[s.roots] += 2  # the border itself
    return degree


def _segments(s: Surface, seam: Bool[np.ndarray, " e"]) -> list[np.ndarray]:
    """Split a cut graph at its branches; return the edges of each piece, the costliest first."""
    edge = np.flatnonzero(seam)
    branch = _degree(s, seam) > 2
    # Edges are nodes; those that meet in a vertex of degree two are of one piece.
    ends = s.table.E[edge]
    place = np.repeat(np.arange(len(edge)), 2)
    through = ~branch[ends.ravel()]
    vertex, place = ends.ravel()[through], place[through]
    order = np.argsort(vertex, kind="stable")
    a, b = place[order].reshape(-1, 2).T
    piece = connected_labels(a, b, len(edge))
    pieces = [edge[piece == k] for k in range(int(piece.max(initial=-1)) + 1)]
    return sorted(pieces, key=lambda p: -float(s.cost[p].sum()))


def _shorten(s: Surface, seam: Bool[np.ndarray, " e"]) -> Bool[np.ndarray, " e"]:
    """Replace each piece by the shortest that does its work, ends free, until none gets shorter.

    Without one piece the surface is a ring; any path between the two sides of it cuts that open.
    """
    good: set[bytes] = set()  # pieces as they are, not tried again
    for _ in range(PASSES * len(_segments(s, seam))):
        open_ = [piece for piece in _segments(s, seam) if piece.tobytes() not in good]
        if not open_:
            break
        rest = seam.copy()
        rest[open_[0]] = False
        shorter = _cross_ring(s, _prune(s, rest), open_[0])
        if shorter is None:
            good.add(open_[0].tobytes())
        else:
            seam = shorter
    return seam


def _cross_ring(
    s: Surface, rest: Bool[np.ndarray, " e"], piece: Int[np.ndarray, " k"]
) -> Bool[np.ndarray, " e"] | None:
    """Return the seam `rest` with the cheapest path across the ring, or None if `piece` is as good.

    Forks that leave one face between two branches cost extra: such a face is an ear.
    """
    F, origin = separate_fans(s.F, s.n, s.table.E[rest])
    table = edge_table(F)
    old = _find(s.table, origin[table.E])
    sides = [loop for loop in boundary_loops(F) if s.cap[origin[loop[0]]] < 0]
    assert len(sides) == 2
    cost = s.cost[old] + EAR * float(np.median(s.cost)) * _ears(F, table)
    distance, before, _ = dijkstra(
        _graph(table.E, cost, len(origin)),
        directed=False,
        indices=sides[0],
        return_predecessors=True,
        min_only=True,
    )
    stop = int(sides[1][distance[sides[1]].argmin()])
    now = np.isin(old, piece) & (table.uses == 2)
    if not distance[stop] < (1 - 1e-9) * float(cost[now].sum()):
        return None
    path = origin[_walk(before, stop)]
    if (s.cap[path] >= 0).any():  # a hole to keep
        return None
    return np.asarray(rest | _mask(s.table, np.stack([path[:-1], path[1:]], axis=1)))


def _ears(F: Int[np.ndarray, "m 3"], table: EdgeTable) -> Int[np.ndarray, " e"]:
    """Count, for each edge, the faces at it that have another edge on the border."""
    at = np.zeros(3 * len(F), dtype=bool)
    at[table.half_edge[table.start[table.uses == 1]]] = True
    on_border = at.reshape(-1, 3).sum(axis=1)[:, None] - at.reshape(-1, 3) > 0
    return np.add.reduceat(on_border.ravel()[table.half_edge].astype(np.int64), table.start)


def _graph(E: np.ndarray, cost: np.ndarray, n: int) -> sp.csr_array:
    return sp.csr_array((cost, (E[:, 0], E[:, 1])), shape=(n, n))


def _walk(before: np.ndarray, vertex: int) -> list[int]:
    """Follow predecessors from a vertex to its root."""
    path = [vertex]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return path


def _find(table: EdgeTable, pairs: Int[np.ndarray, "k 2"]) -> Int[np.ndarray, " k"]:
    """Return the index of each edge, its ends in either order."""
    n = int(table.E.max()) + 1
    return np.searchsorted(table.E @ (n, 1), np.sort(pairs, axis=1) @ (n, 1))


def _mask(table: EdgeTable, pairs: Int[np.ndarray, "k 2"]) -> Bool[np.ndarray, " e"]:
    mask = np.zeros(len(table.E), dtype=bool)
    mask[_find(table, pairs)] = True
    return mask
