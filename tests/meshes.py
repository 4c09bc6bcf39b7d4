"""Meshes for tests: made by hand, and hypothesis strategies. Their arrays are read-only."""

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from meshkit import primitives
from meshkit.primitives import disk, grid, hemisphere

Arrays = tuple[np.ndarray, np.ndarray]


def frozen(V: np.ndarray, F: np.ndarray) -> Arrays:
    V, F = np.array(V, dtype=float), np.array(F, dtype=np.int64)
    V.flags.writeable = F.flags.writeable = False
    return V, F


RIGHT_TRIANGLE = frozen([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]])
TETRAHEDRON = frozen(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]
)
# Three faces at edge (0, 1): non-manifold.
FAN_OF_PAGES = frozen(
    [[0, 0, 0], [0, 1, 0], [1, 0, 0], [-1, 0, 0], [0, 0, 1]], [[0, 2, 1], [0, 1, 3], [0, 1, 4]]
)
# Two faces that meet in vertex 0 only.
BOW_TIE = frozen([[0, 0, 0], [1, 0, 0], [1, 1, 0], [-1, 0, 0], [-1, -1, 0]], [[0, 1, 2], [0, 3, 4]])


def bumpy(rings: int = 12) -> Arrays:
    """A hemisphere with waves on it: no symmetry, all angles different."""
    V, F = hemisphere(rings)
    x, y, z = V.T
    radius = 1 + 0.1 * np.sin(5 * x + 1) * np.cos(4 * y) + 0.05 * np.sin(7 * z + x)
    return frozen(V * radius[:, None], F)


def cut_hole(V: np.ndarray, F: np.ndarray, inside: np.ndarray) -> Arrays:
    """Remove the vertices where `inside`, with their faces; number the others anew."""
    F = F[~inside[F].any(axis=1)]
    used = np.unique(F)
    number = np.full(len(V), -1)
    number[used] = np.arange(len(used))
    return frozen(V[used], number[F])


def mask(rings: int = 12) -> Arrays:
    """A bumpy hemisphere with two round holes and a slit, like a face seen from the front."""
    V, F = bumpy(rings)
    x, y, _ = V.T
    eyes = (np.hypot(np.abs(x) - 0.4, y - 0.3) < 0.15) & (np.abs(x) > 0.2)
    mouth = (np.abs(y + 0.3) < 0.07) & (np.abs(x) < 0.35)
    return cut_hole(V, F, eyes | mouth)


def torus(rows: int, columns: int) -> Arrays:
    """A torus, `rows` around its tube; vertex ``row * columns + column``."""
    V, _ = grid(rows, columns)
    a, b = 2 * np.pi * V[:, 0], 2 * np.pi * V[:, 1]
    i = np.arange(rows)[:, None] * columns + np.arange(columns)
    right, up = np.roll(i, -1, axis=1), np.roll(i, -1, axis=0)
    corner = np.roll(right, -1, axis=0)
    F = np.concatenate(
        [
            np.stack([i, right, corner], axis=-1).reshape(-1, 3),
            np.stack([i, corner, up], axis=-1).reshape(-1, 3),
        ]
    )
    keep = np.arange(len(V)).reshape(rows + 1, columns + 1)[:-1, :-1].ravel()
    r = 2 + np.cos(b)
    P = np.stack([r * np.cos(a), r * np.sin(a), np.sin(b)], axis=1)[keep]
    return frozen(P, F)


def torus_with_hole() -> Arrays:
    """A torus with one face left out: one loop, one handle."""
    V, F = torus(5, 7)
    return V, F[1:]


def sphere(rings: int = 6) -> Arrays:
    """Two hemispheres sewn together at the equator, squeezed so that no two axes are alike."""
    V, F = hemisphere(rings)
    equator = np.abs(V[:, 2]) < 1e-9
    below = np.where(equator, np.arange(len(V)), len(V) + np.cumsum(~equator) - 1)
    lower = V[~equator] * (1, 1, -1)
    return frozen(
        np.concatenate([V, lower]) * (1, 1.3, 0.8), np.concatenate([F, below[F[:, ::-1]]])
    )


def pretzel(genus: int, fineness: int = 1) -> Arrays:
    return frozen(*primitives.pretzel(genus, fineness))


def seeds() -> st.SearchStrategy[int]:
    return st.integers(0, 2**32 - 1)


def planar_delaunay(rng: np.random.Generator, n: int) -> Arrays:
    """A Delaunay triangulation of random points in the unit square; its border is their hull."""
    P = rng.uniform(size=(n, 2))
    F = Delaunay(P).simplices
    a, b, c = P[F].swapaxes(0, 1)
    u, v = b - a, c - a
    clockwise = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] < 0
    F = np.where(clockwise[:, None], F[:, ::-1], F)
    return np.pad(P, ((0, 0), (0, 1))), F


def planar_grid(rng: np.random.Generator, n: int) -> Arrays:
    """A grid with moved vertices, some of its faces thin."""
    side = max(1, int(np.sqrt(n)) - 1)
    V, F = grid(side, side)
    inner = ((V[:, :2] > 0) & (V[:, :2] < 1)).all(axis=1)
    V[inner, :2] += rng.uniform(-0.24, 0.24, (int(inner.sum()), 2)) / side
    return V, F


