"""The checks behind `meshkit.diagnose`, by subject; each yields findings.

`index_defects` comes first and says which faces the others may look at: their indices exist and
differ, and each set of three vertices occurs once. So one damaged face is one finding, not ten.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from meshkit.doctor.findings import Finding, defect, enumerate_some, plural
from meshkit.doctor.orientation import face_sides
from meshkit.topology import (
    components,
    edge_table,
    nonmanifold_vertices,
    unreferenced_vertices,
)

MAX_COORDINATE = 1e75  # fourth powers of lengths occur, and double precision ends at 1e308
FLAT = 1e-12  # double area over squared longest edge, as in `meshkit.laplacian`


def sound_faces(F: Int[np.ndarray, "m 3"], n: int) -> dict[str, Bool[np.ndarray, " m"]]:
    """Sort faces by what is wrong with their indices; "sound" are the others."""
    outside = ((F < 0) | (n <= F)).any(axis=1)
    a, b, c = F.T
    repeated = ((a == b) | (b == c) | (c == a)) & ~outside
    sound = ~outside & ~repeated
    duplicate = np.zeros(len(F), dtype=bool)
    _, first = np.unique(np.sort(F[sound], axis=1), axis=0, return_index=True)
    duplicate[np.delete(np.flatnonzero(sound), first)] = True
    return {
        "outside": outside,
        "repeated": repeated,
        "duplicate": duplicate,
        "sound": sound & ~duplicate,
    }


def index_defects(F: Int[np.ndarray, "m 3"], n: int) -> Iterator[Finding]:
    """Faces that name missing vertices, one vertex twice, or the vertices of another face."""
    faces = {name: np.flatnonzero(mask) for name, mask in sound_faces(F, n).items()}
    what = f"with an index outside 0..{n - 1}"
    yield from defect("missing-vertices", "error", faces["outside"], "faces", what, "delete-faces")
    f, what = faces["repeated"], "with one vertex twice"
    yield from defect("repeated-corners", "error", f, "faces", what, "drop-duplicates")
    f, what = faces["duplicate"], "on the same three vertices as an earlier one"
    yield from defect("duplicate-faces", "error", f, "faces", what, "drop-duplicates")


def vertex_defects(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Iterator[Finding]:
    """Positions that are not finite, vertices in no face, vertices at one place."""
    finite = np.isfinite(V).all(axis=1)
    v = np.flatnonzero(~finite)
    what = "with a coordinate that is not finite"
    yield from defect("not-finite", "error", v, "vertices", what, "correct-coordinates")
    yield from _extent_defects(V, finite)
    used = np.ones(len(V), dtype=bool)
    if len(F):
        v = unreferenced_vertices(F, len(V))
        used[v] = False
        yield from defect(
            "unreferenced-vertices", "error", v, "vertices", "in no face", "drop-unreferenced"
        )
    copies, originals = coincident_vertices(V, used & finite)
    if copies.size:
        pairs = np.stack([originals, copies], axis=1)
        yield Finding(
            "coincident-vertices",
            "warning",
            f"{plural(len(copies), 'vertex')} at the place of another: {enumerate_some(pairs)}",
            "vertices",
            copies,
            "merge-coincident",
        )


def _extent_defects(
    V: Float[np.ndarray, "n 3"], finite: Bool[np.ndarray, " n"]
) -> Iterator[Finding]:
    """Coordinates whose squares and products leave the range of floating point."""
    size = np.where(finite[:, None], np.abs(V), 0).max(axis=1, initial=0)
    v = np.flatnonzero(size > MAX_COORDINATE)
    if not v.size and 0 < size.max(initial=0) < 1 / MAX_COORDINATE:
        v = np.flatnonzero(finite)
    largest = size[v].max(initial=0)
    what = f"with coordinates up to {largest:.0e}: areas leave the range of floating point"
    yield from defect("extreme-coordinates", "error", v, "vertices", what, "scale-mesh")


def coincident_vertices(
    V: Float[np.ndarray, "n 3"], among: Bool[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Return vertices at exactly the place of one with a lower index, and that lowest one."""
    index = np.flatnonzero(among)
    rows = np.ascontiguousarray(V[index] + 0.0)  # -0.0 becomes 0.0: equal rows have equal bytes
    key = rows.view(np.dtype((np.void, rows.itemsize * 3))).reshape(-1)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    original = index[first][inverse.reshape(-1)]
    copy = original != index
    return index[copy], original[copy]


def connectivity_defects(F: Int[np.ndarray, "m 3"]) -> Iterator[Finding]:
    """Edges and vertices where a surface is no manifold, sheets that disagree about their side."""
    table = edge_table(F)
    crowded = table.E[table.uses > 2]
    what = "with more than two faces"
    yield from defect("non-manifold-edges", "error", crowded, "edges", what, "split-nonmanifold")
    v = np.setdiff1d(nonmanifold_vertices(F), crowded)
    what = "whose faces form more than one fan"
    yield from defect("non-manifold-vertices", "error", v, "vertices", what, "split-nonmanifold")
    sides = face_sides(F)
    f = np.flatnonzero(sides.inverted)
    what = "turned against the neighbours"
    yield from defect("inconsistent-orientation", "error", f, "faces", what, "orient-faces")
    f = np.flatnonzero(sides.one_sided)
    what = "on a sheet with one side only (a Möbius strip)"
    yield from defect("one-sided", "error", f, "faces", what, "cut-across")


