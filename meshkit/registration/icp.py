"""Rigid alignment of a template with a scan, without correspondences.

Plain numpy on exact closest points, no optional back end: a thousand points and forty steps take
some tenths of a second, most of it in libigl's search tree, so a faster solver has nothing to save.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import cKDTree

from meshkit.checks import check_mesh, takes_mesh
from meshkit.errors import SolveError
from meshkit.normals import vertex_normals
from meshkit.registration.procrustes import procrustes
from meshkit.registration.similarity import Similarity, identity
from meshkit.registration.target import Closest, Target

_COARSE = 400  # points of either side in the search over starts
_FINE = 1500  # template vertices in the refinement


class RigidFit(NamedTuple):
    """A rigid alignment.

    Attributes
    ----------
    motion
        Takes the template to the scan.
    error : length
        Root mean square distance of the vertices that were used.
    used : 1
        Their share.
    iterations : 1
    """

    motion: Similarity
    error: float
    used: float
    iterations: int


@takes_mesh
def rigid_icp(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    target: Target,
    *,
    start: Similarity | None = None,
    scale: bool = False,
    trim: float = 0.8,
    tolerance: float = 1e-5,
    iterations: int = 60,
) -> RigidFit:
    """Refine the pose of a template on a scan: point-to-plane, trimmed.

    In every step vertices whose closest point is on the scan's border or faces another way are left
    out, and of the others the `trim` share that lies closest is taken to the planes through the
    closest points. Converges to the pose next to `start`; `find_pose` gives one.

    Parameters
    ----------
    V : length
    start
        Takes the template near the scan; default: it is there.
    scale
        Also find the size. Only where the template covers about what the scan covers.
    trim : 1
        In (0, 1]; below the share of vertices that have a counterpart on the scan.
    tolerance : 1
        Stop when a step moves the template by less than this share of its size.

    Raises
    ------
    ValueError
        `trim` is out of range.
    SolveError
        Fewer than six vertices find a counterpart, or their planes leave a motion free (a plane, a
        sphere, a cylinder).

    References
    ----------
    Chen, Medioni, Object modelling by registration of multiple range images, Image and Vision
    Computing 1992; Chetverikov et al., The trimmed iterative closest point algorithm, ICPR 2002.
    """
    check_mesh(V, F)
    if not 0 < trim <= 1:
        raise ValueError(f"trim must be in (0, 1], got {trim}")
    picked = spread_out(np.unique(F), _FINE)
    P, N = V[picked].astype(np.float64), vertex_normals(V, F)[picked]
    motion = start or identity()
    extent = radius(P)
    error, used = np.inf, 0.0
    for done in range(1, iterations + 1):  # noqa: B007
        X = motion.apply(P)
        closest = target.closest(X)
        use = _trimmed(closest, N @ motion.R.T, trim, oriented=target.F is not None)
        if use.sum() < 6:
            raise SolveError(
                "give landmarks or another start: only "
                f"{int(use.sum())} of {len(P)} template vertices face a part of the scan"
            )
        error, used = float(np.sqrt(np.mean(closest.distance[use] ** 2))), float(use.mean())
        step = _plane_step(X[use], closest.point[use], closest.normal[use], scale)
        motion = step.after(motion)
        if np.abs(step.apply(X) - X).max() <= tolerance * extent * motion.scale:
            break
    return RigidFit(motion, error, used, done)


@takes_mesh
def find_pose(
    V: Float[np.ndarray, "n 3"],
    F: Int[np.ndarray, "m 3"],
    target: Target,
    *,
    scale: bool = False,
) -> Similarity:
    """Search a pose of the template on the scan, from any position and orientation.

    The principal axes of both are laid on each other in all 24 ways, each is improved by a few
    steps on coarse points, and the one with the least distance both ways wins. Meant for a template
    and a scan of about the same part of the body; where the scan holds much more, give landmarks.

    Parameters
    ----------
    V : length
    """
    check_mesh(V, F)
    used = np.unique(F)
    P, Q = V[used].astype(np.float64), target.points()
    s = radius(Q) / radius(P) if scale else 1.0
    near, far = P[spread_out(np.arange(len(P)), _COARSE)], Q[spread_out(np.arange(len(Q)), _COARSE)]
    tree = cKDTree(Q[spread_out(np.arange(len(Q)), 20 * _COARSE)])
    candidates = []
    for start in _axis_starts(P, Q, s):
        motion = _coarse_icp(near, tree, start, scale)
        candidates.append((_two_way_distance(near, far, tree, motion), motion))
    candidates.sort(key=lambda candidate: candidate[0])
    best, lowest = candidates[0][1], np.inf
    for _, motion in candidates[:4]:
        try:
            fit = rigid_icp(V, F, target, start=motion, scale=scale, iterations=15)
        except SolveError:
            continue
        cost = _two_way_distance(near, far, tree, fit.motion) / fit.used
        if cost < lowest:
            best, lowest = fit.motion, cost
    return best


def spread_out(indices: Int[np.ndarray, " n"], count: int) -> Int[np.ndarray, " k"]:
    """Take at most `count` of the indices, evenly along the list."""
    if len(indices) <= count:
        return indices
    return np.asarray(indices[np.linspace(0, len(indices) - 1, count).round().astype(np.int64)])


def radius(P: Float[np.ndarray, "n 3"]) -> float:
    """Return the root mean square distance of points from their centre."""
    return float(np.sqrt(((P - P.mean(axis=0)) ** 2).sum(axis=1).mean()))


def _trimmed(closest: Closest, N: np.ndarray, trim: float, *, oriented: bool) -> np.ndarray:
    cosine = (closest.normal * N).sum(axis=1)
    use: Bool[np.ndarray, " p"] = ~closest.on_border & ((cosine if oriented else abs(cosine)) > 0.5)
    if use.any():
        use &= closest.distance <= np.quantile(closest.distance[use], trim)
    return use


def _plane_step(X: np.ndarray, C: np.ndarray, N: np.ndarray, scale: bool) -> Similarity:
    """Solve the linearised motion that takes X to the planes (C, N); about the centre of X."""
    center = X.mean(axis=0)
    size = radius(X)
    Y = (X - center) / size
    columns = [np.cross(Y, N), N]
    if scale:
        columns.append((Y * N).sum(axis=1)[:, None])
    A = np.concatenate(columns, axis=1)
    b = ((C - X) * N).sum(axis=1) / size
    values, vectors = np.linalg.eigh(A.T @ A / len(A))
    if values[0] <= 1e-10 * values[-1]:
        raise SolveError("give landmarks: the scan leaves a motion free (a plane, a sphere)")
    x = vectors @ (vectors.T @ (A.T @ b / len(A)) / values)
    R = _rotation(x[:3])
    s = float(np.exp(np.clip(x[6], -0.2, 0.2))) if scale else 1.0
    return Similarity(R, center + size * x[3:6] - s * (R @ center), s)


def _rotation(omega: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    angle = float(np.linalg.norm(omega))
    # The linear step is good for small angles only.
    return np.asarray(Rotation.from_rotvec(omega * min(1.0, 0.5 / max(angle, 1e-300))).as_matrix())


def _axis_starts(P: np.ndarray, Q: np.ndarray, s: float) -> Iterator[Similarity]:
    """Lay principal axes on principal axes in the 24 ways that are rotations."""
    from scipy.spatial.transform import Rotation

    frames = []
    for Z in (P, Q):
        axes = np.linalg.svd(Z - Z.mean(axis=0), full_matrices=False)[2]
        axes[2] *= np.linalg.det(axes)
        frames.append(axes)
    for turn in Rotation.create_group("O").as_matrix():  # of the cube: axes onto axes
        R = frames[1].T @ turn @ frames[0]
        yield Similarity(R, Q.mean(axis=0) - s * (R @ P.mean(axis=0)), s)


def _coarse_icp(P: np.ndarray, tree: cKDTree, motion: Similarity, scale: bool) -> Similarity:
    for _ in range(12):
        X = motion.apply(P)
        distance, index = tree.query(X)
        close = distance <= np.quantile(distance, 0.8)
        motion = procrustes(X[close], tree.data[index[close]], scale=scale).after(motion)
    return motion


def _two_way_distance(P: np.ndarray, Q: np.ndarray, tree: cKDTree, motion: Similarity) -> float:
    """Trimmed mean distance from template to scan and back: one way alone prefers to shrink."""
    X = motion.apply(P)
    there = np.sort(tree.query(X)[0])[: int(0.85 * len(P))]
    back = np.sort(cKDTree(X).query(Q)[0])[: int(0.85 * len(Q))]
    return float(there.mean() + back.mean())
