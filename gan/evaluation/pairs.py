"""The arithmetic of the search for nearest meshes: in numpy, or in torch on any device.

Both give the same bounds and distances up to the rounding of float32. Arrays come and go as numpy;
what is large and used again, the cells of the collection and the queries of a block, stays on the
device.
"""

from abc import ABC, abstractmethod
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from gan.evaluation.distance import mean_vertex_distance

BLOCK_BYTES = 1 << 26  # of one intermediate array
EPS = float(np.finfo(np.float32).eps)


class AbstractPairs(ABC):
    """Bounds and distances between the queries of a block and the meshes of a collection.

    Parameters
    ----------
    cells, coarse
        Displacements of the collection's meshes, summed over fine and over coarse cells.
    """

    @abstractmethod
    def __init__(
        self, cells: Float[np.ndarray, "n J 3"], coarse: Float[np.ndarray, "n I 3"]
    ) -> None: ...

    @abstractmethod
    def coarse_bounds(self, coarse: Float[np.ndarray, "q I 3"]) -> Float[np.ndarray, "q n"]:
        """Bound the distances of all pairs, within `16 EPS` of them."""

    @abstractmethod
    def fine_bounds(
        self,
        cells: Float[np.ndarray, "q J 3"],
        query: Int[np.ndarray, " p"],
        mesh: Int[np.ndarray, " p"],
    ) -> Float[np.ndarray, " p"]:
        """Bound the distances of some pairs more tightly."""

    @abstractmethod
    def distances(
        self,
        X: Float[np.ndarray, "q V 3"],
        query: Int[np.ndarray, " p"],
        Y: Float[np.ndarray, "k V 3"],
        at: Int[np.ndarray, " p"],
    ) -> Float[np.ndarray, " p"]:
        """Return the mean vertex distances of X[query] from Y[at]; `at` is sorted."""


@final
class NumpyPairs(AbstractPairs):
    """On the processor."""

    def __init__(
        self, cells: Float[np.ndarray, "n J 3"], coarse: Float[np.ndarray, "n I 3"]
    ) -> None:
        self._cells, self._all_coarse = cells, coarse

    def coarse_bounds(self, coarse: Float[np.ndarray, "q I 3"]) -> Float[np.ndarray, "q n"]:
        """Sum the distances of corresponding cell means, each by one matrix product."""
        a, b = coarse, self._all_coarse
        total = np.zeros((len(a), len(b)), np.float32)
        for j in range(a.shape[1]):
            p, q = a[:, j], b[:, j]
            # ‖p − q‖² as one product. The squares are shrunk by more than it can round up, so that
            # a bound stays one where they cancel.
            pp, qq = ((x * x).sum(axis=1) * np.float32(1 - 16 * EPS) for x in (p, q))
            left = np.column_stack([p, pp, np.ones_like(pp)])
            square = left @ np.stack([*(-2 * q.T), np.ones_like(qq), qq])
            total += np.sqrt(np.maximum(square, 0, out=square), out=square)
        return total

    def fine_bounds(
        self,
        cells: Float[np.ndarray, "q J 3"],
        query: Int[np.ndarray, " p"],
        mesh: Int[np.ndarray, " p"],
    ) -> Float[np.ndarray, " p"]:
        """Sum the distances of corresponding cells, a block of pairs at a time."""
        bound = np.empty(len(query), np.float32)
        step = max(1, BLOCK_BYTES // (16 * cells[0].size))
        for start in range(0, len(query), step):
            part = slice(start, start + step)
            mean = mean_vertex_distance(cells[query[part]], self._cells[mesh[part]])
            bound[part] = mean * cells.shape[1]  # the cells carry their weights already
        return bound

    def distances(
        self,
        X: Float[np.ndarray, "q V 3"],
        query: Int[np.ndarray, " p"],
        Y: Float[np.ndarray, "k V 3"],
        at: Int[np.ndarray, " p"],
    ) -> Float[np.ndarray, " p"]:
        """Measure all queries of a mesh at once: it is read from memory a single time."""
        distance = np.empty(len(query))
        ends = np.searchsorted(at, np.arange(len(Y)), side="right")
        for y, begin, end in zip(Y, [0, *ends[:-1]], ends, strict=True):
            distance[begin:end] = mean_vertex_distance(X[query[begin:end]], y)
        return distance


@final
class TorchPairs(AbstractPairs):
    """On a device of torch: thousands of pairs at a time."""

    def __init__(
        self,
        cells: Float[np.ndarray, "n J 3"],
        coarse: Float[np.ndarray, "n I 3"],
        device: torch.device | None = None,
    ) -> None:
        self._device = device or torch.device("cpu")
        self._cells = self._put(cells)
        self._all_coarse = self._put(coarse)
        self._block: tuple[np.ndarray | None, Tensor] = (None, torch.zeros(0))

    def coarse_bounds(self, coarse: Float[np.ndarray, "q I 3"]) -> Float[np.ndarray, "q n"]:
        """Sum the distances of corresponding cell means.

        From differences, not by a product: no cancellation, and no 10-bit tensor cores.
        """
        a, b = self._put(coarse), self._all_coarse
        total = torch.zeros(len(a), len(b), device=self._device)
        for j in range(a.shape[1]):
            mode = "donot_use_mm_for_euclid_dist"
            total += torch.cdist(a[:, j].contiguous(), b[:, j].contiguous(), compute_mode=mode)
        return np.asarray(total.cpu().numpy())

    def fine_bounds(
        self,
        cells: Float[np.ndarray, "q J 3"],
        query: Int[np.ndarray, " p"],
        mesh: Int[np.ndarray, " p"],
    ) -> Float[np.ndarray, " p"]:
        """Sum the distances of corresponding cells, a block of pairs at a time."""
        queries = self._put(cells)
        means = self._means(queries, self._put(query), self._cells, self._put(mesh))
        return np.asarray((means * cells.shape[1]).float().cpu().numpy())

    def distances(
        self,
        X: Float[np.ndarray, "q V 3"],
        query: Int[np.ndarray, " p"],
        Y: Float[np.ndarray, "k V 3"],
        at: Int[np.ndarray, " p"],
    ) -> Float[np.ndarray, " p"]:
        """Measure a block of pairs at a time."""
        if self._block[0] is not X:  # the queries of a block are asked about several times
            self._block = (X, self._put(X))
        means = self._means(self._block[1], self._put(query), self._put(Y), self._put(at))
        return np.asarray(means.cpu().numpy())

    def _means(self, a: Tensor, i: Tensor, b: Tensor, j: Tensor) -> Tensor:
        """Return the mean vertex distances of a[i] from b[j], in float64."""
        distance = torch.empty(len(i), dtype=torch.float64, device=self._device)
        step = max(1, BLOCK_BYTES // (4 * a[0].numel()))
        for start in range(0, len(i), step):
            part = slice(start, start + step)
            norms = torch.linalg.vector_norm(a[i[part]] - b[j[part]], dim=-1)
            distance[part] = norms.mean(dim=-1, dtype=torch.float64)
        return distance

    def _put(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
