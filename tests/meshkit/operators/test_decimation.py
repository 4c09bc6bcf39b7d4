"""Decimation to a subset of the vertices."""

import numpy as np
import pytest

from meshkit.errors import MeshError, TopologyError
from meshkit.operators.decimation import decimate
from meshkit.primitives import grid, hemisphere
from meshkit.topology import boundary_loops, count_parts, euler_characteristic, nonmanifold_vertices


def normals(V: np.ndarray, F: np.ndarray) -> np.ndarray:
    P = V[F]
    return np.cross(P[:, 1] - P[:, 0], P[:, 2] - P[:, 0])


@pytest.fixture
def holed() -> tuple[np.ndarray, np.ndarray]:
    """A bumpy sheet with two holes."""
    V, F = grid(24, 20)
    V = V.astype(float).copy()
    V[:, 2] = 0.1 * np.sin(7 * V[:, 0]) * np.cos(5 * V[:, 1])
    centre = V[F].mean(axis=1)[:, :2]
    span = V[:, :2].min(axis=0) + np.array([[0.3, 0.5], [0.7, 0.4]]) * np.ptp(V[:, :2], axis=0)
    near = np.linalg.norm(centre[:, None] - span, axis=2).min(axis=1)
    F = F[near > 0.12 * np.ptp(V[:, 0])]
    used = np.unique(F)
    return V[used], np.searchsorted(used, F)


@pytest.mark.parametrize("share", [2, 4, 10])
def test_what_is_left_is_the_same_surface_with_fewer_vertices(holed, share):
    V, F = holed
    n = len(V) // share
    kept, coarse = decimate(V, F, n)
    assert len(kept) == n
    assert (np.diff(kept) > 0).all()
    np.testing.assert_array_equal(np.unique(coarse), np.arange(n))
    assert len(boundary_loops(coarse)) == len(boundary_loops(F)) == 3
    assert euler_characteristic(coarse) == euler_characteristic(F)
    assert count_parts(coarse, n) == 1
    assert len(nonmanifold_vertices(coarse)) == 0
    assert (normals(V[kept], coarse)[:, 2] > 0).all()  # nothing is turned over


def test_a_plane_stays_the_plane_and_its_corners_stay():
    V, F = grid(9, 7)
    V = np.asarray(V, dtype=float)
    kept, coarse = decimate(V, F, 4)
    low, high = V[:, :2].min(axis=0), V[:, :2].max(axis=0)
    at_corner = np.isin(V[kept][:, 0], [low[0], high[0]]) & np.isin(
        V[kept][:, 1], [low[1], high[1]]
    )
    assert at_corner.all()
    assert len(coarse) == 2


def test_flat_parts_go_before_a_peak():
    V, F = grid(11, 11)
    V = np.asarray(V, dtype=float).copy()
    peak = int(np.linalg.norm(V[:, :2] - V[:, :2].mean(axis=0), axis=1).argmin())
    V[peak, 2] = 0.5
    kept, _ = decimate(V, F, 12)
    assert peak in kept


def test_nothing_to_remove_changes_nothing():
    V, F = hemisphere(4)
    kept, coarse = decimate(V, F, len(V))
    np.testing.assert_array_equal(kept, np.arange(len(V)))
    np.testing.assert_array_equal(coarse, F)


def test_scale_does_not_matter(holed):
    V, F = holed
    first, second = decimate(V, F, 100), decimate(1024 * V, F, 100)
    np.testing.assert_array_equal(first.kept, second.kept)


def test_a_part_does_not_vanish():
    """Two sheets: each stays, at the least as a triangle or two."""
    V, F = grid(5, 5)
    both = np.concatenate([V, V + np.array([9, 0, 0])]), np.concatenate([F, F + len(V)])
    kept, coarse = decimate(*both, 8)
    assert count_parts(coarse, len(kept)) == 2
    with pytest.raises(MeshError, match="no edge can be collapsed any more with 1 vertices"):
        decimate(*both, 5)


def test_refusals():
    V, F = hemisphere(2)
    with pytest.raises(ValueError, match="n_vertices must be from 3 to 19, got 20"):
        decimate(V, F, 20)
    fins = np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4]])
    with pytest.raises(TopologyError, match=r"edge \(0, 1\) has more than two faces"):
        decimate(np.random.default_rng(0).normal(size=(5, 3)), fins, 4)
