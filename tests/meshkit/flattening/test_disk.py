import numpy as np
import pytest

from meshkit.errors import MeshError, TopologyError
from meshkit.flattening.disk import disk_loops, outer_first
from meshkit.param import parameterize
from meshkit.primitives import grid
from meshkit.topology import boundary_loops
from tests import meshes


def two_parts() -> meshes.Arrays:
    V, F = grid(2, 2)
    return np.concatenate([V, V + 2]), np.concatenate([F, F + 9])


def pinched() -> meshes.Arrays:
    """Two disks over one inner vertex: no border touches itself, yet the vertex has two fans."""
    V, F = meshes.bumpy(3)
    below = np.where(F == 0, 0, F + len(V) - 1)[:, ::-1]
    joined = np.concatenate([V, V[1:] - [0, 0, 2]]), np.concatenate([F, below])
    return meshes.frozen(*joined)


def with_nan() -> meshes.Arrays:
    V, F = grid(2, 2)
    V[4, 1] = np.nan
    return V, F


BAD = {
    "closed": (meshes.TETRAHEDRON, TopologyError, "closed.*delete the faces"),
    "parts": (two_parts(), TopologyError, r"2 parts, of \[8, 8\] faces.*keep_component"),
    "bow tie": (meshes.BOW_TIE, TopologyError, "touches itself at vertex 0.*split_nonmanifold"),
    "pinched": (pinched(), TopologyError, "vertex 0 form more than one fan.*split_nonmanifold"),
    "handle": (meshes.torus_with_hole(), TopologyError, "1 loops and 1 handles.*cuts the handles"),
    "unused": ((np.ones((4, 3)), np.array([[0, 1, 3]])), MeshError, "vertex 2 belongs to no face"),
    "nan": (with_nan(), MeshError, "vertex 4 = .* is not finite"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_disk_is_named_with_its_remedy(name):
    (V, F), error, message = BAD[name]
    with pytest.raises(error, match=message):
        disk_loops(V, F)
    with pytest.raises(error, match=message):
        parameterize(V, F)


def test_a_disk_with_holes_has_its_loops():
    V, F = meshes.mask()
    ours = disk_loops(V, F)
    assert [loop.tolist() for loop in ours] == [loop.tolist() for loop in boundary_loops(F)]


def test_the_outer_loop_by_place_by_vertices_and_by_default():
    loops = [np.array([0, 1, 2]), np.array([3, 4, 5]), np.array([6, 7, 8])]
    first = [outer_first(loops, given)[0].tolist() for given in (None, 1, np.array([7, 8, 6]))]
    assert first == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert [loop[0] for loop in outer_first(loops, 2)] == [6, 0, 3]


@pytest.mark.parametrize("given", [3, -1])
def test_a_loop_that_does_not_exist_is_refused(given):
    with pytest.raises(ValueError, match=rf"loop {given} does not exist: the mesh has 3, from 0"):
        outer_first([np.array([0, 1, 2])] * 3, given)


def test_vertices_that_are_no_loop_are_refused():
    with pytest.raises(ValueError, match=r"2 vertices given are not a border loop; .* \[3\]"):
        outer_first([np.array([0, 1, 2])], np.array([0, 1]))
