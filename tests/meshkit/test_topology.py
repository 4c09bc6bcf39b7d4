import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from meshkit.errors import MeshError, TopologyError
from meshkit.primitives import disk, grid, hemisphere
from meshkit.topology import (
    boundary_loop,
    boundary_loops,
    components,
    count_parts,
    edge_table,
    edges,
    euler_characteristic,
    loop_lengths,
    misoriented_edges,
    nonmanifold_edges,
    nonmanifold_vertices,
    unreferenced_vertices,
)
from tests import meshes
from tests.reference import topology as slow


@st.composite
def soups(draw: st.DrawFn) -> np.ndarray:
    """Any faces at all, over few vertices, so that everything that can go wrong does."""
    m = draw(st.integers(1, 12))
    corners = st.integers(0, draw(st.integers(2, 9)))
    F = draw(arrays(np.int64, (m, 3), elements=corners))
    distinct = (np.roll(F, 1, axis=1) != F).all(axis=1)
    return F[distinct] if distinct.any() else np.array([[0, 1, 2]])


def as_set(E: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(pair) for pair in E.tolist()}


@given(soups())
def test_edges_and_their_faces_equal_those_of_a_dictionary(F):
    table, expected = edge_table(F), slow.edge_faces(F)
    assert table.E.tolist() == sorted(sorted(edge) for edge in expected)
    for e, edge in enumerate(table.E.tolist()):
        here = table.half_edge[table.start[e] : table.start[e] + table.uses[e]]
        assert (here // 3).tolist() == expected[frozenset(edge)]
        assert all(set(F.ravel()[[h, h // 3 * 3 + (h + 1) % 3]]) == set(edge) for h in here)
        assert table.forward[e] == slow.half_edges(F).count(tuple(edge))


@given(soups())
def test_offenders_against_manifoldness_equal_those_of_a_slow_count(F):
    directed, faces = slow.half_edges(F), slow.edge_faces(F)
    assert as_set(nonmanifold_edges(F)) == {edge for edge in faces if len(faces[edge]) > 2}
    assert as_set(misoriented_edges(F)) == {
        edge for edge in faces if len(faces[edge]) == 2 and directed.count(tuple(edge)) != 1
    }
    assert nonmanifold_vertices(F).tolist() == [i for i in np.unique(F) if slow.fans(F, i) > 1]


@given(soups(), st.integers(0, 4))
def test_components_are_the_parts_in_the_order_of_their_first_vertices(F, extra):
    n = int(F.max()) + 1 + extra
    label = components(F, n)
    expected = sorted(slow.parts(F, n), key=min)
    assert [set(np.flatnonzero(label == k).tolist()) for k in range(len(expected))] == expected
    assert count_parts(F, n) == len(expected)


@given(soups(), meshes.seeds())
def test_vertices_in_no_face_change_nothing_but_the_numbers(F, seed):
    """Wherever they stand between the others, and behind them."""
    skipped = np.random.default_rng(seed).integers(0, 3, int(F.max()) + 1)
    new = np.arange(len(skipped)) + np.cumsum(skipped)
    n = int(new[-1]) + 3
    for function in (edges, nonmanifold_edges, misoriented_edges, nonmanifold_vertices):
        np.testing.assert_array_equal(function(new[F]), new[function(F)])
    assert euler_characteristic(new[F]) == euler_characteristic(F)
    assert loop_lengths(new[F]) == loop_lengths(F)
    assert set(unreferenced_vertices(new[F], n)) == set(range(n)) - set(new[F].ravel())
    used = set(F.ravel().tolist())
    parts = [part for part in slow.parts(F, len(new)) if used & part]
    assert count_parts(new[F], n) == len(parts) + n - len(used)


@given(meshes.hard_disks(), st.integers(1, 5))
def test_loops_pass_over_vertices_in_no_face(mesh, first):
    new = first + 2 * np.arange(len(mesh[0]))
    for loop, expected in zip(boundary_loops(new[mesh[1]]), boundary_loops(mesh[1]), strict=True):
        np.testing.assert_array_equal(loop, new[expected])


@given(meshes.hard_disks())
def test_loops_of_a_disk_use_each_border_half_edge_once(mesh):
    F = mesh[1]
    directed = set(slow.half_edges(F))
    walked = [
        pair
        for loop in boundary_loops(F)
        for pair in zip(loop.tolist(), np.roll(loop, -1).tolist(), strict=True)
    ]
    assert len(set(walked)) == len(walked)
    assert set(walked) == {(i, j) for i, j in directed if (j, i) not in directed}


def test_loops_come_longest_first_and_start_at_their_smallest_vertex():
    V, F = meshes.mask()
    loops = boundary_loops(F)
    lengths = [len(loop) for loop in loops]
    assert lengths == sorted(lengths, reverse=True)
    assert len(loops) == 4
    assert all(loop[0] == loop.min() for loop in loops)
    outer = V[loops[0], :2]
    turned = np.roll(outer, -1, axis=0)
    # The surface is on the left: the outer border runs counter-clockwise.
    assert (outer[:, 0] * turned[:, 1] - outer[:, 1] * turned[:, 0]).sum() > 0


@pytest.mark.parametrize(
    ("F", "chi"),
    [
        (meshes.RIGHT_TRIANGLE[1], 1),
        (meshes.TETRAHEDRON[1], 2),
        (meshes.mask()[1], -2),
        (meshes.torus_with_hole()[1], -1),
        (grid(4, 3)[1] + 7, 1),  # unused vertices do not count
        (disk(3)[1], 1),
        (hemisphere(5)[1], 1),
    ],
)
def test_euler_characteristic(F, chi):
    assert euler_characteristic(F) == chi


def test_a_closed_mesh_has_no_loops():
    assert boundary_loops(meshes.TETRAHEDRON[1]) == []


def test_the_loop_of_a_disk():
    np.testing.assert_array_equal(boundary_loop(grid(1, 1)[1]), [0, 1, 3, 2])


def test_more_loops_than_one_are_counted_in_the_error():
    with pytest.raises(TopologyError, match=r"expected one boundary loop, found 4 of lengths \["):
        boundary_loop(meshes.mask()[1])
    with pytest.raises(TopologyError, match="found 0"):
        boundary_loop(meshes.TETRAHEDRON[1])


def test_an_edge_of_three_faces_is_named_with_them():
    with pytest.raises(TopologyError, match=r"edge \(0, 1\) belongs to 3 faces \[0, 1, 2\]"):
        boundary_loops(meshes.FAN_OF_PAGES[1])


def test_an_inverted_face_is_named():
    F = grid(1, 1)[1].copy()
    F[1] = F[1, ::-1]
    with pytest.raises(TopologyError, match=r"faces 0 and 1 run along edge \(0, 3\) in the same"):
        boundary_loops(F)


def test_a_border_that_touches_itself_is_named():
    with pytest.raises(TopologyError, match="touches itself at vertex 0"):
        boundary_loops(meshes.BOW_TIE[1])
    assert nonmanifold_vertices(meshes.BOW_TIE[1]).tolist() == [0]


def test_two_cones_tip_to_tip_are_non_manifold_though_every_edge_is_fine():
    _, F = meshes.TETRAHEDRON
    other = np.where(F == 0, 0, F + 3)
    F = np.concatenate([F, other])
    assert len(nonmanifold_edges(F)) == 0
    assert nonmanifold_vertices(F).tolist() == [0]


def test_components_refuses_a_face_beyond_the_vertices():
    with pytest.raises(MeshError, match="names vertex 2, but there are 2 vertices only"):
        components(meshes.RIGHT_TRIANGLE[1], 2)


def test_unreferenced_vertices_are_listed():
    assert unreferenced_vertices(meshes.RIGHT_TRIANGLE[1] + 1, 6).tolist() == [0, 4, 5]


def test_edges_of_a_mesh_whose_keys_overflow_32_bits():
    F = np.array([[0, 70_000, 70_001]], dtype=np.int32)
    assert edges(F).tolist() == [[0, 70_000], [0, 70_001], [70_000, 70_001]]
