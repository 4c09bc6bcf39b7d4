import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import meshkit.operators.laplacian_batch
from meshkit.errors import DegenerateFaceError, MeshError
from meshkit.laplacian import cotangent_laplacian
from meshkit.operators.laplacian_batch import CotangentStructure
from tests import meshes


@given(meshes.disks(), st.integers(1, 20), st.booleans(), meshes.seeds())
def test_each_mesh_gets_its_cotangent_laplacian(mesh, size, flat, seed):
    """More meshes than are worked on at once, and a last lot that is not full."""
    V, F = mesh
    rng = np.random.default_rng(seed)
    batch = V * rng.uniform(0.5, 2, (size, 1, 3))
    batch = batch[:, :, :2] if flat else batch
    structure = CotangentStructure(F, len(V))
    values = structure.values(batch)
    assert values.shape == (size, len(structure.indices))
    for X, row in zip(batch, values, strict=True):
        L = cotangent_laplacian(X, F).toarray()
        assert_allclose(structure.matrix(row).toarray(), L, atol=1e-11 * np.abs(L).max())


def test_several_threads_give_the_bits_of_one(monkeypatch):
    """And name the first mesh that is wrong, whichever thread comes upon one first."""
    V, F = meshes.bumpy()
    structure = CotangentStructure(F, len(V))
    batch = V * np.random.default_rng(0).uniform(0.5, 2, (75, 1, 3))
    alone = structure.values(batch)
    monkeypatch.setattr(meshkit.operators.laplacian_batch, "_WORTH_A_THREAD", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    np.testing.assert_array_equal(structure.values(batch), alone)
    batch[[33, 70], F[7, 0]] = batch[[33, 70], F[7, 1]]
    with pytest.raises(DegenerateFaceError, match="mesh 33, face"):
        structure.values(batch)


def test_faces_in_several_lots(monkeypatch):
    monkeypatch.setattr(meshkit.operators.laplacian_batch, "FACES", 100)
    V, F = meshes.bumpy(7)  # the last lot is not full
    assert len(F) > 200
    assert len(F) % 100
    structure = CotangentStructure(F, len(V))
    result = structure.matrix(structure.values(V[None])[0])
    assert_allclose(result.toarray(), cotangent_laplacian(V, F).toarray(), atol=1e-13)
    assert result.has_sorted_indices


def test_non_manifold_edges_and_unused_vertices():
    V, F = meshes.FAN_OF_PAGES
    more = np.concatenate([V, [[7.0, 7, 7]]])
    structure = CotangentStructure(F, len(more))
    result = structure.matrix(structure.values(more[None])[0])
    assert_allclose(result.toarray(), cotangent_laplacian(more, F).toarray(), atol=1e-15)


def test_a_face_without_area_is_named_with_its_mesh():
    V, F = meshes.bumpy(3)
    batch = np.stack([V] * 20)
    batch[18, F[7, 0]] = batch[18, F[7, 1]]
    with pytest.raises(DegenerateFaceError, match=r"mesh 18, face \d+ = .* has no area"):
        CotangentStructure(F, len(V)).values(batch)


def test_malformed_batches_are_refused():
    V, F = meshes.RIGHT_TRIANGLE
    structure = CotangentStructure(F, 3)
    with pytest.raises(MeshError, match=r"V must be \(b, 3, 2 or 3\), got \(1, 4, 3\)"):
        structure.values(np.zeros((1, 4, 3)))
    bad = np.stack([V, V])
    bad[1, 2, 0] = np.nan
    with pytest.raises(MeshError, match=r"mesh 1, vertex 2 .* is not finite"):
        structure.values(bad)
    with pytest.raises(MeshError, match="a face names vertex 2, but there are 2 vertices"):
        CotangentStructure(F, 2)
