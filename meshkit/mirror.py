"""The other side of a face: which vertex mirrors which, found by place and by connectivity.

Two vertices that nearly coincide (closed lips) have neighbours that a search by distance confuses.
So distance only proposes: the mirror image is then walked from face to face, starting where the
proposal is best, and is accepted where the whole mesh agrees.
"""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from meshkit.checks import check_mesh, takes_mesh
from meshkit.topology import edge_table

# Shares of the size are ours, and not calibrated.
FAR = 0.1  # of the size: the median distance from which a plane is turned and moved
REFINEMENTS = 10
NEAR = 0.02  # of the size: the median distance from a mirror image that is worth a try
SEEDS = 8  # faces from which the walk is tried
EQUAL = 1e-6  # of the size: mean asymmetries that differ by less are equal
MAX_SINGLE = 500  # places without a clear partner that are paired by cost
AGREED = 0.95  # share of faces that must have a mirror image where the walk fails


@takes_mesh
def mirror_permutation(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]
) -> Int[np.ndarray, " n"] | None:
    """Return for each vertex the one on the other side; for those in the middle, themselves.

    ``V[mirror]``, reflected, is V but for the asymmetry of the surface, which may be a few per cent
    of its size: a scan of a person in a symmetric topology has a mirror permutation, too. Planes
    square to x, y and z and to the principal axes are tried; the first of the best is taken. Where
    the connectivity mirrors the faces one by one, so does the result. Templates whose quads were
    cut along diagonals of one direction have faces without a mirror image: they are accepted if the
    vertices pair up by place, and 95 % of the faces do mirror.

    Parameters
    ----------
    V : length

    Returns
    -------
    mirror : 1
        ``mirror[mirror]`` is ``arange(n)``. None if the mesh is not symmetric.
    """
    check_mesh(V, F)
    twin = _twins(F)
    V = V - V.mean(axis=0)
    size = float(np.ptp(V, axis=0).max())
    tree = cKDTree(V)
    axes = np.linalg.svd(V, full_matrices=False)[2]
    best, least = None, NEAR * size
    for axis in (*np.eye(3), *axes):
        image, distance, nearest = _onto_itself(V, tree, axis, size)
        if not np.median(distance) <= NEAR * size:
            continue
        mirror = None if twin is None else _walk(F, twin, nearest, distance)
        mirror = _by_place(V, F, image) if mirror is None else mirror
        if mirror is None or (mirror == np.arange(len(V))).all():
            continue
        off = float(np.linalg.norm(symmetrized(V, mirror) - V, axis=1).mean())
        if off < least - EQUAL * size:
            best, least = mirror, off
    return best


