"""The nearest mesh of a collection, exactly, from bounds that spare almost all the work.

The mean vertex distance is a mean of norms, and a mean of norms is at least the norm of the mean.
Over cells of neighbouring vertices that gives a lower bound from a few numbers per mesh:

    d(x, y) = 1/V Σ_v ‖x_v − y_v‖  ≥  Σ_cells ‖1/V Σ_{v in cell} (x_v − y_v)‖.

Smooth differences of faces come within a few per cent of it: a handful of the 6,000 distances per
query is left to compute. Noise on every vertex averages out of it: far from all faces, where every
distance is the same to a per cent, the search ends up computing them all.

Bounds and distances are computed in numpy, or in torch on a GPU (`gan.evaluation.pairs`); memory is
bounded by the blocks on either.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int

from gan.evaluation.distance import mean_vertex_distance
from gan.evaluation.pairs import EPS, AbstractPairs, NumpyPairs, TorchPairs

Read = Callable[[Int[np.ndarray, " k"]], Float[np.ndarray, "k V 3"]]

_COARSE, _FINE = 3, 7  # halvings: 8 and 128 cells
_BLOCK_BYTES, _BLOCK_PAIRS = 1 << 26, 1 << 22


class Nearest(NamedTuple):
    """For each query the nearest mesh of the collection and its mean vertex distance."""

    mesh: Int[np.ndarray, " q"]
    distance: Float[np.ndarray, " q"]


class NearestMesh:
    """Find nearest meshes in a collection that stays where it is.

    Parameters
    ----------
    read
        Returns the meshes with the given indices: `Dataset.vertices`, or an array's `__getitem__`.
        Called with sorted indices without repetitions, a block at a time.
    n
        Size of the collection.
    template : length
        Any mesh in correspondence near the others: differences are taken from it, and its vertex
        positions shape the cells.
    device
        Where torch computes bounds and distances; None or the CPU: numpy does. What is reported is
        measured by numpy in either case, so that a device changes no digit.
    """

    def __init__(
        self,
        read: Read,
        n: int,
        template: Float[np.ndarray, "V 3"],
        *,
        device: torch.device | None = None,
    ) -> None:
        if n < 1:
            raise ValueError("the collection is empty")
        self._read, self.n = read, n
        self._template = template.astype(np.float32)
        self._block = max(1, _BLOCK_BYTES // (4 * self._template.size))
        cell = halve(self._template, _FINE)
        count, V = int(cell.max()) + 1, len(cell)
        self._average = sp.csr_array(
            (np.full(V, 1 / V, np.float32), (cell, np.arange(V))), shape=(count, V)
        )
        merged = np.arange(count) >> max(0, _FINE - _COARSE)
        self._merge = np.eye(merged.max() + 1, dtype=np.float32)[merged]  # (fine, coarse)
        self._cells = np.empty((n, count, 3), np.float32)
        self._size = 0.0  # the largest mean displacement of a mesh: rounding grows with it
        for rows in self._blocks(np.arange(n)):
            D = read(rows) - self._template
            self._cells[rows] = self._features(D)
            self._size = max(self._size, float(_sizes(D).max()))
        self._pairs: AbstractPairs = self._arithmetic(device)
        # Of the sums over a cell, over the cells of a coarse one, and over the cells of a bound.
        self._terms = V // count + 3 * count

    def query(
        self,
        X: Float[np.ndarray, "q V 3"],
        *,
        group: Int[np.ndarray, " q"] | None = None,
        groups: Int[np.ndarray, " n"] | None = None,
    ) -> Nearest:
        """Find the nearest mesh to each of X, by mean vertex distance.

        Parameters
        ----------
        group, groups
            A mesh whose entry of `groups` equals a query's `group` is passed over: indices leave
            out the query itself, subjects leave out everyone's own face.

        Raises
        ------
        ValueError
            A query is not finite, or has no mesh outside its group.
        """
        if not np.isfinite(X).all():
            q = int((~np.isfinite(X)).any(axis=(1, 2)).argmax())
            raise ValueError(f"query {q} has a vertex that is not finite")
        mesh, distance = np.empty(len(X), np.int64), np.empty(len(X))
        step = max(1, min(_BLOCK_PAIRS // self.n, self._block))
        for start in range(0, len(X), step):
            part = slice(start, start + step)
            barred = None
            if group is not None and groups is not None:
                barred = group[part, None] == groups
                if barred.all(axis=1).any():
                    q = start + int(barred.all(axis=1).argmax())
                    raise ValueError(f"query {q} has no mesh outside its group {group[q]}")
            mesh[part], distance[part] = self._query_block(X[part].astype(np.float32), barred)
        return Nearest(mesh, distance)

    def _query_block(self, X: np.ndarray, barred: np.ndarray | None) -> Nearest:
        D = X - self._template
        cells = self._features(D)
        slack = EPS * self._terms * (_sizes(D) + self._size)
        bound = self._pairs.coarse_bounds(self._coarse(cells)) - slack[:, None]
        if barred is not None:
            bound[barred] = np.inf
        best = Nearest(bound.argmin(axis=1), np.full(len(X), np.inf))
        self._measure(X, np.arange(len(X)), best.mesh.copy(), best)
        query, mesh = np.nonzero(bound < best.distance[:, None])
        fine = self._pairs.fine_bounds(cells, query, mesh) - slack[query]
        # The most promising first: a nearer best rules out most of the others.
        order = np.lexsort((fine, query))
        query, mesh, fine = query[order], mesh[order], fine[order]
        first = np.flatnonzero(np.diff(query, prepend=-1))
        self._measure(X, query[first], mesh[first], best)
        near = fine < best.distance[query]
        near[first] = False
        self._measure(X, query[near], mesh[near], best)
        if isinstance(self._pairs, NumpyPairs):
            return best
        return Nearest(best.mesh, self._exactly(X, best.mesh))

    def _features(self, D: np.ndarray) -> np.ndarray:
        """Average displacements over the cells, weighted by the cells' shares: (k, cells, 3)."""
        return np.stack([self._average @ d for d in D]) if len(D) else D[:, :0]

    def _coarse(self, cells: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("kjc,ji->kic", cells, self._merge, optimize=True))

    def _measure(self, X: np.ndarray, query: np.ndarray, mesh: np.ndarray, best: Nearest) -> None:
        """Measure pairs; enter what is nearer into `best`, in place."""
        order = np.argsort(mesh, kind="stable")
        query, mesh = query[order], mesh[order]
        for rows in self._blocks(np.unique(mesh)):
            begin, end = np.searchsorted(mesh, rows[0]), np.searchsorted(mesh, rows[-1], "right")
            q, at = query[begin:end], np.searchsorted(rows, mesh[begin:end])
            distance = self._pairs.distances(X, q, self._read(rows), at)
            # The nearest of each query first; among equals that of the lowest index.
            nearest = np.lexsort((at, distance, q))
            nearest = nearest[np.flatnonzero(np.diff(q[nearest], prepend=-1))]
            nearest = nearest[distance[nearest] < best.distance[q[nearest]]]
            best.distance[q[nearest]], best.mesh[q[nearest]] = distance[nearest], rows[at[nearest]]

    def _arithmetic(self, device: torch.device | None) -> AbstractPairs:
        coarse = self._coarse(self._cells)
        if device is None or device.type == "cpu":
            return NumpyPairs(self._cells, coarse)
        return TorchPairs(self._cells, coarse, device)

    def _exactly(self, X: np.ndarray, mesh: np.ndarray) -> np.ndarray:
        """Measure each query from its own mesh in numpy."""
        distance = np.empty(len(X))
        for rows in self._blocks(np.unique(mesh)):
            for k, y in zip(rows, self._read(rows), strict=True):
                mine = np.flatnonzero(mesh == k)
                distance[mine] = mean_vertex_distance(X[mine], y)
        return distance

    def _blocks(self, rows: np.ndarray) -> list[np.ndarray]:
        return [rows[i : i + self._block] for i in range(0, len(rows), self._block)]


def halve(P: Float[np.ndarray, "V 3"], times: int) -> Int[np.ndarray, " V"]:
    """Cut points into 2^times cells of equal size, each time across the longest extent.

    The halves of cell c are cells 2 c and 2 c + 1 of the next round; with fewer points than cells
    some stay empty.
    """
    cell = np.zeros(len(P), np.int64)
    for _ in range(times):
        halved = 2 * cell
        for c in np.unique(cell):
            inside = np.flatnonzero(cell == c)
            axis = int(np.ptp(P[inside], axis=0).argmax())
            order = inside[np.argsort(P[inside, axis], kind="stable")]
            halved[order[(len(order) + 1) // 2 :]] += 1
        cell = halved
    return cell


def _sizes(D: np.ndarray) -> np.ndarray:
    return mean_vertex_distance(D, np.zeros_like(D[0]))