def part_defects(F: Int[np.ndarray, "m 3"], n: int) -> Iterator[Finding]:
    """More than one component."""
    label, n_parts = faces_by_component(F, n)
    if n_parts > 1:
        size = np.bincount(label)
        sizes = ", ".join(map(str, size[:5].tolist())) + (" …" if n_parts > 5 else "")
        first = np.unique(label, return_index=True)[1]
        yield Finding(
            "several-components",
            "error",
            f"{n_parts} components, of {sizes} faces; their first faces: {enumerate_some(first)}",
            "faces",
            first,
            "keep-component",
        )


def faces_by_component(F: Int[np.ndarray, "m 3"], n: int) -> tuple[Int[np.ndarray, " m"], int]:
    """Return the component of each face, 0 for the one with most faces, and their number.

    Of two equal ones the one with the lowest vertex comes first.
    """
    _, label, size = np.unique(components(F, n)[F[:, 0]], return_inverse=True, return_counts=True)
    rank = np.empty(len(size), dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
    return rank[label.reshape(-1)], len(size)


def geometry_defects(V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]) -> Iterator[Finding]:
    """Faces without area, edges with a negative cotangent weight; V is finite on F."""
    edge, double_area = _scaled(V, F)
    flat = double_area <= FLAT * (edge**2).sum(axis=2).max(axis=1)
    f = np.flatnonzero(flat)
    yield from defect("zero-area-faces", "warning", f, "faces", "without area", "move-corners")
    e = negative_edges(F[~flat], edge[~flat], double_area[~flat])
    what = "with a negative cotangent weight"
    yield from defect("negative-cotangent-weights", "note", e, "edges", what, "positive-weights")


def _scaled(
    V: Float[np.ndarray, "n 3"], F: Int[np.ndarray, "m 3"]
) -> tuple[Float[np.ndarray, "m 3 3"], Float[np.ndarray, " m"]]:
    """Return the edge vectors opposite each corner and twice the area, for positions within ±1."""
    P = V[F] / max(float(np.abs(V[F]).max(initial=0)), np.finfo(float).tiny)
    edge = P[:, [2, 0, 1]] - P[:, [1, 2, 0]]
    return edge, np.linalg.norm(np.cross(edge[:, 0], edge[:, 1]), axis=1)


def negative_edges(
    F: Int[np.ndarray, "m 3"],
    edge: Float[np.ndarray, "m 3 3"],
    double_area: Float[np.ndarray, " m"],
) -> Int[np.ndarray, "k 2"]:
    """List the edges whose angles, in the one or two faces at them, sum to more than 180°."""
    if not len(F):
        return np.zeros((0, 2), dtype=np.int64)
    cot = -(edge[:, [1, 2, 0]] * edge[:, [2, 0, 1]]).sum(axis=2) / double_area[:, None]
    table = edge_table(F)
    # Half-edge k of a face lies opposite corner k + 2.
    weight = np.add.reduceat(cot[:, [2, 0, 1]].reshape(-1)[table.half_edge], table.start)
    return table.E[weight < -1e-12]


def border_defects(
    F: Int[np.ndarray, "m 3"], lengths: tuple[int, ...], n_parts: int, genus: int | None
) -> Iterator[Finding]:
    """What keeps a manifold from being a disk: no border, holes, handles; ears on the border.

    Which loops are holes is said of one oriented manifold only.
    """
    none = np.zeros(0, dtype=np.int64)
    if not lengths:
        yield Finding(
            "closed",
            "error",
            "the surface is closed: it has no border to put on a square",
            "vertices",
            none,
            "open-surface",
        )
    if len(lengths) > 1 and n_parts == 1 and genus is not None:
        inner = ", ".join(map(str, lengths[1:6])) + (" …" if len(lengths) > 6 else "")
        yield Finding(
            "holes",
            "note",
            f"{plural(len(lengths) - 1, 'inner loop')} of {inner} vertices beside the longest",
            "vertices",
            none,
            "fill-holes",
        )
    if genus:
        yield Finding(
            "handles",
            "error",
            f"{plural(genus, 'handle')}: no disk, even with all holes filled",
            "vertices",
            none,
            "cut-to-disk",
        )
    table = edge_table(F)
    border = np.zeros(3 * len(F), dtype=bool)
    border[table.half_edge[table.start[table.uses == 1]]] = True
    ears = np.flatnonzero(border.reshape(-1, 3).sum(axis=1) == 2)
    what = "with two edges on the border"
    yield from defect("ears", "note", ears, "faces", what, "corners-at-ears")
