import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.geometry_image import geometry_image
from meshkit.images.visibility import advised_size, visibility
from meshkit.primitives import disk, grid
from meshkit.raster import raster_matrix, rasterize_uv


def test_the_weight_is_the_gradient_of_the_sum_of_the_image():
    V, F = disk(7)
    UV = V[:, :2] / 2 + 0.5
    raster = rasterize_uv(UV, F, (9, 9))
    result = visibility(raster_matrix(F, raster, len(V)), F)
    for i in range(0, len(V), 7):
        one = np.zeros((len(V), 1))
        one[i] = 1
        assert result.weight[i] == pytest.approx(geometry_image(one, F, raster).sum(), abs=1e-14)
    assert result.weight.sum() == pytest.approx((raster.face_index >= 0).sum())
    assert_array_equal(result.seen, result.weight > 0)
    assert 0 < result.share < 1
    assert result.share == result.seen.mean()


def test_vertices_without_a_face_do_not_count():
    V, F = grid(1, 1)
    S = raster_matrix(F, rasterize_uv(V[:, :2].copy(), F, (8, 8)), 6)
    result = visibility(S, F)
    assert_array_equal(result.seen, [True] * 4 + [False] * 2)
    assert result.share == 1


def test_the_advised_size_is_the_first_that_suffices():
    """On a grid of n × n quads a vertex is seen if a centre falls into one of its faces."""
    V, F = grid(20, 20)
    UV = V[:, :2].copy()
    size = advised_size(UV, F)
    shares = {
        n: visibility(raster_matrix(F, rasterize_uv(UV, F, (n, n)), len(V)), F).share
        for n in (8, 16, 32, 64)
    }
    assert size == min(n for n, share in shares.items() if share >= 0.99)
    assert advised_size(UV, F, share=0.5) == min(n for n, share in shares.items() if share >= 0.5)


def test_the_advised_size_counts_vertices_not_coordinates():
    """Two charts of the same faces: a vertex is seen if either shows it."""
    V, F = grid(6, 6)
    UV = V[:, :2]
    both = np.concatenate([UV * (0.9, 1), UV * (0.05, 0.05) + (0.95, 0)])
    twice, corners = np.concatenate([F, F]), np.concatenate([F, F + len(V)])
    alone = advised_size(both, corners)
    together = advised_size(both, corners, F=twice)
    assert together == advised_size(UV * (0.9, 1), F)
    assert alone > together


def test_a_vertex_that_no_texel_can_show_leaves_no_size():
    V, F = grid(2, 2)
    UV = V[:, :2].copy()
    UV[4] = UV[1]  # four faces lose their area; vertex 4 keeps some
    UV[F[(F == 4).any(axis=1)]] = 0.5
    assert advised_size(UV, F, share=1.0, largest=64) is None


@pytest.mark.parametrize("share", [0.0, 1.1, -1.0, float("nan")])
def test_bad_shares_are_refused(share):
    V, F = grid(1, 1)
    with pytest.raises(ValueError, match=r"share must be in \(0, 1\]"):
        advised_size(V[:, :2].copy(), F, share=share)


def test_shares_add_up():
    V, F = grid(3, 3)
    S = raster_matrix(F, rasterize_uv(V[:, :2].copy(), F, (5, 5)), len(V))
    assert_allclose(visibility(S, F).weight, S.toarray().sum(axis=0), atol=1e-14)
