"""Matrices between a mesh and a coarser one."""

import numpy as np
import pytest

from meshkit.operators.pooling import pool, pooling_levels, upsampling_matrix
from meshkit.primitives import grid, hemisphere


def test_down_undoes_up_and_kept_vertices_stay():
    V, F = hemisphere(8)
    level = pool(V, F, 50)
    np.testing.assert_array_equal((level.down @ level.up).toarray(), np.eye(50))
    np.testing.assert_array_equal(level.down @ V, V[level.kept])
    np.testing.assert_array_equal((level.up @ (level.down @ V))[level.kept], V[level.kept])


def test_linear_functions_survive_on_a_plane():
    """Fails for a wrong face, a wrong weight or a wrong order of corners."""
    V, F = grid(13, 9)
    V = np.asarray(V, dtype=float)
    level = pool(V, F, 12)
    signal = V @ np.random.default_rng(0).normal(size=(3, 4)) + 1
    np.testing.assert_allclose(level.up @ (level.down @ signal), signal, atol=1e-12)


def test_rows_are_convex_combinations_of_one_face():
    V, F = hemisphere(10)
    level = pool(V, F, 60)
    up = level.up
    assert (up.data > 0).all()
    np.testing.assert_allclose(up.sum(axis=1), 1, atol=1e-12)
    faces = {tuple(sorted(face)) for face in level.F.tolist()}
    for row in range(len(V)):
        corners = set(up.indices[up.indptr[row] : up.indptr[row + 1]].tolist())
        assert any(corners <= set(face) for face in faces)


def test_closest_points_are_closest():
    """Against a dense sampling of every face."""
    rng = np.random.default_rng(0)
    V, F = hemisphere(2)
    P = 1.5 * rng.normal(size=(20, 3))
    ours = np.linalg.norm(upsampling_matrix(P, V, F) @ V - P, axis=1)
    weights = rng.dirichlet(np.ones(3) / 2, size=4000)
    samples = np.einsum("sk,mkc->msc", weights, V[F]).reshape(-1, 3)
    sampled = np.linalg.norm(samples[None] - P[:, None], axis=2).min(axis=1)
    assert (ours <= sampled + 1e-12).all()
    np.testing.assert_allclose(ours, sampled, atol=0.03)


def test_levels_follow_each_other():
    V, F = hemisphere(10)
    sizes = [80, 20, 6]
    levels = pooling_levels(V, F, sizes)
    assert [level.down.shape for level in levels] == [(80, len(V)), (20, 80), (6, 20)]
    X = V
    for level in levels:
        X = level.down @ X
    np.testing.assert_array_equal(X, V[levels[0].kept[levels[1].kept[levels[2].kept]]])


def test_too_many_vertices_are_refused():
    V, F = hemisphere(2)
    with pytest.raises(ValueError, match="n_vertices must be from 3 to 19"):
        pool(V, F, 40)
