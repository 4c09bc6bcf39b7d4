"""Where each face of a mesh lies in the unit square: from the file's UVs, or a map made for it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from meshkit.distortion import Distortion, distortion
from meshkit.errors import MeshError, SolveError, TopologyError
from meshkit.flattening.polygon import fill_polygon
from meshkit.mesh import Mesh
from meshkit.mirror import mirror_permutation
from meshkit.param import Parameterization
from meshkit.predicates import flipped_faces, zero_area_faces
from meshkit.topology import boundary_loops, components, loop_lengths

OUTSIDE = 1e-6  # what lies further outside the unit square is no rounding of single precision
SYMMETRIC = 1e-6  # off its mirror image by which a map is symmetric


class Layout(NamedTuple):
    """Faces in the plane and on the surface, row by row the same.

    Attributes
    ----------
    UV : 1
    F_uv : 1
        Rows of UV at the corners of each face: the mesh's faces, then those that fill holes.
    F : 1
        Vertices at the same corners.
    fill_mask : 1
    loops
        Vertices on each border loop of the mesh, longest first.
    weights
        Of the map that was made; None for the file's own UVs.
    distortion : 1
        Per face of the mesh.
    seam : 1
        Vertices with several UVs.
    unfilled
        Why inner loops were left open though filling was asked for; empty if they were not.
    """

    UV: Float[np.ndarray, "t 2"]
    F_uv: Int[np.ndarray, "k 3"]
    F: Int[np.ndarray, "k 3"]
    fill_mask: Bool[np.ndarray, " k"]
    loops: tuple[int, ...]
    weights: str | None
    distortion: Distortion
    seam: Int[np.ndarray, " s"]
    unfilled: str

    @property
    def flips(self) -> Int[np.ndarray, " f"]:
        """Faces that are clockwise in the plane."""
        return flipped_faces(self.UV, self.F_uv)

    @property
    def zero_area(self) -> Int[np.ndarray, " z"]:
        """Faces without area in the plane."""
        return zero_area_faces(self.UV, self.F_uv)

    def mirror(self, mesh: Mesh) -> Int[np.ndarray, " n"] | None:
        """Return the vertex opposite each, if the map is its own mirror image about ``u = 1/2``."""
        if self.F.shape != self.F_uv.shape or (self.F_uv != self.F).any():
            return None
        mirror = mirror_permutation(mesh.V, mesh.F)
        if mirror is None:
            return None
        off = np.abs(self.UV[mirror] - (np.array([1, 0]) + np.array([-1, 1]) * self.UV))
        return mirror if off.max() <= SYMMETRIC else None


def made_layout(flat: Parameterization) -> Layout:
    """Take the map that `parameterize` made."""
    lengths = tuple(len(loop) for loop in flat.loops)
    none = np.zeros(0, dtype=np.int64)
    return Layout(
        flat.UV, flat.F, flat.F, flat.fill_mask, lengths, flat.weights, flat.distortion, none, ""
    )


def file_layout(mesh: Mesh, *, fill_holes: bool = True, allow_seams: bool = False) -> Layout:
    """Take the mesh's own texture coordinates.

    Holes are filled in the plane, over the vertices of their loops. That needs one UV per vertex, a
    manifold, and loops that do not cross themselves in the plane; else the holes stay open, and
    `unfilled` says why.

    Raises
    ------
    MeshError
        The mesh has no UVs; one is not finite or outside the unit square; there are more charts
        than pieces of the mesh, and seams were not allowed; a face has one UV at two corners.
    """
    UV, F_uv = _own_coordinates(mesh)
    seam = np.zeros(0, dtype=np.int64)
    if mesh.UV is None:
        seam = seam_vertices(mesh.F, F_uv, UV)
        pieces, charts = _pieces(mesh.F, len(mesh.V)), _pieces(F_uv, len(UV))
        if not allow_seams and charts > pieces:
            raise MeshError(
                f"vertex {int(seam[0])} has several texture coordinates ({seam.size} such "
                f"vertices), in {charts} charts: allow_seams=True takes the pieces as they are",
                remedy="whole-map",
            )
    unfilled, holes = "", np.zeros((0, 3), dtype=np.int64)
    if fill_holes:
        try:
            holes = _fill(mesh, UV)
        except (TopologyError, SolveError) as error:
            unfilled = str(error)
    soup = np.arange(mesh.F.size).reshape(-1, 3)
    spread = distortion(mesh.V[mesh.F].reshape(-1, 3), soup, UV[F_uv].reshape(-1, 2))
    return Layout(
        UV,
        np.concatenate([F_uv, holes]),
        np.concatenate([mesh.F, holes]),
        np.arange(len(F_uv) + len(holes)) >= len(F_uv),
        loop_lengths(mesh.F),
        None,
        spread,
        seam,
        unfilled,
    )


def _pieces(F: np.ndarray, n: int) -> int:
    """Count what hangs together, vertices in no face left out."""
    return len(np.unique(components(F, n)[F[:, 0]]))


def seam_vertices(
    F: Int[np.ndarray, "m 3"], F_uv: Int[np.ndarray, "m 3"], UV_corner: Float[np.ndarray, "t 2"]
) -> Int[np.ndarray, " k"]:
    """List the vertices that have several different UVs."""
    low = np.full((int(F.max()) + 1, 2), np.inf)
    high = -low
    np.minimum.at(low, F, UV_corner[F_uv])
    np.maximum.at(high, F, UV_corner[F_uv])
    return np.flatnonzero((low < high).any(axis=1))


def outside_square(UV: Float[np.ndarray, "n 2"]) -> np.ndarray:
    """Answer which rows are outside the unit square by more than rounding."""
    return np.asarray(((UV < -OUTSIDE) | (UV > 1 + OUTSIDE)).any(axis=1))


def _own_coordinates(
    mesh: Mesh,
) -> tuple[Float[np.ndarray, "t 2"], Int[np.ndarray, "m 3"]]:
    """Return the UVs and their rows at each corner, checked where faces use them."""
    if mesh.UV is not None:
        UV, F_uv = mesh.UV, mesh.F
    elif mesh.UV_corner is not None and mesh.F_uv is not None:
        UV, F_uv = mesh.UV_corner, mesh.F_uv
    else:
        raise MeshError("the mesh has no texture coordinates", remedy="parameterize")
    for bad, what in (
        (~np.isfinite(UV).all(axis=1), "is not finite"),
        (outside_square(UV), "lies outside [0, 1]"),
    ):
        if bad[F_uv].any():
            face, corner = np.argwhere(bad[F_uv])[0].tolist()
            row = F_uv[face, corner]
            raise MeshError(
                f"the texture coordinate {UV[row].tolist()} of vertex {mesh.F[face, corner]} "
                f"{what} ({int(bad.sum())} such)",
                remedy="parameterize",
            )
    a, b, c = F_uv.T
    if (same := (a == b) | (b == c) | (c == a)).any():
        raise MeshError(
            f"face {int(same.argmax())} has one texture coordinate at two corners "
            f"({int(same.sum())} such faces)",
            remedy="parameterize",
        )
    used = np.unique(F_uv)
    clean = np.zeros_like(UV)  # rows that no face uses may hold anything
    clean[used] = UV[used]
    return clean, F_uv


def _fill(mesh: Mesh, UV: Float[np.ndarray, "n 2"]) -> Int[np.ndarray, "k 3"]:
    """Fill all loops but the one around the largest area of the plane."""
    none = np.zeros((0, 3), dtype=np.int64)
    if mesh.UV is None:
        if len(loop_lengths(mesh.F)) > 1:
            raise TopologyError("the texture coordinates have seams")
        return none
    loops = boundary_loops(mesh.F)
    if len(loops) < 2:
        return none
    area = [_signed_area(UV[loop]) for loop in loops]
    outer = int(np.argmax(np.abs(area)))
    inner = [loop for k, loop in enumerate(loops) if k != outer]
    if area[outer] > 0:
        return np.concatenate([fill_polygon(UV, loop[::-1]) for loop in inner])
    # A mirrored map: fill its reflection; like the mesh's own faces, the fill is clockwise here.
    mirrored = UV * (-1, 1)
    return np.concatenate([fill_polygon(mirrored, loop[::-1]) for loop in inner])


def _signed_area(P: Float[np.ndarray, "b 2"]) -> float:
    after = np.roll(P, -1, axis=0)
    return float((P[:, 0] * after[:, 1] - P[:, 1] * after[:, 0]).sum() / 2)
