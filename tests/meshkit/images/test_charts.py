"""Maps in pieces: overlaps by exact arithmetic, per-corner coordinates by split meshes."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.errors import MeshError
from meshkit.geometry_image import geometry_image
from meshkit.images.charts import corner_average, overlapped_texels, rasterize_mesh
from meshkit.mesh import Mesh
from meshkit.primitives import disk, grid
from meshkit.raster import raster_matrix, rasterize_uv
from tests import meshes
from tests.reference.raster import area


@given(meshes.disks(), st.integers(1, 24), st.integers(1, 24))
@example((grid(4, 4)[0], grid(4, 4)[1]), 6, 8)  # edges and corners run through centres
@example((grid(4, 4)[0], grid(4, 4)[1]), 2, 2)
def test_an_embedding_overlaps_nowhere(mesh, H, W):
    UV, F = mesh[0][:, :2], mesh[1]
    assert not overlapped_texels(UV, F, (H, W)).any()


@settings(max_examples=100)
@given(meshes.seeds(), st.sampled_from([1, 2, 4, 8, 16]))
def test_overlaps_of_two_triangles_equal_exact_arithmetic(seed, n):
    """Corners on a lattice: centres inside, on edges, on corners, shared and crossed edges.

    Two triangles fill more than a full turn around a point only if one has it strictly inside.
    """
    rng = np.random.default_rng(seed)
    UV = rng.integers(0, 17, (6, 2)) / 16
    F = np.array([[0, 1, 2], [3, 4, 5]])
    expected = np.zeros((n, n), dtype=bool)
    P = [[(Fraction(x), Fraction(y)) for x, y in UV[face].tolist()] for face in F]
    for row in range(n):
        for col in range(n):
            c = Fraction(2 * col + 1, 2 * n), Fraction(2 * row + 1, 2 * n)
            places = [_place(p, c) for p in P]
            expected[row, col] = min(places) >= 0 and max(places) > 0
    result = overlapped_texels(UV, F, (n, n))
    assert_array_equal(result, expected)


def _place(p: list[tuple[Fraction, Fraction]], c: tuple[Fraction, Fraction]) -> int:
    """Return 1 inside the triangle, 0 on its border, -1 outside or if it has no area."""
    turns = [area(a, b, c) for a, b in zip(p, [*p[1:], p[0]], strict=True)]
    whole = area(p[0], p[1], p[2])
    low = min(turn * whole for turn in turns)
    return -1 if whole == 0 or low < 0 else int(low > 0)


def test_charts_that_overlap_and_charts_that_touch():
    """Two squares side by side share an edge through centres; moved together they overlap."""
    V, F = grid(2, 2)
    left, right = V[:, :2] * (0.5, 1), V[:, :2] * (0.5, 1) + (0.5, 0)
    G = np.concatenate([F, F + len(V)])
    assert not overlapped_texels(np.concatenate([left, right]), G, (5, 5)).any()
    result = overlapped_texels(np.concatenate([left, right - (0.25, 0)]), G, (8, 8))
    expected = np.zeros((8, 8), dtype=bool)
    expected[:, 2:4] = True
    assert_array_equal(result, expected)
    # The lowest face wins there, all of them of the first chart.
    raster = rasterize_uv(np.concatenate([left, right - (0.25, 0)]), G, (8, 8))
    assert (raster.face_index[:, 2:4] < len(F)).all()


def seamed(seed: int = 0) -> tuple[Mesh, np.ndarray, np.ndarray]:
    """A disk whose faces lie in the plane in two charts; and the same, split at the seam."""
    V, F = disk(4)
    half = V[F].mean(axis=1)[:, 0] > 0.05
    corner = np.concatenate([V[:, :2] / 4 + (0.25, 0.5), V[:, :2] / 4 + (0.75, 0.5)])
    F_uv = np.where(half[:, None], F + len(V), F)
    used, F_uv = np.unique(F_uv, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(used))
    UV_corner, F_uv = corner[used][np.argsort(order)], order[F_uv.reshape(-1, 3)]
    vertex = np.zeros(len(used), dtype=np.int64)
    vertex[F_uv] = F
    return Mesh(V, F, UV_corner=UV_corner, F_uv=F_uv), UV_corner, vertex


def test_per_corner_coordinates_equal_a_mesh_split_at_its_seams():
    mesh, UV, vertex = seamed()
    raster = rasterize_mesh(mesh, (33, 40))
    assert (raster.face_index >= 0).sum() > 200
    split = rasterize_uv(UV, mesh.F_uv, (33, 40))
    assert_array_equal(raster.face_index, split.face_index)
    whole = geometry_image(mesh.V, mesh.F, raster)
    assert_allclose(whole, geometry_image(mesh.V[vertex], mesh.F_uv, split), atol=1e-15)


def test_corner_average_is_the_mean_over_a_vertex_s_coordinates():
    mesh, UV, vertex = seamed()
    A = corner_average(mesh.F, mesh.F_uv, len(mesh.V), len(UV))
    signal = np.random.default_rng(1).normal(size=len(UV))
    expected = [signal[vertex == i].mean() for i in range(len(mesh.V))]
    assert_allclose(A @ signal, expected, atol=1e-14)
    assert np.bincount(vertex).max() == 2  # the seam is in the test
    assert corner_average(mesh.F, mesh.F_uv, len(mesh.V) + 1, len(UV)).sum(axis=1)[-1] == 0


def test_a_mesh_per_vertex_is_rasterized_by_its_uv():
    V, F = grid(3, 3)
    raster = rasterize_mesh(Mesh(V, F, UV=V[:, :2].copy()), (4, 6))
    S = raster_matrix(F, raster, len(V))
    assert_allclose((S @ V)[:, 0].reshape(4, 6), np.tile((np.arange(6) + 0.5) / 6, (4, 1)))


def test_what_is_no_map_is_refused():
    V, F = grid(1, 1)
    with pytest.raises(MeshError, match="no texture coordinates"):
        rasterize_mesh(Mesh(V, F), (4, 4))
    with pytest.raises(MeshError, match=r"F is \(2, 3\) and F_uv \(1, 3\)"):
        corner_average(F, F[:1], 4, 4)
    with pytest.raises(MeshError, match="F_uv names row 3, but there are 3"):
        corner_average(F, F, 4, 3)
    with pytest.raises(ValueError, match="at least 1"):
        overlapped_texels(V[:, :2], F, (0, 3))
