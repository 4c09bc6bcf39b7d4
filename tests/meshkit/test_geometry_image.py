import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.errors import MeshError
from meshkit.geometry_image import (
    geometry_image,
    mesh_from_image,
    round_trip_error,
    sampling_matrix,
)
from meshkit.param import parameterize
from meshkit.primitives import disk, grid
from meshkit.raster import rasterize_uv
from tests import meshes

SIZES = st.integers(1, 24)


@given(meshes.disks(), SIZES, SIZES)
def test_the_image_of_uv_is_the_pixel_centre(mesh, H, W):
    UV, F = mesh[0][:, :2], mesh[1]
    image = rasterize_uv(UV, F, (H, W))
    seen = geometry_image(UV, F, image)
    row, col = np.nonzero(image.face_index >= 0)
    centre = np.stack([(col + 0.5) / W, (row + 0.5) / H], axis=1)
    assert_allclose(seen[row, col], centre, atol=1e-13)
    assert_array_equal(seen[image.face_index < 0], 0)


@given(meshes.seeds(), st.integers(2, 24), st.integers(2, 24))
def test_sampling_a_linear_image_is_exact_between_the_outermost_centres(seed, H, W):
    """Fails for a half-pixel shift, a swapped axis, a flip, or weights that do not sum to 1."""
    rng = np.random.default_rng(seed)
    half = 0.5 / np.array([W, H])
    UV = half + rng.uniform(size=(40, 2)) * (1 - 2 * half)
    u, v = np.meshgrid((np.arange(W) + 0.5) / W, (np.arange(H) + 0.5) / H)
    image = np.stack([u, v, 2 * u - 3 * v + 1], axis=-1)
    expected = np.stack([UV[:, 0], UV[:, 1], 2 * UV[:, 0] - 3 * UV[:, 1] + 1], axis=1)
    assert_allclose(mesh_from_image(image, UV), expected, atol=1e-13)


@given(meshes.seeds(), SIZES, SIZES)
def test_sampling_at_the_centres_returns_the_image(seed, H, W):
    image = np.random.default_rng(seed).normal(size=(H, W, 2))
    u, v = np.meshgrid((np.arange(W) + 0.5) / W, (np.arange(H) + 0.5) / H)
    UV = np.stack([u.ravel(), v.ravel()], axis=1)
    assert_allclose(mesh_from_image(image, UV).reshape(H, W, 2), image, atol=1e-12)


def test_outside_the_outermost_centres_coordinates_are_clamped():
    image = np.arange(6.0).reshape(2, 3, 1)
    UV = np.array([[-1, -1], [0, 0], [1, 0], [0, 1], [1, 1], [9, 0.25]])
    assert_array_equal(mesh_from_image(image, UV)[:, 0], [0, 0, 2, 3, 5, 2])


@given(meshes.seeds(), SIZES, SIZES)
def test_sampling_weights_are_convex(seed, H, W):
    UV = np.random.default_rng(seed).uniform(-0.2, 1.2, (30, 2))
    A = sampling_matrix(UV, (H, W))
    assert A.shape == (30, H * W)
    assert (A.data > 0).all()
    assert np.diff(A.indptr).max() <= 4
    assert_allclose(A.sum(axis=1), 1, atol=1e-14)


def test_round_trip_error_falls_with_the_square_of_the_pixel_size_inside():
    V, F = grid(150, 150)
    UV = V[:, :2].copy()
    surface = np.stack([UV[:, 0], UV[:, 1], np.sin(5 * UV[:, 0]) * np.cos(4 * UV[:, 1])], axis=1)
    inside = (np.abs(UV - 0.5) < 0.45).all(axis=1)
    errors = []
    for n in (16, 32, 64):
        image = geometry_image(surface, F, rasterize_uv(UV, F, (n, n)))
        errors.append(np.abs(mesh_from_image(image, UV) - surface)[inside].max())
    assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.25)


def test_a_face_survives_the_round_trip():
    V, F = meshes.mask(24)
    p = parameterize(V, F, fill_holes=True)
    image = geometry_image(V, p.F, rasterize_uv(p.UV, p.F, (256, 256)))
    error = np.linalg.norm(mesh_from_image(image, p.UV) - V, axis=1)
    edge = np.linalg.norm(V[F[:, 0]] - V[F[:, 1]], axis=1).mean()
    assert np.median(error) < 0.05 * edge


@given(meshes.seeds(), SIZES, SIZES)
def test_sampling_reads_only_pixels_inside(seed, H, W):
    """What lies outside could be anything; each row still sums to 1."""
    rng = np.random.default_rng(seed)
    inside = rng.uniform(size=(H, W)) < 0.3
    inside[rng.integers(H), rng.integers(W)] = True
    UV = rng.uniform(-0.1, 1.1, (30, 2))
    A = sampling_matrix(UV, (H, W), inside=inside)
    assert_allclose(A.sum(axis=1), 1, atol=1e-14)
    assert (A.data > 0).all()
    assert inside.ravel()[A.indices].all()
    image = rng.normal(size=(H, W, 2))
    full = mesh_from_image(image, UV, inside=np.ones((H, W), dtype=bool))
    assert_array_equal(full, mesh_from_image(image, UV))
    rows, columns = np.nonzero(inside)
    at = (UV[:, ::-1] * (H, W) - 0.5).clip(0, (H - 1, W - 1))
    distance = np.linalg.norm(at[:, None] - np.stack([rows, columns], axis=1), axis=2)
    alone = np.abs(at[:, None] - np.stack([rows, columns], axis=1)).max(axis=2).min(axis=1) >= 1
    read = distance[alone, np.searchsorted(rows * W + columns, A[alone].indices)]
    assert_allclose(read, distance[alone].min(axis=1), atol=1e-12)
    # Where all four pixels are inside nothing changes.
    whole = sampling_matrix(UV, (H, W))
    kept = whole @ (~inside).ravel().astype(float) == 0
    assert_allclose(A.toarray()[kept], whole.toarray()[kept], atol=1e-14)


