import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation

import meshkit.operators.edge_flips
from meshkit.errors import DegenerateFaceError, SolveError, TopologyError
from meshkit.laplacian import cotangent_laplacian, lumped_mass
from meshkit.operators.intrinsic import (
    IntrinsicTriangulation,
    delaunay_laplacian,
    intrinsic_delaunay,
    intrinsic_mass,
)
from meshkit.topology import boundary_loop
from tests import meshes

# Two faces along the long diagonal of a kite: the angles facing it sum to far more than 180°.
KITE = meshes.frozen([[-2, 0, 0], [0, -0.5, 0], [2, 0, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])


def off_diagonal(L) -> np.ndarray:
    return L.toarray()[~np.eye(L.shape[0], dtype=bool)]


def check_gluing(surface: IntrinsicTriangulation) -> None:
    """Twins name each other, join the same two vertices and are equally long; metrics agree."""
    twin, tail = surface.twin.ravel(), surface.F.ravel()
    head, length = np.roll(surface.F, -1, axis=1).ravel(), surface.length.ravel()
    inside = np.flatnonzero(twin >= 0)
    np.testing.assert_array_equal(twin[twin[inside]], inside)
    np.testing.assert_array_equal(tail[inside], head[twin[inside]])
    assert_allclose(length[inside], length[twin[inside]], rtol=1e-9)
    dot, square = surface.dot, surface.length**2
    assert_allclose(dot + np.roll(dot, -1, axis=1), square, atol=1e-9 * square.max())
    cyclic = sum(dot[:, k] * dot[:, (k + 1) % 3] for k in range(3))
    assert_allclose(surface.double_area**2, cyclic, atol=1e-9 * square.max() ** 2)


def test_one_flip_by_hand():
    surface = intrinsic_delaunay(*KITE, cover=False)
    assert surface.flips == 1
    assert sorted(map(sorted, surface.F.tolist())) == [[0, 1, 3], [1, 2, 3]]
    assert_allclose(np.sort(surface.double_area), [3, 3], rtol=1e-14)
    check_gluing(surface)


def test_a_bent_quad_flips_in_its_surface():
    """Fold the kite along its diagonal: lengths in the surface stay, and so does the flip."""
    V, F = KITE
    folded = np.where(V[:, 1:2] > 0, V[:, [0, 2, 1]], V)
    flat, bent = (intrinsic_delaunay(X, F, cover=False) for X in (V, folded))
    np.testing.assert_array_equal(flat.F, bent.F)
    assert_allclose(bent.length, flat.length, rtol=1e-14)


@given(meshes.disks(), st.sampled_from([1.0, 0.3, 0.01]))
def test_no_weight_is_negative_and_the_surface_stays(mesh, squeeze):
    V, F = mesh[0] * [1, squeeze, 1], mesh[1]
    surface = intrinsic_delaunay(V, F)
    check_gluing(surface)
    assert_allclose(surface.double_area.sum() / surface.sheets, 2 * lumped_mass(V, F).sum())
    L = delaunay_laplacian(V, F)
    assert (off_diagonal(L) <= 0).all()
    np.testing.assert_array_equal(L.toarray(), L.T.toarray())
    largest = L.diagonal().max()
    assert_allclose(L.sum(axis=1), 0, atol=1e-12 * largest)
    assert np.linalg.eigvalsh(L.toarray())[0] >= -1e-10 * largest


@given(meshes.seeds())
def test_in_the_plane_it_is_the_delaunay_triangulation(seed):
    """Any triangulation of a convex set of points ends as scipy's (Qhull's)."""
    rng = np.random.default_rng(seed)
    P = np.concatenate([[[0, 0], [1, 0], [1, 1], [0, 1]], rng.uniform(0.02, 0.98, (20, 2))])
    stretched = P * [1, 0.05]  # its Delaunay triangulation is a bad one of P
    F = Delaunay(stretched).simplices.astype(np.int64)
    a, b, c = P[F].swapaxes(0, 1)
    clockwise = np.cross(np.pad(b - a, ((0, 0), (0, 1))), np.pad(c - a, ((0, 0), (0, 1))))[:, 2] < 0
    F[clockwise] = F[clockwise][:, ::-1]
    surface = intrinsic_delaunay(P, F, cover=False)
    expected = {frozenset(face) for face in Delaunay(P).simplices.tolist()}
    assert {frozenset(face) for face in surface.F.tolist()} == expected


@given(seed=meshes.seeds(), scale=st.sampled_from([1e-3, 0.5, 1e4]))
def test_motions_and_scale_change_nothing(seed, scale):
    V, F = meshes.bumpy(6)
    V = V * [1, 0.2, 1]
    rng = np.random.default_rng(seed)
    moved = scale * (V @ Rotation.random(rng=rng).as_matrix().T + rng.normal(size=3))
    expected = delaunay_laplacian(V, F).toarray()
    assert_allclose(delaunay_laplacian(moved, F).toarray(), expected, atol=1e-9 * expected.max())


def test_a_delaunay_mesh_keeps_its_cotangent_laplacian():
    V, F = meshes.TETRAHEDRON
    expected = cotangent_laplacian(V, F).toarray()
    assert_allclose(delaunay_laplacian(V, F).toarray(), expected, atol=1e-15)


def test_an_obtuse_border_angle_needs_the_cover():
    """The longest edge of an obtuse face has a negative weight until front and back are glued."""
    V, F = KITE[0][[0, 2, 3]], np.array([[0, 1, 2]])
    kept, covered = (intrinsic_delaunay(V, F, cover=cover) for cover in (False, True))
    assert (kept.sheets, covered.sheets, covered.flips) == (1, 2, 1)
    check_gluing(covered)
    assert delaunay_laplacian(V, F, cover=False)[0, 1] > 0
    # The flipped edge is a loop from the apex round to itself: it joins nothing, 0 and 1 part.
    L = delaunay_laplacian(V, F)
    assert L[0, 1] == 0
    assert L[0, 2] < 0


def test_linear_functions_stay_harmonic_in_the_plane():
    V, F = meshes.planar_grid(np.random.default_rng(0), 100)
    V = V * [1, 0.1, 0]
    inner = np.setdiff1d(np.arange(len(V)), boundary_loop(F))
    assert_allclose((delaunay_laplacian(V, F, cover=False) @ V)[inner], 0, atol=1e-12)


def test_any_triangles_can_be_covered():
    """Three pages at an edge, and a strip with one face turned over."""
    V, F = meshes.FAN_OF_PAGES
    turned = np.array([[0, 1, 2], [0, 3, 2]])
    for X, faces in ((V, F), (KITE[0], turned)):
        surface = intrinsic_delaunay(X, faces)
        check_gluing(surface)
        assert (surface.sheets, (surface.twin >= 0).all()) == (2, True)
        assert (off_diagonal(delaunay_laplacian(X, faces)) <= 0).all()
        assert_allclose(intrinsic_mass(surface, len(X)).sum(), lumped_mass(X, faces).sum())
    # Orientation does not matter to a Laplacian.
    expected = delaunay_laplacian(*KITE).toarray()
    assert_allclose(delaunay_laplacian(KITE[0], turned).toarray(), expected, atol=1e-14)


def test_without_cover_the_bad_edge_is_named():
    with pytest.raises(
        TopologyError, match=r"edge \(0, 1\) is not between two faces .* cover=True"
    ):
        intrinsic_delaunay(*meshes.FAN_OF_PAGES, cover=False)


def test_a_face_without_area_is_named():
    V = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    with pytest.raises(DegenerateFaceError, match=r"face 0 = .* has no area"):
        delaunay_laplacian(V, np.array([[0, 1, 2]]))


def test_flips_that_do_not_end_are_refused(monkeypatch):
    monkeypatch.setattr(meshkit.operators.edge_flips, "FLIPS_PER_FACE", 0)
    with pytest.raises(SolveError, match="flips do not end after 1"):
        intrinsic_delaunay(*KITE)


def test_a_thousand_flips_pass_through_every_round():
    """Squeezed meshes flip most of their edges several times over."""
    V, F = meshes.bumpy(20)
    surface = intrinsic_delaunay(V * [1, 1e-2, 1], F)
    assert surface.flips > 1000
    check_gluing(surface)
