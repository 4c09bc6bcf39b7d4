import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.images.supersample import averaged_matrix, supersampled_matrix
from meshkit.images.visibility import visibility
from meshkit.primitives import disk, grid
from meshkit.raster import raster_matrix, rasterize_uv
from tests import meshes

SIZES = st.integers(1, 9)


@settings(max_examples=50)
@given(meshes.disks(), SIZES, SIZES, st.integers(1, 4), meshes.seeds())
def test_a_texel_is_the_mean_of_its_samples_on_the_mesh(mesh, H, W, k, seed):
    V, F = mesh
    UV = V[:, :2] * 0.8  # some texels are covered in part
    signal = np.random.default_rng(seed).normal(size=(len(V), 2))
    fine = rasterize_uv(UV, F, (H * k, W * k))
    samples = raster_matrix(F, fine, len(V)) @ signal
    blocks = samples.reshape(H, k, W, k, 2).swapaxes(1, 2).reshape(H * W, k * k, 2)
    on = (fine.face_index >= 0).reshape(H, k, W, k).swapaxes(1, 2).reshape(H * W, k * k)
    S = supersampled_matrix(UV, F, (H, W), k)
    for texel in range(H * W):
        expected = blocks[texel][on[texel]].mean(axis=0) if on[texel].any() else np.zeros(2)
        assert_allclose((S @ signal)[texel], expected, atol=1e-13)
    assert_allclose(S.sum(axis=1), on.any(axis=1), atol=1e-14)
    assert (S.data >= 0).all()
    assert S.has_canonical_format


def test_one_sample_is_the_plain_matrix():
    V, F = disk(3)
    UV = V[:, :2] / 2 + 0.5
    S = supersampled_matrix(UV, F, (5, 7), 1)
    plain = raster_matrix(F, rasterize_uv(UV, F, (5, 7)), len(V))
    assert_array_equal(S.toarray(), plain.toarray())


def test_all_vertices_take_part_when_k_is_large_enough():
    """8,281 vertices in 16 × 16 texels."""
    V, F = grid(90, 90)
    share = [
        visibility(supersampled_matrix(V[:, :2], F, (16, 16), k), F).share for k in (1, 2, 4, 8, 16)
    ]
    assert share == sorted(share)
    assert share[0] < 0.1
    assert share[-1] == 1


def test_the_mean_over_a_texel_of_a_linear_signal_is_its_value_at_the_centre():
    V, F = grid(7, 7)
    S = supersampled_matrix(V[:, :2].copy(), F, (4, 6), 5)
    centre = rasterize_uv(V[:, :2].copy(), F, (4, 6))
    assert_allclose(S @ V, raster_matrix(F, centre, len(V)) @ V, atol=1e-14)


def test_bad_sample_counts_are_refused():
    V, F = grid(2, 2)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        supersampled_matrix(V[:, :2].copy(), F, (4, 4), 0)
    with pytest.raises(ValueError, match="8 × 9 has no blocks of 2 × 2"):
        averaged_matrix(F, rasterize_uv(V[:, :2].copy(), F, (8, 9)), len(V), 2)
    with pytest.raises(ValueError, match=r"at least 1, got \(0, 4\)"):
        supersampled_matrix(V[:, :2].copy(), F, (0, 4), 2)