def test_where_no_pixel_is_inside_the_nearest_is_read():
    inside = np.zeros((4, 5), dtype=bool)
    inside[0, 0] = inside[3, 4] = True
    image = np.arange(20.0).reshape(4, 5, 1)
    UV = np.array([[0.3, 0.3], [0.7, 0.7], [0.0, 0.0]])
    assert_array_equal(mesh_from_image(image, UV, inside=inside)[:, 0], [0, 19, 0])


def test_between_two_strips_a_vertex_lands_on_one_of_them():
    """Their mean is no point of the surface."""
    inside = np.zeros((6, 8), dtype=bool)
    inside[:, :2] = inside[:, 5:] = True
    image = np.where(np.arange(8) < 4, 1.0, 3.0) * np.ones((6, 1))
    UV = np.array([[(2.9 + 0.5) / 8, 0.4], [(3.1 + 0.5) / 8, 0.4], [(3.9 + 0.5) / 8, 0.9]])
    assert_array_equal(mesh_from_image(image[..., None], UV, inside=inside)[:, 0], [1, 3, 3])
    A = sampling_matrix(UV, (6, 8), inside=inside)
    assert_array_equal(A.indices % 8, [1, 5, 5])


def test_the_round_trip_is_reported_per_vertex():
    V, F = meshes.mask(16)
    p = parameterize(V, F)  # the holes stay open: their rims read no background
    raster = rasterize_uv(p.UV, p.F, (128, 128))
    assert (raster.face_index < 0).any()
    image, inside = geometry_image(V, p.F, raster), raster.face_index >= 0
    back, error = round_trip_error(V, p.F, image, p.UV, inside=inside)
    assert_allclose(error, np.linalg.norm(back - V, axis=1))
    again = mesh_from_image(image, p.UV, inside=inside)
    assert_allclose(back, again, atol=1e-14)
    bleeding = np.linalg.norm(mesh_from_image(image, p.UV) - V, axis=1)
    assert error.max() < 0.2 * bleeding.max()
    raster = rasterize_uv(p.UV, p.F, (512, 512))
    image, inside = geometry_image(V, p.F, raster), raster.face_index >= 0
    finer = round_trip_error(V, p.F, image, p.UV, inside=inside).error
    assert finer.mean() < 0.4 * error.mean()  # the border dominates: by the texel size


def test_the_round_trip_over_a_seam_is_the_mean_of_both_sides():
    V, F = grid(8, 8)
    right = V[F].mean(axis=1)[:, 0] > 0.5
    UV = np.concatenate([V[:, :2] * (0.8, 1), V[:, :2] * (0.8, 1) + (0.2, 0)])
    UV[~np.isin(np.arange(len(UV)), np.where(right[:, None], F + len(V), F))] = np.nan
    UV_corner = np.where(np.isnan(UV), 7, UV)  # rows that no face uses may hold anything
    F_uv = np.where(right[:, None], F + len(V), F)
    raster = rasterize_uv(UV_corner, F_uv, (40, 50))
    padded = np.concatenate([V, [[9, 9, 9]]])
    image = geometry_image(padded, F, raster)
    back, error = round_trip_error(
        padded, F, image, UV_corner, F_uv=F_uv, inside=raster.face_index >= 0
    )
    assert np.isnan(error[-1])  # a vertex in no face
    inner = (np.abs(V[:, :2] - 0.5) < 0.49).all(axis=1)
    seam = inner & (V[:, 0] == 0.5)
    assert seam.any()
    assert_allclose(error[:-1][inner & ~seam], 0, atol=1e-12)
    # Each side is off by its half texel, in opposite directions.
    assert_allclose(back[:-1][seam], V[seam], atol=1e-12)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match=r"inside must mark pixels of \(4, 4\), got 0 \(4, 4\)"):
        sampling_matrix(np.zeros((1, 2)), (4, 4), inside=np.zeros((4, 4), dtype=bool))
    with pytest.raises(ValueError, match=r"got 9 \(3, 3\)"):
        sampling_matrix(np.zeros((1, 2)), (4, 4), inside=np.ones((3, 3), dtype=bool))
    UV = disk(1)[0][:, :2].copy()
    with pytest.raises(ValueError, match=r"at least 1, got \(0, 4\)"):
        sampling_matrix(UV, (0, 4))
    UV[3, 1] = np.nan
    with pytest.raises(MeshError, match="UV of vertex 3"):
        sampling_matrix(UV, (4, 4))
