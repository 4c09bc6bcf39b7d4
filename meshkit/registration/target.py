"""What a template is fitted to: a raw scan, as a surface or as a cloud of points."""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from meshkit.checks import check_mesh, numbers
from meshkit.errors import MeshError
from meshkit.mesh import Mesh
from meshkit.normals import face_normals, faces_around, unit
from meshkit.topology import edge_table

_NEIGHBOURS = 16  # of a point, for its normal and the spacing around it
_ROUNDS = 1  # of smoothing the normals of a surface
_ON_EDGE = 1e-7  # a barycentric weight below it lies on the edge opposite


class Closest(NamedTuple):
    """The closest points of a target.

    Attributes
    ----------
    distance, point : length
    normal : 1
        Unit, interpolated; of a cloud: up to sign. Zero where the surface has none.
    on_border
        The true counterpart is probably outside the scan: the closest point lies on a border edge
        of the surface, or beside a cloud instead of above it.
    """

    distance: Float[np.ndarray, " p"]
    point: Float[np.ndarray, "p 3"]
    normal: Float[np.ndarray, "p 3"]
    on_border: Bool[np.ndarray, " p"]


class Target:
    """A scan with its search trees, built once and asked many times.

    Parameters
    ----------
    V : length
        Or a `Mesh`.
    F : 1
        None for a cloud of points. Any soup of triangles will do: holes, several components and
        non-manifold edges are normal in a scan. Vertices in no face are ignored.

    Raises
    ------
    MeshError
        The scan is empty or not finite; a cloud has fewer points than a normal needs; the faces
        share no vertices (a triangle soup as STL stores it), so that everything would be border.
    """

    def __init__(
        self,
        V: Any,
        F: Any = None,  # Float "n 3", Int "m 3": of any kind that `numbers` takes
    ) -> None:
        V, F = (V.V, V.F) if isinstance(V, Mesh) else (numbers(V, "V"), F)
        F = None if F is None else numbers(F, "F", integer=True)
        if F is None:
            _check_cloud(V)
        else:
            check_mesh(V, F)
        self.V: Float[np.ndarray, "n 3"] = np.array(V, dtype=np.float64, order="C")
        self.F: Int[np.ndarray, "m 3"] | None = (
            None if F is None else np.array(F, dtype=np.int64, order="C")
        )
        if self.F is not None:
            self._border_edges, self._border_vertices = _border(self.F, len(V))
            self._normals = _smooth_normals(self.V, self.F)

    def points(self) -> Float[np.ndarray, "k 3"]:
        """Return the points of the scan: vertices of faces, or the cloud."""
        return self.V if self.F is None else self.V[np.unique(self.F)]

    def closest(self, P: Float[np.ndarray, "p 3"]) -> Closest:
        """Return the exact closest points of the surface, or the nearest points of the cloud."""
        if not np.isfinite(P).all():
            raise ValueError("a point to be matched is not finite")
        return self._closest_of_cloud(P) if self.F is None else self._closest_on_faces(P, self.F)

    def closest_face(self, P: Float[np.ndarray, "p 3"]) -> Int[np.ndarray, " p"]:
        """Return the face that holds the closest point; of equally close ones, any.

        Raises
        ------
        ValueError
            The target is a cloud; a point is not finite.
        """
        if self.F is None:
            raise ValueError("a cloud of points has no faces")
        if not np.isfinite(P).all():
            raise ValueError("a point to be matched is not finite")
        face = self._face_tree.squared_distance(self.V, self.F, _double(P))[1]
        return np.atleast_1d(face).astype(np.int64)  # libigl's are longlong

    def _closest_on_faces(self, P: np.ndarray, F: np.ndarray) -> Closest:
        square, face, point = self._face_tree.squared_distance(self.V, F, _double(P))
        face, point = np.atleast_1d(face), np.atleast_2d(point)
        bary = barycentric(point, self.V[F[face]])
        normal = unit(np.einsum("pk,pkc->pc", bary, self._normals[F[face]]))
        zero = bary < _ON_EDGE
        # Half-edge k runs from corner k to k + 1, opposite corner k + 2.
        on_border = (self._border_edges[face] & np.roll(zero, -2, axis=1)).any(axis=1)
        at_corner = zero.sum(axis=1) == 2
        corner = F[face, bary.argmax(axis=1)]
        on_border |= at_corner & self._border_vertices[corner]
        return Closest(np.sqrt(np.atleast_1d(square)), point, normal, on_border)

    def _closest_of_cloud(self, P: np.ndarray) -> Closest:
        distance, index = self._point_tree.query(P)
        normals, spacing = self._cloud
        normal = normals[index]
        offset = P - self.V[index]
        beside = offset - (offset * normal).sum(axis=1, keepdims=True) * normal
        on_border = np.linalg.norm(beside, axis=1) > spacing[index]
        return Closest(np.asarray(distance), self.V[index], normal, on_border)

    @cached_property
    def _face_tree(self) -> Any:
        import igl

        tree = igl.AABB()
        tree.init(self.V, self.F)
        return tree

    @cached_property
    def _point_tree(self) -> cKDTree:
        return cKDTree(self.V)

    @cached_property
    def _cloud(self) -> tuple[np.ndarray, np.ndarray]:
        """Normals by local planes, and how far the next points lie."""
        distance, near = self._point_tree.query(self.V, k=_NEIGHBOURS)
        X = self.V[near] - self.V[near].mean(axis=1, keepdims=True)
        normals = np.linalg.eigh(X.swapaxes(1, 2) @ X)[1][:, :, 0]
        return normals, distance[:, _NEIGHBOURS // 2]


def barycentric(
    P: Float[np.ndarray, "p 3"], corners: Float[np.ndarray, "p 3 3"]
) -> Float[np.ndarray, "p 3"]:
    """Return the weights of points on triangles, in [0, 1] with sum 1.

    A triangle without area is taken as its longest edge.
    """
    a, b, c = corners.swapaxes(0, 1)
    u, v, x = b - a, c - a, P - a
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    xu, xv = (x * u).sum(1), (x * v).sum(1)
    area = uu * vv - uv**2
    flat = area <= 1e-13 * np.maximum(uu, vv) ** 2  # sine 3e-7: rounding
    safe = np.where(flat, 1.0, area)
    beta, gamma = (vv * xu - uv * xv) / safe, (uu * xv - uv * xu) / safe
    bary = np.stack([1 - beta - gamma, beta, gamma], axis=1).clip(0, 1)
    if flat.any():
        bary[flat] = _along_longest_edge(P[flat], corners[flat])
    return np.asarray(bary / bary.sum(axis=1, keepdims=True))


def _along_longest_edge(P: np.ndarray, corners: np.ndarray) -> np.ndarray:
    edge = np.roll(corners, -1, axis=1) - corners
    square = (edge**2).sum(axis=2)
    k, row = square.argmax(axis=1), np.arange(len(P))
    along = ((P - corners[row, k]) * edge[row, k]).sum(axis=1)
    share = np.divide(along, square[row, k], out=np.zeros(len(P)), where=square[row, k] > 0)
    bary = np.zeros((len(P), 3))
    bary[row, k] = 1 - share.clip(0, 1)
    bary[row, (k + 1) % 3] = share.clip(0, 1)
    return bary


def _border(F: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which half-edges of each face, and which vertices, lie on the border."""
    table = edge_table(F)
    alone = table.uses == 1
    if len(F) > 1 and alone.all():
        raise MeshError(
            f"no two of the scan's {len(F)} faces share an edge: merge its vertices first "
            "(meshkit.repair.merge_coincident), or give its points as a cloud",
            remedy="merge-coincident",
        )
    half_edges = np.zeros(3 * len(F), dtype=bool)
    half_edges[table.half_edge[table.start[alone]]] = True
    vertices = np.zeros(n, dtype=bool)
    vertices[table.E[alone]] = True
    return half_edges.reshape(-1, 3), vertices


def _smooth_normals(V: np.ndarray, F: np.ndarray) -> np.ndarray:
    """Average unit normals of faces, then of neighbours: by area, the spike of an outlier wins."""
    N = unit(face_normals(V, F))
    around = faces_around(F, len(V))
    for _ in range(_ROUNDS):
        vertex = unit(around @ N)
        N = unit(around.T @ vertex)
    return unit(around @ N)


def _check_cloud(V: np.ndarray) -> None:
    if len(V) < _NEIGHBOURS:
        raise MeshError(f"a cloud needs at least {_NEIGHBOURS} points, got {len(V)}")
    finite = np.isfinite(V).all(axis=1)
    if not finite.all():
        i = int(finite.argmin())
        raise MeshError(f"point {i} = {V[i].tolist()} is not finite ({int((~finite).sum())} such)")


def _double(P: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(P, dtype=np.float64)
