"""Move poses from one mesh to another by deformation gradients."""

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Int

from meshkit.checks import check_mesh
from meshkit.errors import DegenerateFaceError, MeshError
from meshkit.laplacian import lumped_mass
from meshkit.normals import face_normals, unit
from meshkit.operators.factor import Factorization
from meshkit.registration.procrustes import procrustes
from meshkit.registration.similarity import Similarity
from meshkit.registration.target import Target
from meshkit.topology import components


class DeformationTransfer:
    """Deform a target as a source deforms; one factorisation for any number of poses.

    Every target face shall deform by the deformation gradient of its source face, as nearly as the
    connected surface allows, in least squares weighted by area. The fourth vertex that Sumner and
    Popović add to each face to fix its normal drops out: it appears in one face only and can always
    fit. What remains is a Poisson equation on the target's vertices. They weight faces equally;
    weights by area make the result independent of how the target is meshed.

    Gradients leave the place free: the centre of every component goes where the best rigid motion
    of the source takes it, turned about the target's own centre, plus what the matching part of the
    source moves beyond that. So a source that is the target reproduces its poses, a copy of another
    size and place its own version of them, and what rests on the source nearly rests on the target.

    Parameters
    ----------
    V_source, F_source : length
        Rest shape.
    V_target, F_target : length
        Rest shape, in about the same expression and orientation; any size.
    source_face : 1
        The source face of each target face; default: the same, for meshes of one topology.
        `match_faces` finds them for others.
    scale : 1
        How far the target's centre moves for a unit of the source's. Default: the ratio of their
        sizes. Give 1 where both are in one unit and travel through one space.

    Raises
    ------
    DegenerateFaceError
        A face of a rest shape has no area.
    MeshError
        A target vertex is in no face.
    ValueError
        `source_face` is missing though the numbers of faces differ, or out of range; `scale` is
        not positive.

    References
    ----------
    Sumner, Popović, Deformation transfer for triangle meshes, SIGGRAPH 2004, Eqs. 3-8; Botsch et
    al., Deformation transfer for detail-preserving surface editing, VMV 2006 (the equivalence).
    """

    def __init__(
        self,
        V_source: Float[np.ndarray, "n 3"],
        F_source: Int[np.ndarray, "m 3"],
        V_target: Float[np.ndarray, "k 3"],
        F_target: Int[np.ndarray, "l 3"],
        *,
        source_face: Int[np.ndarray, " l"] | None = None,
        scale: float | None = None,
    ) -> None:
        check_mesh(V_source, F_source)
        check_mesh(V_target, F_target)
        if source_face is None:
            if len(F_source) != len(F_target):
                raise ValueError(
                    f"{len(F_source)} source faces and {len(F_target)} target faces: give "
                    "source_face (match_faces finds it)"
                )
            source_face = np.arange(len(F_target))
        if (
            len(source_face) != len(F_target)
            or not ((source_face >= 0) & (source_face < len(F_source))).all()
        ):
            raise ValueError(
                f"source_face must be {len(F_target)} indices below {len(F_source)}, got "
                f"{len(source_face)} in {source_face.min()} … {source_face.max()}"
            )
        if scale is not None and not 0 < scale < np.inf:
            raise ValueError(f"scale must be positive, got {scale}")
        self._rest_source = V_source.astype(np.float64)
        self._rest = V_target.astype(np.float64)
        self._F_source = F_source[source_face]
        self._mass = lumped_mass(self._rest, F_target)
        if (self._mass == 0).any():
            raise MeshError(f"target vertex {int(self._mass.argmin())} is in no face")
        self._parts = components(F_target, len(V_target))
        self._inverse_source = np.linalg.inv(_frames("source", self._rest_source, self._F_source))
        gradient = _surface_gradients(self._rest, F_target)  # (l, 3, 3): corner, axis
        area = np.linalg.norm(face_normals(self._rest, F_target), axis=1) / 2
        rows = np.arange(3 * len(F_target)).reshape(-1, 1, 3)  # 3 face + axis
        corner = np.broadcast_to(F_target[:, :, None], gradient.shape)
        shape = (3 * len(F_target), len(V_target))
        entries = gradient.ravel(), (np.broadcast_to(rows, gradient.shape).ravel(), corner.ravel())
        G = sp.csr_array(sp.coo_array(entries, shape=shape))
        self._G = G
        self._place = _Place(self._rest_source[self._F_source], self._rest[F_target], area, scale)
        self._face_part = self._parts[F_target[:, 0]]
        self._divergence = sp.csr_array(G.T @ sp.diags_array(np.repeat(area, 3)))
        self._free = self._all_but_one_per_part()
        normal = sp.csr_array(self._divergence @ G)
        self._factor = (
            Factorization(normal[self._free][:, self._free], "deformation transfer")
            if len(self._free)
            else None
        )

    def transfer(self, pose: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "k 3"]:
        """Return the target in a pose of the source.

        Parameters
        ----------
        pose : length
            Vertices of the source mesh, deformed.

        Raises
        ------
        ValueError
            The pose has another number of vertices, or one that is not finite.
        """
        if pose.shape != self._rest_source.shape or not np.isfinite(pose).all():
            raise ValueError(
                f"a pose is {len(self._rest_source)} finite vertices, got {pose.shape}"
                + ("" if np.isfinite(pose).all() else " with some that are not finite")
            )
        pose = pose.astype(np.float64)
        S = _frames(None, pose, self._F_source) @ self._inverse_source  # (l, 3, 3)
        rest = (self._G @ self._rest).reshape(-1, 3, 3)  # projector onto each face's plane
        wanted = rest @ S.swapaxes(1, 2)
        V = np.zeros_like(self._rest)
        rhs = self._divergence @ wanted.reshape(-1, 3)
        if self._factor is not None:
            V[self._free] = self._factor.solve(rhs[self._free])
        return np.asarray(V + self._shift(V, pose))

    def _all_but_one_per_part(self) -> np.ndarray:
        first = np.unique(self._parts, return_index=True)[1]
        return np.setdiff1d(np.arange(len(self._rest)), first)

    def _shift(self, V: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """Return what takes the centre of each component of V to its place in the pose."""
        motion = procrustes(self._rest_source, pose)
        moved = self._place.follow(motion, self._rest)
        beyond = pose - motion.apply(self._rest_source)  # where the source is not rigid
        face = self._place.scale * beyond[self._F_source].mean(axis=1)
        return np.asarray(
            _mean_by(self._parts, self._mass, moved - V)[self._parts]
            + _mean_by(self._face_part, self._place.area, face)[self._parts]
        )


class _Place:
    """Where the target stands when the source moves; the meshes as corners of matching faces."""

    def __init__(
        self, source: np.ndarray, target: np.ndarray, area: np.ndarray, scale: float | None
    ) -> None:
        self.area = area
        centers, sizes = [], []
        for corners in (source, target):
            point = corners.mean(axis=1)
            centers.append(np.average(point, axis=0, weights=area))
            square = ((corners - centers[-1]) ** 2).sum(axis=2).mean(axis=1)
            sizes.append(np.sqrt(np.average(square, weights=area)))
        self.source_center, self.center = centers
        self.scale = float(sizes[1] / sizes[0]) if scale is None else scale

    def follow(self, motion: Similarity, V: np.ndarray) -> np.ndarray:
        """Return points of the target moved as the source is: turned about the own centre."""
        step = motion.apply(self.source_center) - self.source_center
        return np.asarray((V - self.center) @ motion.R.T + self.center + self.scale * step)


def _mean_by(label: np.ndarray, weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the weighted mean of the rows with each label."""
    total = np.bincount(label, weight)
    sums = [np.bincount(label, weight * column) for column in values.T]
    return np.asarray(np.stack(sums, axis=1) / total[:, None])


def match_faces(
    V_source: Float[np.ndarray, "n 3"],
    F_source: Int[np.ndarray, "m 3"],
    V_target: Float[np.ndarray, "k 3"],
    F_target: Int[np.ndarray, "l 3"],
) -> Int[np.ndarray, " l"]:
    """Find the source face closest to the centre of each target face, where they face one way.

    For meshes of different topology that lie on each other: fit one to the other first
    (`fit_template`). Where the closest face looks the other way (the upper lip's on the lower lip),
    the closest centre of a face that does not is taken.

    Parameters
    ----------
    V_source, V_target : length

    Raises
    ------
    MeshError
        No source face looks the way that a target face does.
    """
    check_mesh(V_target, F_target)
    centers = V_target[F_target].mean(axis=1)
    normals = unit(face_normals(V_target, F_target))
    own = unit(face_normals(V_source, F_source))
    face = Target(V_source, F_source).closest_face(centers)
    wrong = np.flatnonzero((own[face] * normals).sum(axis=1) <= 0)
    source_centers = V_source[F_source].mean(axis=1)
    for f in wrong:
        allowed = np.flatnonzero(own @ normals[f] > 0)
        if not len(allowed):
            raise MeshError(f"no source face looks the way that target face {f} does")
        offset = source_centers[allowed] - centers[f]
        face[f] = allowed[int((offset**2).sum(axis=1).argmin())]
    return face


def _frames(name: str | None, V: np.ndarray, F: np.ndarray) -> np.ndarray:
    """Return two edges and the scaled normal of each face as columns; `name`: refuse flat ones."""
    a, b, c = V[F].swapaxes(0, 1)
    u, v = b - a, c - a
    normal = np.cross(u, v)
    length = np.linalg.norm(normal, axis=1)
    longest = np.maximum((u**2).sum(axis=1), (v**2).sum(axis=1))
    flat = length <= 1e-12 * longest
    if name is not None and flat.any():
        f = int(flat.argmax())
        raise DegenerateFaceError(f"{name} face {f} = {F[f].tolist()} has no area")
    root = np.sqrt(length)[:, None]
    third = np.divide(normal, root, out=np.zeros_like(normal), where=root > 0)
    return np.stack([u, v, third], axis=2)


def _surface_gradients(V: np.ndarray, F: np.ndarray) -> np.ndarray:
    """Return the gradient of each corner's hat function on each face."""
    _frames("target", V, F)
    N = face_normals(V, F)
    P = V[F]
    opposite = P[:, [2, 0, 1]] - P[:, [1, 2, 0]]
    return np.asarray(np.cross(N[:, None], opposite) / (N**2).sum(axis=1)[:, None, None])
