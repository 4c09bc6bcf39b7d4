"""How pictures vary that a judge learns from: mirrored, moved, blurred."""

import numpy as np
import pytest
from hypothesis import given

from gan.evaluation.embedding.augmentation import mirror_normals, shift_pictures, vary
from gan.evaluation.embedding.normal_maps import as_input, draw_normal_maps
from meshkit.primitives import hemisphere
from tests.meshes import seeds


def off_by_more_than(a, b, levels):
    """The share of pixels that differ by more than some levels."""
    return (abs(a.astype(int) - b.astype(int)).max(axis=-1) > levels).mean()


def test_a_mirrored_mesh_gives_the_mirrored_picture():
    V, F = hemisphere(9)
    rng = np.random.default_rng(0)
    bumpy = V + 0.05 * np.sin(3 * V[:, [1, 2, 0]] + rng.normal(size=3))
    X = np.stack([V, bumpy])
    there = draw_normal_maps(X, F, V, 64)
    # Mirrored, a triangle turns round: two corners are swapped, or it would be seen from behind.
    back = draw_normal_maps(X * [-1, 1, 1], F[:, [0, 2, 1]], V, 64)
    # On the outline a pixel is hit or missed.
    assert off_by_more_than(mirror_normals(there), back, 1) < 0.01
    assert off_by_more_than(there[1:], back[1:], 1) > 0.3
    background = ~there.any(axis=-1)
    assert not mirror_normals(there)[background[:, :, ::-1]].any()


def test_a_symmetric_mesh_is_its_own_mirror_picture():
    V, F = hemisphere(16)
    picture = draw_normal_maps(V[None], F, V, 64)
    assert off_by_more_than(mirror_normals(picture), picture, 4) < 0.01


@given(seeds())
def test_shifts_against_loops(seed):
    rng = np.random.default_rng(seed)
    maps = rng.integers(1, 255, (3, 6, 6, 3), dtype=np.uint8)
    by = rng.integers(-2, 3, (3, 2))
    found = shift_pictures(maps, by)
    for k, i, j in np.ndindex(3, 6, 6):
        a, b = i - by[k, 0], j - by[k, 1]
        wanted = maps[k, a, b] if 0 <= a < 6 and 0 <= b < 6 else 0
        assert (found[k, i, j] == wanted).all()


def test_half_of_the_pictures_are_mirrored_and_half_blurred():
    picture = np.random.default_rng(0).integers(1, 255, (1, 5, 5, 3), dtype=np.uint8)
    maps = np.repeat(picture, 2000, axis=0)
    mirrored = mirror_normals(picture)
    for mirror in (True, False):
        seen = vary(maps, mirror=mirror, shift=0, rng=np.random.default_rng(3)).numpy()
        plain, flipped = as_input(picture).numpy(), as_input(mirrored).numpy()
        share = [(seen == wanted).all(axis=(1, 2, 3)).mean() for wanted in (plain, flipped)]
        # A quarter each is as it was, or mirrored, without blur; standard error 0.01.
        np.testing.assert_allclose(share, [0.25, 0.25] if mirror else [0.5, 0.0], atol=0.04)
    moved = vary(maps, mirror=False, shift=1, rng=np.random.default_rng(3)).numpy()
    still = (moved == as_input(picture).numpy()).all(axis=(1, 2, 3)).mean()
    assert still == pytest.approx(0.5 / 9, abs=0.02)  # one of nine moves is none
