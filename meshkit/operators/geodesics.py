"""Distances along a surface by the heat method."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.sparse.csgraph import connected_components

from meshkit.checks import takes_mesh
from meshkit.errors import SolveError
from meshkit.operators.differential import assemble_gradient, corner_gradients
from meshkit.operators.factor import Factorization
from meshkit.operators.intrinsic import (
    IntrinsicTriangulation,
    intrinsic_delaunay,
    intrinsic_laplacian,
    intrinsic_mass,
)

MIN_HEAT = 1e-290  # below, numbers lose digits and heat loses its direction


class HeatGeodesics:
    """Geodesic distances on one mesh from many sources; two factorisations serve them all.

    Let heat flow from the source for a short time, take the directions in which it falls, and find
    the function whose gradient follows them. All on the intrinsic Delaunay triangulation, so that
    thin faces do no harm. The error falls about linearly with the edge length (measured: order
    1 on spheres, 0.7 on flat grids); it is largest near the source and where shortest paths meet.

    Parameters
    ----------
    V : length
        In 2D or 3D.
    time : length^2
        Default: the square of the mean edge length (of the triangulation's edges, each face's
        counted). Longer is smoother, and less exact.

    Raises
    ------
    ValueError
        `time` is not positive.
    DegenerateFaceError
        A face has no area.

    References
    ----------
    Crane, Weischedel, Wardetzky, Geodesics in heat, ACM Transactions on Graphics 2013, Algorithm 1;
    heat does not leave through the border (the paper's Neumann condition).
    """

    def __init__(
        self, V: Float[np.ndarray, "n d"], F: Int[np.ndarray, "m 3"], *, time: float | None = None
    ) -> None:
        if time is not None and not (np.isfinite(time) and time > 0):
            raise ValueError(f"time must be positive, got {time}")
        surface = intrinsic_delaunay(V, F)
        self.n_vertices = n = len(V)
        self.time = time = float(surface.length.mean() ** 2) if time is None else time
        mass, L = intrinsic_mass(surface, n), intrinsic_laplacian(surface, n)
        self._part = connected_components(L, directed=False)[1]
        self._used = np.flatnonzero(mass > 0)  # the others are in no face
        # The distance is defined but for a constant in each part: hold its first vertex.
        free = np.ones(n, dtype=bool)
        free[np.unique(self._part, return_index=True)[1]] = False
        self._free = np.flatnonzero(free)
        heat = sp.csr_array(sp.diags_array(mass) + time * L)[self._used][:, self._used]
        self._heat = Factorization(heat, "heat step")
        self._poisson = Factorization(L[self._free][:, self._free], "distance from directions")
        self._gradient = _intrinsic_gradient(surface, n)
        self._area = surface.double_area / (2 * surface.sheets)

    def distance(self, sources: int | Sequence[int] | Int[np.ndarray, " s"]) -> np.ndarray:
        """Return the distance of every vertex (n,) to the nearest of the sources.

        Infinite on parts of the mesh without a source.

        Raises
        ------
        ValueError
            There is no source, or one is not a vertex.
        SolveError
            Heat does not reach every vertex in `time`: the mesh is hundreds of edges wide.
        """
        return np.asarray(self._distances([self._check(sources)])[:, 0])

    def distances(self, sources: Sequence[int] | Int[np.ndarray, " s"]) -> np.ndarray:
        """Return the distances (n, s) to each source alone; column k belongs to source k.

        Raises
        ------
        ValueError, SolveError
            As `distance`.
        """
        return self._distances([np.array([s]) for s in self._check(sources)])

    def _check(self, sources: int | Sequence[int] | np.ndarray) -> np.ndarray:
        indices = np.atleast_1d(np.asarray(sources))
        if indices.ndim != 1 or len(indices) == 0 or not np.issubdtype(indices.dtype, np.integer):
            raise ValueError(f"sources must be one or more vertex indices, got {sources!r}")
        bad = (indices < 0) | (indices >= self.n_vertices)
        if bad.any():
            last = self.n_vertices - 1
            raise ValueError(f"source {int(indices[bad][0])} is not a vertex: they are 0 … {last}")
        return indices

    def _distances(self, sets: list[np.ndarray]) -> np.ndarray:
        n = self.n_vertices
        start = np.zeros((n, len(sets)))
        for k, indices in enumerate(sets):
            start[indices, k] = 1
        heat = np.zeros_like(start)
        heat[self._used] = self._heat.solve(start[self._used])
        for k, indices in enumerate(sets):
            reached = np.isin(self._part[self._used], self._part[indices])
            coldest = heat[self._used[reached], k].min(initial=1)
            if not coldest > MIN_HEAT:
                raise SolveError(
                    f"geodesics: heat does not reach every vertex in time {self.time:.3g} (the "
                    "mesh is hundreds of edges wide): take a longer time, or a coarser mesh"
                )
        slope = (self._gradient @ heat).reshape(2, -1, len(sets))
        steepness = np.hypot(slope[0], slope[1])
        direction = -np.divide(slope, steepness, out=np.zeros_like(slope), where=steepness > 0)
        return self._integrate(direction, sets)

    def _integrate(self, direction: np.ndarray, sets: list[np.ndarray]) -> np.ndarray:
        """Find the functions whose gradients are nearest to the directions, zero at the sources."""
        flow = direction * self._area[:, None]
        rhs = self._gradient.T @ flow.reshape(-1, len(sets))
        distance = np.zeros((self.n_vertices, len(sets)))
        if self._free.size:
            distance[self._free] = self._poisson.solve(rhs[self._free])
        for k, indices in enumerate(sets):
            low = np.full(self._part.max() + 1, np.inf)
            np.minimum.at(low, self._part, distance[:, k])
            without = np.ones(len(low), dtype=bool)
            without[self._part[indices]] = False
            low[without] = -np.inf
            distance[:, k] -= low[self._part]
        return distance


@takes_mesh
def geodesic_distance(
    V: Float[np.ndarray, "n d"],
    F: Int[np.ndarray, "m 3"],
    sources: int | Sequence[int] | Int[np.ndarray, " s"],
    *,
    time: float | None = None,
) -> Float[np.ndarray, " n"]:
    """Return the distance along the surface to the nearest of the sources, by the heat method.

    For many sources, keep a `HeatGeodesics`: its factorisations are most of the work.

    Parameters
    ----------
    V : length
    time : length^2
        As for `HeatGeodesics`.

    Returns
    -------
    distance : length
        Infinite on parts of the mesh without a source.

    Raises
    ------
    ValueError, DegenerateFaceError, SolveError
        As `HeatGeodesics` and its method `distance`.
    """
    return HeatGeodesics(V, F, time=time).distance(sources)


def _intrinsic_gradient(surface: IntrinsicTriangulation, n: int) -> sp.csr_array:
    """Build the gradient (2 m, n) in a frame of each face: x along its first half-edge."""
    base, zero = surface.length[:, 0], np.zeros(len(surface.F))
    height = surface.double_area / base
    to_third, to_first = -surface.dot[:, 1] / base, -surface.dot[:, 0] / base
    edge = [[to_third, height], [to_first, -height], [base, zero]]
    return assemble_gradient(surface.F, corner_gradients(edge, surface.double_area), n)
