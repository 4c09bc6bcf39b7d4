import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

from meshkit.errors import DegenerateFaceError, MeshError
from meshkit.primitives import grid, hemisphere
from meshkit.registration.deformation_transfer import DeformationTransfer, match_faces
from tests import meshes
from tests.reference.transfer import slow_transfer

V, F = meshes.bumpy(4)


def other(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return V * [1.2, 0.8, 1.5] + 0.02 * rng.normal(size=V.shape) + 5


def bent(P: np.ndarray) -> np.ndarray:
    return P + 0.3 * np.sin(2 * P[:, [1, 2, 0]])


def test_as_the_paper_writes_it():
    expected = slow_transfer(V, bent(V), other(), F)
    found = DeformationTransfer(V, F, other(), F).transfer(bent(V))
    assert_allclose(found - found.mean(axis=0), expected - expected.mean(axis=0), atol=1e-8)


@settings(max_examples=20)
@given(seed=meshes.seeds())
def test_a_rigid_motion_of_the_source_is_that_of_the_target(seed):
    """In its own units, about its own centre: of a copy of another size elsewhere."""
    rng = np.random.default_rng(seed)
    R, t = Rotation.random(rng=rng).as_matrix(), rng.normal(size=3)
    size, offset = np.exp(rng.normal()), 9 * rng.normal(size=3)
    found = DeformationTransfer(V, F, size * V + offset, F).transfer(V @ R.T + t)
    assert_allclose(found, size * (V @ R.T + t) + offset, atol=1e-9)


def test_a_source_that_is_the_target_reproduces_its_poses():
    two, faces = np.concatenate([V, V * 0.5 + 4]), np.concatenate([F, F + len(V)])
    found = DeformationTransfer(two, faces, two, faces).transfer(bent(two))
    assert_allclose(found, bent(two), atol=1e-10)


def test_an_affine_pose_is_transferred_exactly_to_a_larger_copy():
    A = np.array([[1.5, 0.2, 0], [0, 0.8, 0.1], [0.3, 0, 1.1]])
    found = DeformationTransfer(V, F, 3 * V - 7, F).transfer(V @ A.T)
    assert_allclose(found, 3 * V @ A.T - 7, atol=1e-9)


def test_through_one_space_the_centre_moves_as_far():
    step = np.array([3.0, 0, -1])
    found = DeformationTransfer(V, F, 2 * V, F, scale=1.0).transfer(V + step)
    assert_allclose(found, 2 * V + step, atol=1e-10)


def test_every_component_has_its_own_place():
    """Two copies side by side turn about one centre and keep their distance."""
    two, faces = np.concatenate([V, V + np.array([4, 0, 0])]), np.concatenate([F, F + len(V)])
    R = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    found = DeformationTransfer(two, faces, 2 * two, faces).transfer(two @ R.T)
    assert_allclose(found, 2 * two @ R.T, atol=1e-10)


def test_between_topologies_that_lie_on_each_other():
    """A fine and a coarse dome: the pose of one is near the pose of the other."""
    fine, faces = hemisphere(16)
    coarse, own = hemisphere(9)
    source_face = match_faces(fine, faces, coarse, own)
    transfer = DeformationTransfer(fine, faces, coarse, own, source_face=source_face)

    def pose(P: np.ndarray) -> np.ndarray:
        return P + np.stack([0 * P[:, 0], 0.2 * P[:, 2] ** 2, 0.3 * P[:, 0]], axis=1)

    off = transfer.transfer(pose(fine)) - pose(coarse)
    assert np.linalg.norm(off - off.mean(axis=0), axis=1).max() < 0.04


def test_faces_of_the_other_side_are_not_matched():
    """Two sheets back to back, 0.01 apart, like lips: each finds its own."""
    P, G = grid(4, 4)
    sheets = np.concatenate([P, P + np.array([0, 0, 0.01])])
    faces = np.concatenate([G, G[:, ::-1] + len(P)])
    shifted = sheets + np.array([0, 0, 0.02])  # now the lower sheet lies above the upper one
    np.testing.assert_array_equal(match_faces(sheets, faces, shifted, faces), np.arange(2 * len(G)))


def test_what_it_refuses():
    with pytest.raises(ValueError, match="give source_face"):
        DeformationTransfer(V, F, V, F[:-1])
    with pytest.raises(ValueError, match="scale must be positive, got"):
        DeformationTransfer(V, F, V, F, scale=0.0)
    with pytest.raises(ValueError, match="indices below"):
        DeformationTransfer(V, F, V, F, source_face=np.full(len(F), len(F)))
    with pytest.raises(MeshError, match=f"target vertex {len(V)} is in no face"):
        DeformationTransfer(V, F, np.concatenate([V, [[0, 0, 9.0]]]), F)
    flat = V.copy()
    flat[F[7]] = V[F[7, 0]]
    with pytest.raises(DegenerateFaceError, match="source face"):
        DeformationTransfer(flat, F, V, F)
    with pytest.raises(DegenerateFaceError, match="target face"):
        DeformationTransfer(V, F, flat, F)
    transfer = DeformationTransfer(V, F, V, F)
    with pytest.raises(ValueError, match="finite vertices"):
        transfer.transfer(V[1:])
    with pytest.raises(ValueError, match="not finite"):
        transfer.transfer(V * np.nan)
    with pytest.raises(MeshError, match="no source face looks the way"):
        match_faces(*grid(2, 2), grid(2, 2)[0], grid(2, 2)[1][:, ::-1])
