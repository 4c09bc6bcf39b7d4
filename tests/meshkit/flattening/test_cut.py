"""Cuts: a disk comes out, nothing but copies of vertices is new, and the disk can be flattened."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from meshkit.errors import TopologyError
from meshkit.flattening.cut import Cut, cut_to_disk, seam_uv
from meshkit.mesh import Mesh
from meshkit.param import parameterize
from meshkit.primitives import grid
from meshkit.repair import fill_holes, follow
from meshkit.topology import (
    boundary_loops,
    components,
    edges,
    euler_characteristic,
    nonmanifold_vertices,
)
from tests import meshes


def check_cut(V: np.ndarray, F: np.ndarray, cut: Cut) -> None:
    """Positions and faces are the old ones; what is on the border was there or is the seam."""
    assert_array_equal(cut.V, V[cut.vertex_map])
    assert_array_equal(cut.vertex_map[cut.F], F)
    assert_array_equal(cut.vertex_map[: len(V)], np.arange(len(V)))
    assert_array_equal(cut.face_map, np.arange(len(F)))
    assert nonmanifold_vertices(cut.F).size == 0

    def borders(F: np.ndarray) -> list[np.ndarray]:
        return [np.stack([loop, np.roll(loop, -1)], axis=1) for loop in boundary_loops(F)]

    new = np.concatenate([cut.vertex_map[border] for border in borders(cut.F)])
    wanted = np.concatenate([*borders(F), cut.seam, cut.seam[:, ::-1]])
    assert sorted(new.tolist()) == sorted(wanted.tolist())


def check_disk(cut: Cut) -> None:
    assert euler_characteristic(cut.F) == 1
    assert len(boundary_loops(cut.F)) == 1
    for boundary in ("square", "circle"):
        flat = parameterize(cut.V, cut.F, boundary=boundary)
        assert len(flat.flips) == len(flat.zero_area) == 0


CLOSED = {
    "tetrahedron": meshes.TETRAHEDRON,
    "sphere": meshes.sphere(),
    **{f"genus {genus}": meshes.pretzel(genus) for genus in range(4)},
    "fine genus 3": meshes.pretzel(3, 2),
}


@pytest.mark.parametrize("name", CLOSED)
def test_closed_surfaces_become_disks_that_can_be_flattened(name):
    V, F = CLOSED[name]
    cut = cut_to_disk(V, F)
    check_cut(V, F, cut)
    check_disk(cut)


def punctured(genus: int, rng: np.random.Generator, n_holes: int, size: int) -> meshes.Arrays:
    """Remove patches of faces that may touch, grow together and leave narrow bridges."""
    V, F = meshes.pretzel(genus)
    for centre in rng.choice(len(V), n_holes, replace=False):
        if len(left := F[(np.linalg.norm(V - V[centre], axis=1) > size)[F].any(axis=1)]):
            F = left
    return V, F


@settings(max_examples=40)
@given(meshes.seeds(), st.integers(0, 3), st.integers(1, 6), st.sampled_from([0.3, 0.8, 1.2]))
def test_bordered_surfaces_lose_their_handles(seed, genus, n_holes, size):
    """Whatever the holes leave of the handles, of one part: a disk, with holes that were there."""
    V, F = punctured(genus, np.random.default_rng(seed), n_holes, size)
    try:
        cut = cut_to_disk(V, F)
    except TopologyError:  # the holes touch, or part the surface
        assert nonmanifold_vertices(F).size or len(_parts(F)) > 1
        return
    check_cut(V, F, cut)
    loops = boundary_loops(cut.F)
    assert euler_characteristic(cut.F) == 2 - len(loops)
    flat = parameterize(*_used(cut.V, cut.F), boundary="circle")
    assert len(flat.flips) == len(flat.zero_area) == 0


def _parts(F: np.ndarray) -> set[int]:
    return set(components(F, int(F.max()) + 1)[F[:, 0]].tolist())


def _used(V: np.ndarray, F: np.ndarray) -> meshes.Arrays:
    used, place = np.unique(F, return_inverse=True)
    return V[used], place.reshape(F.shape)


def test_holes_stay_holes_where_there_is_room():
    V, F = meshes.pretzel(1, 2)
    F = np.delete(F, [0, 400, 700], axis=0)
    cut = cut_to_disk(V, F)
    check_cut(V, F, cut)
    assert [len(loop) for loop in boundary_loops(cut.F)[1:]] == [3, 3]
    filled = fill_holes(V, F)
    check_disk(cut_to_disk(filled.V, filled.F))


def test_where_there_is_no_room_the_seam_ends_in_holes():
    """A torus of which nine strips, one quad wide, are left: every vertex lies on a border."""
    rows, columns = 12, 15
    V, F = meshes.torus(rows, columns)
    row, column = np.divmod(np.arange(len(F)) % (rows * columns), columns)
    V, F = _used(V, F[(row % 4 == 0) | (column % 3 == 0)])
    assert len(np.unique(np.concatenate(boundary_loops(F)))) == len(V)
    cut = cut_to_disk(V, F)
    check_cut(V, F, cut)
    loops = len(boundary_loops(cut.F))
    assert loops < len(boundary_loops(F))
    assert euler_characteristic(cut.F) == 2 - loops


@pytest.mark.parametrize("mesh", [meshes.mask(), grid(3, 4)])
def test_a_disk_with_holes_is_left_alone(mesh):
    cut = cut_to_disk(*mesh)
    assert_array_equal(cut.F, mesh[1])
    assert (len(cut.seam), cut.length, len(cut.V)) == (0, 0.0, len(mesh[0]))


def test_the_seam_around_a_tube_is_as_short_as_the_tube_allows():
    """A torus of 12 × 30 quads, bent little: its shortest cut is once around and once along."""
    rows, columns = 12, 30
    V, F = meshes.torus(rows, columns)
    around = np.linalg.norm(V[::columns] - np.roll(V[::columns], 1, axis=0), axis=1).sum()
    inner = np.argmin(np.hypot(V[:, 0], V[:, 1])) // columns * columns + np.arange(columns)
    along = np.linalg.norm(V[inner] - V[np.roll(inner, 1)], axis=1).sum()
    assert cut_to_disk(V, F).length <= (1 + 1e-9) * (around + along)


def test_the_path_of_a_sphere_can_be_chosen():
    V, F = meshes.sphere()
    top, side, bottom = (int((V @ np.array(axis)).argmax()) for axis in np.eye(3) * [1, 1, -1])
    cut = cut_to_disk(V, F, through=[top, side, bottom])
    check_cut(V, F, cut)
    check_disk(cut)
    ends, uses = np.unique(cut.seam, return_counts=True)
    assert set(ends[uses == 1]) == {top, bottom}
    assert side in ends


def test_neighbours_are_joined_the_long_way():
    V, F = meshes.sphere()
    i, j = edges(F)[0].tolist()
    check_disk(cut_to_disk(V, F, through=[i, j]))


def test_the_map_comes_back_to_the_uncut_mesh():
    V, F = meshes.pretzel(2)
    cut = cut_to_disk(V, F)
    UV = parameterize(cut.V, cut.F).UV
    mesh = seam_uv(Mesh(V, F, UV=np.zeros((len(V), 2))), cut, UV)
    assert mesh.UV is None
    assert_array_equal(mesh.V, V)
    assert_array_equal(mesh.F, F)
    assert_array_equal(mesh.UV_corner[mesh.F_uv], UV[cut.F])
    colors = np.random.default_rng(0).uniform(size=(len(V), 3))
    assert_array_equal(follow(Mesh(V, F, colors=colors), cut.repair).colors, colors[cut.vertex_map])
    disk = grid(2, 2)
    flat = seam_uv(Mesh(*disk), cut_to_disk(*disk), disk[0][:, :2])
    assert_array_equal(flat.UV, disk[0][:, :2])
    assert flat.F_uv is None


def two_spheres() -> meshes.Arrays:
    V, F = meshes.TETRAHEDRON
    return np.concatenate([V, V + 5]), np.concatenate([F, F + 4])


def one_turned() -> meshes.Arrays:
    V, F = meshes.TETRAHEDRON
    return V, np.concatenate([F[:1, ::-1], F[1:]])


@pytest.mark.parametrize(
    ("mesh", "says"),
    [
        (two_spheres(), r"2 parts, of \[4, 4\] faces: take one, .*keep_component"),
        (one_turned(), "same direction: one is inverted .*orient_faces turns it"),
        (meshes.FAN_OF_PAGES, "belongs to 3 faces .*split_nonmanifold"),
        (meshes.BOW_TIE, "split_nonmanifold"),
    ],
)
def test_what_cannot_be_cut_names_its_remedy(mesh, says):
    with pytest.raises(TopologyError, match=says):
        cut_to_disk(*mesh)


@pytest.mark.parametrize(
    ("mesh", "through", "says"),
    [
        (meshes.sphere(), [3], "two or more different vertices"),
        (meshes.sphere(), [3, 3], "two or more different vertices"),
        (meshes.sphere(), [3, 9999], "two or more different vertices"),
        (meshes.pretzel(1), [3, 30], "without handles; this one has 1: leave it out"),
        (grid(2, 2), [4, 0], "passes no vertex of a border after that"),
        (grid(2, 2), [0], "needs a vertex off the border"),
    ],
)
def test_paths_that_do_not_fit(mesh, through, says):
    with pytest.raises(ValueError, match=says):
        cut_to_disk(*mesh, through=through)


def test_a_path_that_walls_itself_in():
    """All around the pole, over to the other one, and then back to the first."""
    V, F = meshes.sphere()
    turned = np.concatenate([F, np.roll(F, 1, axis=1), np.roll(F, 2, axis=1)])
    ring = {a: b for pole, a, b in turned.tolist() if pole == 0}
    walk = [min(ring)]
    while len(walk) < len(ring):
        walk.append(ring[walk[-1]])
    far = int(V[:, 2].argmin())
    with pytest.raises(ValueError, match=r"no path from vertex .* to 0 without crossing"):
        cut_to_disk(V, F, through=[*walk, far, 0])
