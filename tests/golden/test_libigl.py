"""The same quantities by libigl, an independent implementation."""

import igl
import numpy as np
import pytest
from numpy.testing import assert_allclose

from meshkit.distortion import distortion
from meshkit.laplacian import cotangent_laplacian, lumped_mass, uniform_laplacian
from meshkit.param import circle_boundary, harmonic_uv, square_boundary
from meshkit.topology import (
    boundary_loop,
    boundary_loops,
    components,
    edges,
    euler_characteristic,
    nonmanifold_vertices,
)
from tests import meshes


@pytest.fixture(params=["bumpy", "mask", "flat"])
def mesh(request) -> meshes.Arrays:
    if request.param == "flat":
        V, F = meshes.bumpy()
        return meshes.frozen(V * [1, 1, 0], F)
    return {"bumpy": meshes.bumpy, "mask": meshes.mask}[request.param]()


def test_cotangent_laplacian(mesh):
    V, F = mesh
    assert_allclose(cotangent_laplacian(V, F).toarray(), -igl.cotmatrix(V, F).toarray(), atol=1e-10)


def test_cotangent_laplacian_2d():
    V, F = meshes.bumpy()
    flat = V[:, :2].copy()
    theirs = -igl.cotmatrix(flat, F).toarray()
    assert_allclose(cotangent_laplacian(flat, F).toarray(), theirs, atol=1e-10)


def test_lumped_mass(mesh):
    theirs = igl.massmatrix(*mesh, igl.MASSMATRIX_TYPE_BARYCENTRIC).diagonal()
    assert_allclose(lumped_mass(*mesh), theirs, atol=1e-12)


def test_uniform_laplacian(mesh):
    adjacency = igl.adjacency_matrix(mesh[1]).toarray()
    degree = np.diag(adjacency.sum(axis=1))
    np.testing.assert_array_equal(uniform_laplacian(*mesh).toarray(), degree - adjacency)


def test_harmonic_uv(mesh):
    V, F = mesh
    loop = boundary_loops(F)[0]
    for border in (circle_boundary(V, loop), square_boundary(V, loop)):
        theirs = igl.harmonic(V, F, loop, border, 1)
        assert_allclose(harmonic_uv(V, F, loop, border), theirs, atol=1e-10)


def test_circle_is_by_arc_length():
    V, F = meshes.bumpy()
    loop = boundary_loop(F)
    ours = (circle_boundary(V, loop) - 0.5) * 2
    theirs = igl.map_vertices_to_circle(V, loop)
    # Theirs starts at angle 0, ours is turned by the pose: compare the steps.
    steps = [np.angle(np.roll(z, -1) / z) for z in (ours @ [1, 1j], theirs @ [1, 1j])]
    assert_allclose(steps[0], steps[1], atol=1e-12)


def test_boundary_loop():
    _, F = meshes.bumpy()
    ours, theirs = boundary_loop(F), igl.boundary_loop(F)
    start = int(np.flatnonzero(theirs == ours[0])[0])
    np.testing.assert_array_equal(ours, np.roll(theirs, -start))


def test_all_boundary_loops():
    _, F = meshes.mask()
    theirs = {frozenset(loop) for loop in igl.boundary_loop_all(F)}
    assert {frozenset(loop.tolist()) for loop in boundary_loops(F)} == theirs


def test_edges_and_euler_characteristic(mesh):
    _, F = mesh
    np.testing.assert_array_equal(edges(F), np.unique(np.sort(igl.edges(F), axis=1), axis=0))
    assert euler_characteristic(F) == igl.euler_characteristic(F)


def test_components():
    _, F = meshes.bumpy(4)
    n = int(F.max()) + 1
    both = np.concatenate([F, F + n])
    theirs = igl.vertex_components(both)
    np.testing.assert_array_equal(components(both, 2 * n), np.asarray(theirs).ravel())


def test_nonmanifold_vertices():
    for F in (meshes.BOW_TIE[1], meshes.mask()[1]):
        theirs = np.flatnonzero(~igl.is_vertex_manifold(F))
        np.testing.assert_array_equal(nonmanifold_vertices(F), theirs)


def test_area_distortion():
    V, F = meshes.bumpy()
    loop = boundary_loop(F)
    UV = harmonic_uv(V, F, loop, circle_boundary(V, loop))
    flat, surface = (np.abs(igl.doublearea(X, F)) for X in (UV, V))
    expected = (flat / flat.sum()) / (surface / surface.sum())
    assert_allclose(distortion(V, F, UV).area, expected, rtol=1e-10)
