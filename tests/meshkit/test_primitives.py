import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.param import flipped_faces, zero_area_faces
from meshkit.primitives import disk, grid, hemisphere, pretzel
from meshkit.topology import (
    boundary_loop,
    boundary_loops,
    count_parts,
    euler_characteristic,
    nonmanifold_vertices,
)


@pytest.mark.parametrize(
    ("mesh", "vertices", "faces", "border", "area"),
    [
        (grid(1, 1), 4, 2, 4, 1),
        (grid(3, 5), 24, 30, 16, 1),
        (disk(1), 7, 6, 6, 1.5 * np.sqrt(3)),
        (disk(5), 91, 150, 30, 15 * np.sin(np.pi / 15)),
        (hemisphere(5), 91, 150, 30, 15 * np.sin(np.pi / 15)),  # of its shadow
    ],
)
def test_disks_seen_from_above(mesh, vertices, faces, border, area):
    V, F = mesh
    assert (len(V), len(F), len(boundary_loop(F))) == (vertices, faces, border)
    assert euler_characteristic(F) == count_parts(F, len(V)) == 1
    assert nonmanifold_vertices(F).size == 0
    flat = V[:, :2].copy()
    assert flipped_faces(flat, F).size == zero_area_faces(flat, F).size == 0
    a, b, c = flat[F].swapaxes(0, 1)
    u, v = b - a, c - a
    assert_allclose((u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum() / 2, area)


def test_a_grid_counts_along_x_first():
    V, _ = grid(2, 4)
    assert_array_equal(V[1 * 5 + 3], [0.75, 0.5, 0])


def test_a_hemisphere_lies_on_the_sphere_from_pole_to_equator():
    V, F = hemisphere(6)
    assert_allclose(np.linalg.norm(V, axis=1), 1)
    assert_array_equal(V[0], [0, 0, 1])
    assert_allclose(V[boundary_loop(F), 2], 0, atol=1e-15)
    assert (V[:, 2] > -1e-15).all()


@pytest.mark.parametrize("make", [lambda: grid(0, 1), lambda: grid(1, 0), lambda: disk(0)])
def test_nothing_is_refused(make):
    with pytest.raises(ValueError, match="at least one"):
        make()


@pytest.mark.parametrize("genus", range(4))
@pytest.mark.parametrize("fineness", [1, 3])
def test_pretzels_are_closed_and_have_their_handles(genus, fineness):
    V, F = pretzel(genus, fineness)
    assert boundary_loops(F) == []
    assert nonmanifold_vertices(F).size == 0
    assert (euler_characteristic(F), count_parts(F, len(V))) == (2 - 2 * genus, 1)
    volume = np.linalg.det(V[F]).sum() / 6
    assert volume > 0, "the faces look inwards"


def test_no_pretzel():
    with pytest.raises(ValueError, match="got -1 and 2"):
        pretzel(-1, 2)
