import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from meshkit.errors import SolveError
from meshkit.flattening.polygon import fill_polygon
from meshkit.param import flipped_faces, zero_area_faces
from tests import meshes
from tests.reference.topology import half_edges


def check(UV: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Demand a triangulation: positive faces, polygon edges once, diagonals twice."""
    F = fill_polygon(UV, polygon)
    assert len(F) == len(polygon) - 2
    assert flipped_faces(UV, F).size == zero_area_faces(UV, F).size == 0
    border = set(zip(polygon.tolist(), np.roll(polygon, -1).tolist(), strict=True))
    directed = half_edges(F)
    assert len(set(directed)) == len(directed)
    assert {(i, j) for i, j in directed if (j, i) not in set(directed)} == border
    return F


@st.composite
def star_polygons(draw: st.DrawFn) -> np.ndarray:
    """Star-shaped, simple; spiky, with points on a coarse lattice so that many are collinear."""
    rng = np.random.default_rng(draw(meshes.seeds()))
    k = draw(st.integers(3, 60))
    low = 0.05 if k > 3 else 0.3  # so that the centre is inside: no angle over half a turn
    angle = 2 * np.pi * (np.arange(k) + rng.uniform(low, 1 - low, k)) / k
    radius = rng.uniform(draw(st.sampled_from([0.01, 0.5, 1.0])), 1, k)
    return 0.5 + 0.5 * radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@given(star_polygons(), meshes.seeds())
def test_star_polygons(P, seed):
    order = np.random.default_rng(seed).permutation(len(P) + 5)[: len(P)]
    UV = np.full((len(P) + 5, 2), 9.0)
    UV[order] = P
    check(UV, order)


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1e-3))
def test_combs_with_straight_sides(teeth, straight, gap):
    """Many vertices on one line, and teeth that all but touch."""
    tooth = ((0, 1), (0.5 - gap, 0.001), (0.5, 1))
    top = [[x + shift, y] for x in range(teeth) for shift, y in tooth]
    bottom = [[x, 0] for x in np.linspace(0, teeth, straight + 1)]
    P = np.array(bottom + top[::-1], dtype=float)
    check(P, np.arange(len(P)))


def test_three_corners_are_their_own_triangulation():
    UV = np.array([[0.2, 0.1], [0.9, 0.3], [0.4, 0.8]])
    assert fill_polygon(UV, np.array([2, 0, 1])).tolist() in ([[2, 0, 1]], [[0, 1, 2]], [[1, 2, 0]])
    with pytest.raises(SolveError, match="hole of 3 vertices at vertex 2"):
        fill_polygon(UV, np.array([2, 1, 0]))


def test_a_slit_of_the_width_of_rounding():
    """Closed lips: two rows of vertices one rounding apart."""
    x = np.linspace(0, 1, 38)
    lower = np.stack([x, 0.3 * x], axis=1)
    upper = lower[1:-1].copy()
    upper[:, 1] = np.nextafter(np.nextafter(upper[:, 1], 1), 1)
    P = np.concatenate([lower, upper[::-1]])
    check(P, np.arange(len(P)))


@given(meshes.seeds(), st.integers(4, 40))
def test_a_convex_polygon_becomes_its_delaunay_triangulation(seed, k):
    angle = np.sort(np.random.default_rng(seed).uniform(0, 2 * np.pi, k))
    if np.diff(angle, append=angle[0] + 2 * np.pi).min() < 1e-3:
        return
    # An ellipse, so that no four points are on one circle.
    P = np.stack([np.cos(angle), 0.6 * np.sin(angle)], axis=1)
    ours = {frozenset(f) for f in check(P, np.arange(k)).tolist()}
    assert ours == {frozenset(f) for f in Delaunay(P).simplices.tolist()}


@pytest.mark.parametrize(
    "P",
    [
        [[0, 0], [1, 1], [1, 0], [0, 1]],  # crosses itself
        [[0, 0], [0, 1], [1, 1], [1, 0]],  # clockwise
        [[0, 0], [1, 0], [2, 0], [3, 0]],  # all on one line
    ],
)
def test_what_is_no_polygon_is_refused(P):
    with pytest.raises(SolveError, match="hole of 4 vertices at vertex 3 is not a simple polygon"):
        fill_polygon(np.array(P, dtype=float)[::-1].copy(), np.array([3, 2, 1, 0]))
