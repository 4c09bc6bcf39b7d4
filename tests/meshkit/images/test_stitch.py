"""Grid meshes of closed images close; of open ones stay as they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.errors import MeshError
from meshkit.images.stitch import mesh_of_texels
from meshkit.topology import boundary_loops, components, euler_characteristic


def rounds(n: int, ends: bool) -> np.ndarray:
    """Angles from 0 to a full turn, the last the first again if `ends`."""
    return 2 * np.pi * np.arange(n) / (n - 1 if ends else n)


def cylinder(H: int, W: int) -> np.ndarray:
    a = rounds(W, True)
    z = np.arange(H)[:, None] * np.ones(W)
    return np.stack([np.cos(a) + 0 * z, np.sin(a) + 0 * z, z], axis=2)


def torus(H: int, W: int) -> np.ndarray:
    b, a = np.meshgrid(rounds(H, True), rounds(W, True), indexing="ij")
    r = 2 + np.cos(b)
    return np.stack([r * np.cos(a), r * np.sin(a), np.sin(b)], axis=2)


def sphere(H: int, W: int) -> np.ndarray:
    """Rows of latitude: the first and the last are one point each."""
    b, a = np.meshgrid(np.linspace(-np.pi / 2, np.pi / 2, H), rounds(W, True), indexing="ij")
    return np.stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)], axis=2)


SIDE = st.integers(4, 9)


@given(st.sampled_from([(cylinder, 0, 2), (torus, 0, 0), (sphere, 2, 0)]), SIDE, SIDE)
def test_stitched_images_have_the_surface_s_topology(shape, H, W):
    make, euler, loops = shape
    mesh = mesh_of_texels(make(H, W))
    assert euler_characteristic(mesh.F) == euler
    assert len(boundary_loops(mesh.F)) == loops  # raises on an edge with three faces
    assert components(mesh.F, len(mesh.V)).max() == 0
    assert len(mesh.V) == H * W - mesh.stitched
    if make is not sphere:  # whose poles drop a row of faces each
        assert len(mesh.F) == 2 * (H - 1) * (W - 1)


@given(SIDE, SIDE)
def test_faces_of_the_mesh_and_of_its_texture_show_the_same_texels(H, W):
    image = torus(H, W)
    mesh = mesh_of_texels(image)
    assert_allclose(mesh.V[mesh.F], image.reshape(-1, 3)[mesh.texel[mesh.F_uv]], atol=1e-5)
    row, col = np.divmod(mesh.texel, W)
    assert_allclose(mesh.UV_corner * (W, H), np.stack([col, row], axis=1) + 0.5)


def test_borders_that_do_not_meet_are_left_alone():
    image = torus(6, 7)[:-1, :-1]
    mesh = mesh_of_texels(image)
    assert mesh.stitched == 0
    assert len(boundary_loops(mesh.F)) == 1
    assert_array_equal(mesh.V, image.reshape(-1, 3))
    assert mesh_of_texels(torus(6, 7), stitch=False).stitched == 0
    gap = np.linalg.norm(image[0] - image[-1], axis=1).max()
    assert mesh_of_texels(image, tolerance=float(gap) * 1.01).stitched > 0


def test_the_inside_of_a_surface_that_touches_itself_is_not_stitched():
    """A figure of eight in the middle of the rows: equal texels, none of them on the border."""
    a = np.linspace(0, 2 * np.pi, 9)
    row = np.arange(5.0)[:, None] + 0 * a
    image = np.stack([np.sin(2 * a) + 0 * row, np.sin(a) + 0 * row, row], axis=2)
    mesh = mesh_of_texels(image)
    texel = np.arange(45).reshape(5, 9)
    middle = texel[1:-1, 4]
    owner = np.zeros(45, dtype=np.int64)
    owner[mesh.F_uv] = mesh.F  # every texel is in a face
    others = np.delete(owner, middle)
    assert not np.isin(owner[middle], others).any()
    assert mesh.stitched > 0  # the ends of the rows do meet


def test_faces_are_counterclockwise_and_only_inside():
    inside = np.ones((4, 5), dtype=bool)
    inside[0, 0] = False
    v, u = np.mgrid[:4, :5]
    mesh = mesh_of_texels(np.stack([u, v, 0 * u], axis=2).astype(float), inside)
    P = mesh.V[mesh.F]
    assert (np.cross(P[:, 1] - P[:, 0], P[:, 2] - P[:, 0])[:, 2] == 1).all()
    assert len(mesh.F) == 2 * 11
    assert 0 not in mesh.texel


def test_what_makes_no_grid_is_refused():
    image = torus(4, 5)
    with pytest.raises(MeshError, match="no 2 x 2 block of the 4 x 5 texels is inside"):
        mesh_of_texels(image, np.zeros((4, 5), dtype=bool))
    with pytest.raises(MeshError, match="all texels coincide"):
        mesh_of_texels(image[:2, :2] * 0)
    with pytest.raises(ValueError, match="tolerance must be at least 0"):
        mesh_of_texels(image, tolerance=-1.0)
