import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit import raster as module
from meshkit.errors import MeshError
from meshkit.param import parameterize
from meshkit.primitives import disk, grid
from meshkit.raster import UVRaster, raster_matrix, rasterize_uv, touched_vertices, vertices_seen
from tests import meshes
from tests.reference import raster as slow

SIZES = st.integers(1, 24)


def centres(H: int, W: int) -> np.ndarray:
    u, v = np.meshgrid((np.arange(W) + 0.5) / W, (np.arange(H) + 0.5) / H)
    return np.stack([u, v], axis=-1)


@st.composite
def lattice_soups(draw: st.DrawFn) -> meshes.Arrays:
    """Faces with corners on a coarse lattice: ties, overlaps, flips, faces without area, borders.

    Some corners lie outside the unit square.
    """
    rng = np.random.default_rng(draw(meshes.seeds()))
    n = draw(st.integers(3, 12))
    UV = rng.integers(-4, 21, (n, 2)) / 16
    corners = [rng.permutation(n)[:3] for _ in range(draw(st.integers(1, 10)))]
    return UV, np.array(corners)


@settings(max_examples=200)
@given(lattice_soups(), st.sampled_from([1, 2, 4, 8, 16]), st.sampled_from([1, 2, 4, 8, 16]))
def test_ties_go_to_the_lowest_face_as_in_exact_arithmetic(mesh, H, W):
    """Powers of two: every centre, and every tie, is exact in floating point."""
    face_index, bary = rasterize_uv(*mesh, (H, W))
    expected, weights = slow.rasterize(*mesh, H, W)
    assert_array_equal(face_index, expected)
    assert_allclose(bary, weights, atol=1e-14)


@given(meshes.disks(max_points=30), st.integers(1, 9), st.integers(1, 9))
def test_faces_and_weights_equal_those_of_exact_arithmetic(mesh, H, W):
    UV, F = mesh[0][:, :2], mesh[1]
    face_index, bary = rasterize_uv(UV, F, (H, W))
    expected, weights = slow.rasterize(UV, F, H, W)
    # A centre within rounding of an edge may go to either face: nearer than 1e-12 to weight zero.
    clear = (weights.min(axis=-1) > 1e-12) | (expected < 0)
    assert_array_equal(face_index[clear], expected[clear])
    assert_allclose(bary[clear], weights[clear], atol=1e-9)  # thin faces are ill-conditioned


@given(meshes.disks(), SIZES, SIZES)
def test_interpolated_uv_is_the_pixel_centre(mesh, H, W):
    """Fails for a wrong face, a wrong weight, a swapped axis, a flip or a half-pixel shift."""
    UV, F = mesh[0][:, :2], mesh[1]
    face_index, bary = rasterize_uv(UV, F, (H, W))
    inside = face_index >= 0
    seen = np.einsum("pk,pkc->pc", bary[inside], UV[F[face_index[inside]]])
    assert_allclose(seen, centres(H, W)[inside], atol=1e-13)
    assert (bary >= 0).all()
    assert (bary <= 1).all()
    assert_allclose(bary.sum(axis=-1), inside, atol=1e-15)


@st.composite
def covers(draw: st.DrawFn) -> meshes.Arrays:
    """Maps that cover the unit square, with edges that run through centres or nearly so."""
    rng = np.random.default_rng(draw(meshes.seeds()))
    rows, columns = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    V, F = grid(rows, columns)
    UV = V[:, :2].copy()
    inner = ((UV > 0) & (UV < 1)).all(axis=1)
    kind = draw(st.sampled_from(["even", "ulp", "thin", "moved"]))
    if kind == "ulp":
        UV[inner] = np.nextafter(UV[inner], rng.integers(0, 2, (inner.sum(), 2)))
    elif kind == "moved":
        UV[inner] += rng.uniform(-0.24, 0.24, (inner.sum(), 2)) / (columns, rows)
    elif kind == "thin":  # columns of faces narrower than rounding around u = 1/2
        x = UV[:, 0]
        UV[:, 0] = np.where((x > 0) & (x < 1), 0.5 + (x - 0.5) * 1e-15, x)
    return UV, F[rng.permutation(len(F))]


@settings(max_examples=300)
@given(covers(), SIZES, SIZES)
@example((grid(3, 3)[0][:, :2], grid(3, 3)[1]), 21, 9)
def test_no_pixel_is_empty_where_the_mesh_covers_the_square(mesh, H, W):
    UV, F = mesh
    face_index, bary = rasterize_uv(UV, F, (H, W))
    assert (face_index >= 0).all()
    seen = np.einsum("pk,pkc->pc", bary.reshape(-1, 3), UV[F[face_index.ravel()]])
    assert_allclose(seen.reshape(H, W, 2), centres(H, W), atol=1e-13)


@pytest.mark.parametrize("weights", ["cotan", "uniform"])
def test_no_pixel_is_empty_in_a_harmonic_map(weights):
    p = parameterize(*meshes.mask(), fill_holes=True, weights=weights)
    for size in ((64, 64), (37, 101), (256, 128)):
        assert (rasterize_uv(p.UV, p.F, size).face_index >= 0).all()