def mirror_plane(
    V: Float[np.ndarray, "n 3"], mirror: Int[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """Return the normal and a point of the plane that fits a mirror permutation best."""
    across = V[mirror] - V
    values, axes = np.linalg.eigh(across.T @ across)
    normal = axes[:, values.argmax()]
    return normal, ((V + V[mirror]) / 2).mean(axis=0)


def symmetrized(
    V: Float[np.ndarray, "n 3"], mirror: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "n 3"]:
    """Return the mean of a surface and its mirror image."""
    normal, point = mirror_plane(V, mirror)
    return np.asarray((V + _reflected(V, normal, point)[mirror]) / 2)


def _onto_itself(
    V: np.ndarray, tree: cKDTree, normal: np.ndarray, size: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn and move a plane until the mesh, reflected, lies on itself; return it so, by nearest."""
    along = V @ normal
    point = (along.max() + along.min()) / 2 * normal
    image = _reflected(V, normal, point)
    distance, nearest = tree.query(image)
    for _ in range(REFINEMENTS):
        if not np.median(distance) <= FAR * size:
            break
        mutual = np.flatnonzero(nearest[nearest] == np.arange(len(V)))
        if not len(mutual) > len(V) / 2:
            break
        across = V[nearest[mutual]] - V[mutual]
        values, axes = np.linalg.eigh(across.T @ across)
        normal = axes[:, values.argmax()]
        point = (V[nearest[mutual]] + V[mutual]).mean(axis=0) / 2
        moved = _reflected(V, normal, point)
        closer = tree.query(moved)
        if not np.median(closer[0]) < (1 - 1e-6) * np.median(distance):
            break
        image, (distance, nearest) = moved, closer
    return image, distance, nearest


def _reflected(V: np.ndarray, normal: np.ndarray, point: np.ndarray) -> np.ndarray:
    return np.asarray(V - 2 * np.outer((V - point) @ normal, normal))


def _twins(F: np.ndarray) -> np.ndarray | None:
    """Return the other half-edge of each edge, -1 on the border; None if it is no manifold."""
    table = edge_table(F)
    if (table.uses > 2).any():
        return None
    twin = np.full(F.size, -1)
    first = table.start[table.uses == 2]
    a, b = table.half_edge[first], table.half_edge[first + 1]
    twin[a], twin[b] = b, a
    return twin


def _next(half_edge: np.ndarray, by: int) -> np.ndarray:
    """Return the half-edges that many steps further around their faces."""
    return np.asarray(half_edge // 3 * 3 + (half_edge + by) % 3)


def _walk(
    F: np.ndarray, twin: np.ndarray, proposal: np.ndarray, distance: np.ndarray
) -> np.ndarray | None:
    """Carry the mirror image of one face over its neighbours, in every component."""
    image = np.full(F.size, -1)  # of each half-edge: it runs against its original
    number = {tuple(f[np.roll(np.arange(3), -f.argmin())]): k for k, f in enumerate(F)}
    miss = distance[F].sum(axis=1)
    for _ in range(len(F)):
        left = np.flatnonzero(image[::3] < 0)
        if not left.size:
            break
        for seed in left[np.argsort(miss[left], kind="stable")[:SEEDS]]:
            corners = proposal[F[seed]][::-1]
            turned = np.roll(corners, -corners.argmin())
            there = number.get(tuple(turned))
            if there is None:
                continue
            # Half-edge 0 of the seed ends in corner 1, which is where its image begins.
            begin = int(np.flatnonzero(F[there] == proposal[F[seed, 1]])[0])
            grown = _grow(image, twin, 3 * int(seed), 3 * there + begin)
            if grown is not None:
                image = grown
                break
        else:
            return None
    tail, head = F.ravel(), np.roll(F, -1, axis=1).ravel()
    mirror = np.arange(len(proposal))
    mirror[tail] = head[image]
    agreed = (mirror[tail] == head[image]).all() and (
        mirror[mirror] == np.arange(len(mirror))
    ).all()
    return mirror if agreed else None


def _grow(image: np.ndarray, twin: np.ndarray, start: int, there: int) -> np.ndarray | None:
    """Return the images of all half-edges that can be reached; None at a contradiction."""
    image = image.copy()
    front, to = np.array([start]), np.array([there])
    while front.size:
        for by in range(3):
            image[_next(front, by)] = _next(to, -by)
        edge = np.concatenate([_next(front, by) for by in range(3)])
        over, mirrored = twin[edge], twin[image[edge]]
        if ((over < 0) != (mirrored < 0)).any():
            return None
        over, mirrored = over[over >= 0], mirrored[mirrored >= 0]
        done = image[over] >= 0
        if (image[over[done]] != mirrored[done]).any():
            return None
        _, first = np.unique(over[~done] // 3, return_index=True)
        front, to = over[~done][first], mirrored[~done][first]
    return image


def _by_place(V: np.ndarray, F: np.ndarray, image: np.ndarray) -> np.ndarray | None:
    """Pair places, then tell vertices at one place (the sides of a seam) apart by their faces."""
    P, some, place = np.unique(V, axis=0, return_index=True, return_inverse=True)
    pair = _paired(P, image[some], cKDTree(P).query(image[some])[1])
    if (pair[pair] != np.arange(len(P))).any():
        return None
    n = np.int64(len(P))
    own, wanted = (np.sort(f, axis=1) @ [n * n, n, 1] for f in (place[F], pair[place[F]]))
    order = np.argsort(own, kind="stable")
    there = order[np.searchsorted(own[order], wanted).clip(max=len(F) - 1)]
    matched = np.flatnonzero(own[there] == wanted)
    if len(matched) < AGREED * len(F):
        return None
    first = np.full(len(P), -1)
    first[place[::-1]] = np.arange(len(V))[::-1]
    mirror = first[pair[place]]
    for corner in F[matched].T:
        at = place[F[there[matched]]] == pair[place[corner]][:, None]
        mirror[corner] = F[there[matched], at.argmax(axis=1)]
    return mirror if (mirror[mirror] == np.arange(len(V))).all() else None


def _paired(P: np.ndarray, image: np.ndarray, nearest: np.ndarray) -> np.ndarray:
    """Pair the places that are not each other's nearest among themselves, at the least cost."""
    single = np.flatnonzero(nearest[nearest] != np.arange(len(nearest)))
    pair = nearest.copy()
    if 0 < single.size <= MAX_SINGLE:
        cost = np.linalg.norm(image[single][:, None] - P[single], axis=2)
        pair[single] = single[linear_sum_assignment(cost)[1]]
    return np.asarray(pair)
