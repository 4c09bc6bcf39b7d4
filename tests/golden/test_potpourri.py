"""The same quantities by libigl, robust_laplacian and potpourri3d, independent implementations."""

import igl
import numpy as np
import potpourri3d
import pytest
import robust_laplacian
from numpy.testing import assert_allclose

from meshkit.operators.differential import gradient
from meshkit.operators.geodesics import HeatGeodesics
from meshkit.operators.intrinsic import delaunay_laplacian, intrinsic_delaunay, intrinsic_mass
from meshkit.operators.mass import full_mass, voronoi_mass
from meshkit.operators.spectrum import eigenpairs
from tests import meshes


@pytest.fixture(params=["bumpy", "mask", "squeezed", "holed torus"])
def mesh(request) -> meshes.Arrays:
    make = {"mask": meshes.mask, "holed torus": meshes.torus_with_hole}
    V, F = make.get(request.param, meshes.bumpy)()
    # No four vertices on a circle, else the triangulation, and with it the mass, is not unique.
    V = V + np.random.default_rng(0).normal(scale=1e-3, size=V.shape)
    if request.param == "squeezed":  # most edges must flip, several times
        V *= [1, 0.05, 1]
    return V, F.copy()


def test_intrinsic_delaunay_laplacian_by_libigl(mesh):
    theirs = -igl.intrinsic_delaunay_cotmatrix(*mesh)[0].toarray()
    ours = delaunay_laplacian(*mesh, cover=False).toarray()
    assert_allclose(ours, theirs, atol=1e-9 * np.abs(theirs).max())
    assert_allclose(np.linalg.eigvalsh(ours), np.linalg.eigvalsh(theirs), atol=1e-9)


def test_intrinsic_delaunay_laplacian_and_mass_by_robust_laplacian(mesh):
    L, M = robust_laplacian.mesh_laplacian(*mesh, mollify_factor=0)
    ours = delaunay_laplacian(*mesh).toarray()
    assert_allclose(ours, L.toarray(), atol=1e-9 * L.max())
    mass = intrinsic_mass(intrinsic_delaunay(*mesh), len(mesh[0]))
    assert_allclose(mass, M.diagonal(), atol=1e-9 * M.max())


def test_masses(mesh):
    voronoi = igl.massmatrix(*mesh, igl.MASSMATRIX_TYPE_VORONOI).diagonal()
    assert_allclose(voronoi_mass(*mesh), voronoi, atol=1e-14)
    full = igl.massmatrix(*mesh, igl.MASSMATRIX_TYPE_FULL).toarray()
    assert_allclose(full_mass(*mesh).toarray(), full, atol=1e-14)


def test_gradient(mesh):
    theirs = igl.grad(*mesh).toarray()
    assert_allclose(gradient(*mesh).toarray(), theirs, atol=1e-11 * np.abs(theirs).max())


def test_eigenvalues_of_the_robust_laplacian():
    from scipy.linalg import eigh

    V, F = (x.copy() for x in meshes.mask())
    L, M = robust_laplacian.mesh_laplacian(V, F)
    expected = eigh(L.toarray(), M.toarray(), eigvals_only=True)[:10]
    assert_allclose(eigenpairs(L, M.diagonal(), 10).values, expected, atol=1e-8)


def test_heat_method(mesh):
    """Theirs also lengthens edges by 1e-5 of their mean, so that far is what they agree to."""
    V, F = mesh
    theirs = potpourri3d.MeshHeatMethodDistanceSolver(V, F)
    ours = HeatGeodesics(V, F)
    for source in (0, len(V) // 2):
        expected = theirs.compute_distance(source)
        assert_allclose(ours.distance(source), expected, atol=1e-3 * expected.max())
    sources = [0, len(V) // 2, len(V) - 1]
    # Theirs takes the mean of the sources as zero, ours the least value.
    difference = ours.distance(sources) - theirs.compute_distance_multisource(sources)
    assert np.ptp(difference) < 1e-3 * expected.max()


def test_exact_distances(mesh):
    """By libigl's exact polyhedral geodesics: the heat method errs by a share of an edge."""
    V, F = mesh
    none = np.zeros(0, dtype=np.int64)
    every = np.arange(len(V))
    exact = igl.exact_geodesic(V, F, np.array([0]), none, every, none)
    edge = np.linalg.norm(V[F] - V[np.roll(F, -1, axis=1)], axis=2).mean()
    assert np.abs(HeatGeodesics(V, F).distance(0) - exact).max() < 1.5 * edge