def test_row_0_is_v_0_and_columns_run_with_u():
    """Two faces over a square, cut from (0, 0) to (1, 1)."""
    UV = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    F = np.array([[0, 2, 3], [0, 1, 2]])
    face_index, _ = rasterize_uv(UV, F, (2, 3))
    # Centres u = 1/6, 1/2, 5/6 in the columns, v = 1/4, 3/4 in the rows.
    assert_array_equal(face_index, [[0, 1, 1], [0, 0, 1]])


def test_a_point_of_a_face_takes_the_pixel_whose_centre_it_is():
    UV = np.array([[0.5, 0.5], [0.6, 0.5], [0.5, 0.6]])
    face_index, bary = rasterize_uv(UV, np.array([[2, 0, 1]]), (3, 3))
    assert_array_equal(np.argwhere(face_index == 0), [[1, 1]])
    assert_array_equal(bary[1, 1], [0, 1, 0])


def test_faces_without_area_are_skipped_and_flipped_ones_drawn():
    UV = np.array([[0, 0], [1, 1], [0.5, 0.5], [1, 0]])
    F = np.array([[0, 1, 2], [0, 1, 3]])
    face_index, _ = rasterize_uv(UV, F, (4, 4))
    assert_array_equal(face_index, np.where(np.triu(np.ones((4, 4))) > 0, 1, -1))


def test_a_face_as_thin_as_rounding_is_drawn_and_one_without_area_is_not():
    """Two corners on centres of the diagonal, the third beside it by one rounding, or on it."""
    F = np.array([[0, 1, 2]])
    for v, drawn in ((0.5, 0), (np.nextafter(0.5, 1), 4), (np.nextafter(0.5, 0), 4)):
        UV = np.array([[0.125, 0.125], [0.875, 0.875], [0.5, v]])
        raster = rasterize_uv(UV, F, (4, 4))
        assert (np.diagonal(raster.face_index) == 0).sum() == drawn
        assert (raster.face_index == 0).sum() == drawn


def test_a_mesh_outside_the_square_touches_no_pixel():
    UV = np.array([[2, 2], [3, 2], [2, 1e300]])
    assert (rasterize_uv(UV, np.array([[0, 1, 2]]), (8, 8)).face_index == -1).all()


@given(meshes.disks(), st.integers(1, 50), SIZES, SIZES)
def test_chunks_change_nothing(mesh, chunk, H, W):
    UV, F = mesh[0][:, :2], mesh[1]
    whole = rasterize_uv(UV, F, (H, W))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        pieces = rasterize_uv(UV, F, (H, W))
    assert_array_equal(pieces.face_index, whole.face_index)
    assert_array_equal(pieces.bary, whole.bary)


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (-1, 4)])
def test_resolutions_below_one_are_refused(size):
    with pytest.raises(ValueError, match=r"at least 1, got \("):
        rasterize_uv(*_square(), size)


def _square() -> meshes.Arrays:
    V, F = grid(1, 1)
    return V[:, :2].copy(), F


def test_nan_is_refused():
    UV, F = _square()
    UV[2, 1] = np.nan
    with pytest.raises(MeshError, match="vertex 2"):
        rasterize_uv(UV, F, (4, 4))


@given(meshes.disks(), SIZES, SIZES, meshes.seeds())
def test_the_matrix_interpolates_face_by_face(mesh, H, W, seed):
    V, F = mesh
    image = rasterize_uv(V[:, :2], F, (H, W))
    signal = np.random.default_rng(seed).normal(size=(len(V), 2))
    S = raster_matrix(F, image, len(V))
    inside = image.face_index >= 0
    expected = np.zeros((H, W, 2))
    for row, col in np.argwhere(inside):
        expected[row, col] = image.bary[row, col] @ signal[F[image.face_index[row, col]]]
    assert_allclose((S @ signal).reshape(H, W, 2), expected, atol=1e-14)
    assert_array_equal(np.diff(S.indptr), 3 * inside.ravel())
    assert S.has_canonical_format


def test_the_matrix_refuses_a_raster_of_another_mesh():
    UV, F = _square()
    image = rasterize_uv(UV, F, (4, 4))
    with pytest.raises(MeshError, match="names face 1, but F has 1"):
        raster_matrix(F[:1], image, 4)
    with pytest.raises(MeshError, match="names vertex 3, n_vertices is 3"):
        raster_matrix(F, image, 3)


def test_vertices_seen_are_those_with_weight():
    V, F = disk(1)
    UV = V[:, :2] / 2 + 0.5
    assert vertices_seen(F, rasterize_uv(UV, F, (1, 1)), 7) == 1 / 7  # the centre alone
    assert vertices_seen(F, rasterize_uv(UV, F, (64, 64)), 7) == 1
    assert vertices_seen(F, rasterize_uv(UV, F, (64, 64)), 14) == 1 / 2
    nothing = UVRaster(np.full((2, 2), -1), np.zeros((2, 2, 3)))
    assert vertices_seen(F, nothing, 7) == 0


def test_a_vertex_is_touched_by_a_positive_weight_only():
    """Texel centres on an edge give the far vertex the weight 0, which is no touch."""
    V = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    F = np.array([[0, 1, 2], [1, 3, 2]])
    raster = rasterize_uv(V, F, (1, 1))  # the only centre lies on the diagonal 1-2
    np.testing.assert_array_equal(touched_vertices(F, raster, 4), [False, True, True, False])