def planar_disk(rng: np.random.Generator, n: int) -> Arrays:
    """The disk of `meshkit.primitives`, in the unit square, its vertices in a random order."""
    V, F = disk(max(1, int(np.sqrt(n / 3))))
    order = rng.permutation(len(V))
    rank = np.argsort(order)
    V = V[order]
    V[:, :2] = V[:, :2] / 2 + 0.5
    return V, rank[F]


PLANAR: dict[str, Callable[[np.random.Generator, int], Arrays]] = {
    "delaunay": planar_delaunay,
    "grid": planar_grid,
    "disk": planar_disk,
}


@st.composite
def disks(draw: st.DrawFn, min_points: int = 4, max_points: int = 80) -> Arrays:
    """A disk whose x and y are an embedding in the unit square; z is noise."""
    kind = draw(st.sampled_from(sorted(PLANAR)))
    rng = np.random.default_rng(draw(seeds()))
    V, F = PLANAR[kind](rng, draw(st.integers(min_points, max_points)))
    V[:, 2] = rng.normal(scale=draw(st.sampled_from([0.0, 0.1, 1.0])), size=len(V))
    return frozen(V, F)


@st.composite
def hard_disks(draw: st.DrawFn, max_points: int = 80) -> Arrays:
    """Disks that break maps: squeezed to slivers, rough, with spikes and holes, of any scale."""
    V, F = draw(disks(max_points=max_points))
    V = V.copy()
    rng = np.random.default_rng(draw(seeds()))
    squeeze = draw(st.sampled_from([1.0, 1e-2, 1e-5, 1e-9]))
    V[:, draw(st.integers(0, 2))] *= squeeze
    spikes = rng.uniform(size=len(V)) < draw(st.sampled_from([0.0, 0.1]))
    V[spikes] *= 50
    if draw(st.booleans()) and len(V) > 20:
        centre = rng.integers(len(V))
        V, F = _with_hole(V, F, centre)
    V = V * draw(st.sampled_from([1e-3, 1.0, 1e6]))
    return frozen(V, F)


def _with_hole(V: np.ndarray, F: np.ndarray, centre: int) -> Arrays:
    """Cut out a vertex if neither it nor its neighbours lie on the border."""
    tail, head = F.ravel(), np.roll(F, -1, axis=1).ravel()
    border = {i for i, j in set(zip(tail, head, strict=True)) - set(zip(head, tail, strict=True))}
    ring = set(F[(centre == F).any(axis=1)].ravel())
    if ring & border:
        return V, F
    return cut_hole(V, F, np.arange(len(V)) == centre)


def finger(rings: int, around: int) -> Arrays:
    """A flat collar with a long closed tube on it: a disk that conformal maps shrink to nothing."""
    total = rings + 6
    r, k = np.divmod(np.arange(total * around), around)
    angle = 2 * np.pi * (k + 0.5 * (r % 2)) / around
    radius = np.where(r < 6, 7.0 - r, 1.0)
    height = np.maximum(r - 5, 0) * 2 * np.pi / around
    V = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    here = (r < total - 1).nonzero()[0]
    after = r * around + (k + 1) % around
    up, up_after = here + around, after[here] + around
    even = (r[here] % 2 == 0)[:, None]
    first = np.where(
        even,
        np.stack([here, after[here], up], axis=1),
        np.stack([here, after[here], up_after], axis=1),
    )
    second = np.where(
        even,
        np.stack([after[here], up_after, up], axis=1),
        np.stack([here, up_after, up], axis=1),
    )
    last = np.arange((total - 1) * around, total * around)
    tip = np.stack([last, after[last], np.full(around, len(V))], axis=1)
    V = np.concatenate([V, [[0, 0, height[-1] + 0.1]]])
    return frozen(V, np.concatenate([first, second, tip]))


@st.composite
def eared_disks(draw: st.DrawFn, max_border: int = 11) -> Arrays:
    """A disk with many inner edges between border vertices: a polygon, some of its faces split.

    The border is a regular polygon, in the order of its vertices.
    """
    b = draw(st.integers(4, max_border))
    rng = np.random.default_rng(draw(seeds()))
    polygon, faces = list(range(b)), []
    while len(polygon) > 2:
        k = int(rng.integers(len(polygon)))
        faces.append([polygon[k - 1], polygon[k], polygon[(k + 1) % len(polygon)]])
        del polygon[k]
    angle = 2 * np.pi * np.arange(b) / b
    V = np.stack([np.cos(angle), np.sin(angle), np.zeros(b)], axis=1)
    split: list[list[int]] = []
    for i, j, k in faces:
        if rng.uniform() < draw(st.sampled_from([0.0, 0.5])):
            centre = len(V)
            V = np.concatenate([V, V[[i, j, k]].mean(axis=0, keepdims=True)])
            split += [[i, j, centre], [j, k, centre], [k, i, centre]]
        else:
            split.append([i, j, k])
    return frozen(V, np.array(split))
