import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.flattening.holes import add_centres, close_holes, sew_hole, with_fans
from meshkit.laplacian import mean_value_laplacian, uniform_laplacian
from meshkit.param import flipped_faces
from meshkit.primitives import disk, grid
from meshkit.topology import boundary_loops, edges, euler_characteristic, nonmanifold_vertices
from tests import meshes

HEXAGON = meshes.cut_hole(*disk(4), np.arange(61) == 0)


@pytest.mark.parametrize("scale", [1e-9, 1, 1e9])
def test_a_flat_convex_hole_gets_the_triangles_of_least_edges(scale):
    V, F = HEXAGON[0] * scale, HEXAGON[1]
    hole = boundary_loops(F)[1]
    fill = sew_hole(V, F, hole)
    assert fill is not None
    assert flipped_faces(V[:, :2].copy(), fill).size == 0
    assert euler_characteristic(np.concatenate([F, fill])) == 1
    # Three short diagonals, none through the middle.
    inner = {tuple(e) for e in edges(fill).tolist()} - {tuple(e) for e in edges(F).tolist()}
    lengths = [np.linalg.norm(V[i] - V[j]) for i, j in inner]
    assert_allclose(lengths, scale * np.sqrt(3) / 4)


def test_a_slit_is_sewn_lip_to_lip():
    V, F = meshes.mask(24)
    mouth = max(boundary_loops(F)[1:], key=lambda loop: np.ptp(V[loop, 0]))
    fill = sew_hole(V, F, mouth)
    assert fill is not None
    P = V[fill]
    length = np.linalg.norm(P - np.roll(P, 1, axis=1), axis=2).max()
    assert length < 0.5 * np.ptp(V[mouth, 0])


@given(meshes.hard_disks())
def test_closed_disks_are_manifold_and_repeat_no_edge(mesh):
    V, F = mesh
    outer, *holes = boundary_loops(F)
    disk_ = close_holes(V, F, holes)
    closed = with_fans(disk_, len(V))
    assert_array_equal(closed[: len(F)], F)
    assert_array_equal(boundary_loops(closed)[0], outer)
    assert len(boundary_loops(closed)) == 1
    assert euler_characteristic(closed) == 1
    assert nonmanifold_vertices(closed).size == 0


@pytest.mark.parametrize("longest", [3, 512])
def test_holes_that_are_too_long_get_a_centre(monkeypatch, longest):
    monkeypatch.setattr("meshkit.flattening.holes.MAX_HOLE", longest)
    V, F = HEXAGON
    outer, hole = boundary_loops(F)
    closed = close_holes(V, F, [hole])
    assert len(closed.centred) == (longest < 6)
    both = with_fans(closed, len(V))
    assert len(both) - len(F) == (6 if longest < 6 else 4)
    assert_array_equal(boundary_loops(both)[0], outer)
    assert len(boundary_loops(both)) == 1


def test_several_centres_are_vertices_of_their_own(monkeypatch):
    monkeypatch.setattr("meshkit.flattening.holes.MAX_HOLE", 3)
    V, F = meshes.mask()
    outer, *holes = boundary_loops(F)
    closed = close_holes(V, F, holes)
    both = with_fans(closed, len(V))
    assert len(closed.centred) == 3
    assert sorted(np.unique(both[len(F) :])[-3:]) == [len(V), len(V) + 1, len(V) + 2]
    assert [loop.tolist() for loop in boundary_loops(both)] == [outer.tolist()]


def test_a_hole_whose_diagonals_all_exist_gets_a_centre():
    """A square hole, both of whose diagonals the mesh has as edges around the outside."""
    quad = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]], dtype=float)
    V = np.concatenate([quad, 2 * quad, [[0, 0, 5], [0, 0, -5]]])
    F = np.array([[0, 1, 4], [1, 2, 4], [2, 0, 4], [2, 3, 5], [3, 0, 5], [0, 2, 5], [1, 3, 6]])
    hole = np.array([0, 3, 2, 1])
    assert sew_hole(V, F, hole) is None


def test_holes_on_one_line_get_a_centre():
    V, F = HEXAGON
    V = V * [1, 0, 0]
    assert sew_hole(V, F, boundary_loops(F)[1]) is None


@given(meshes.seeds(), st.integers(1, 3))
def test_a_centre_is_a_vertex_joined_to_its_border(seed, n_holes):
    """With uniform weights, the Laplacian of the mesh with a fan over each hole."""
    V, F = grid(7, 7)
    centres = np.random.default_rng(seed).permutation([18, 21, 45])[:n_holes]
    V, F = meshes.cut_hole(V, F, np.isin(np.arange(64), centres))
    holes = boundary_loops(F)[1:]
    assert len(holes) == n_holes
    fans = [
        [hole[(k + 1) % len(hole)], hole[k], len(V) + h]
        for h, hole in enumerate(holes)
        for k in range(len(hole))
    ]
    more = np.concatenate([V, np.zeros((n_holes, 3))])
    expected = uniform_laplacian(more, np.concatenate([F, np.array(fans)]))
    ours = add_centres(uniform_laplacian(V, F), holes)
    assert_array_equal(ours.toarray(), expected.toarray())


def test_spokes_weigh_as_much_as_the_mean_edge():
    V, F = HEXAGON
    hole = boundary_loops(F)[1]
    L = mean_value_laplacian(V, F)
    ours = add_centres(L, [hole]).toarray()
    neighbours = (L.toarray()[hole] < 0).sum(axis=1)
    mean = L.diagonal()[hole] / neighbours
    assert_allclose(-ours[hole, len(V)], mean)
    assert_allclose(-ours[len(V), hole], mean)
    assert_allclose(ours.sum(axis=1), 0, atol=1e-12)
