import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from meshkit.errors import DegenerateFaceError
from meshkit.operators.intrinsic import delaunay_laplacian
from meshkit.operators.robust import robust_laplacian
from tests import meshes


def test_flat_faces_and_pages_at_an_edge_are_taken():
    flat = (
        np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 1, 0]]),
        np.array([[0, 1, 2], [0, 2, 3]]),
    )
    for V, F in (flat, meshes.FAN_OF_PAGES):
        L = robust_laplacian(V, F).toarray()
        assert (L[~np.eye(len(V), dtype=bool)] <= 0).all()
        assert_allclose(L.sum(axis=1), 0, atol=1e-10 * L.max())


def test_an_unused_vertex_gets_an_empty_row_and_2d_is_lifted():
    V, F = meshes.RIGHT_TRIANGLE
    more = np.concatenate([[[9.0, 9]], V[:, :2]])
    L = robust_laplacian(more, F + 1, mollify=0.0).toarray()
    assert not L[0].any()
    assert_allclose(L[1:, 1:], delaunay_laplacian(V, F).toarray(), atol=1e-15)


def test_a_mesh_without_extent_is_refused():
    F = meshes.RIGHT_TRIANGLE[1]
    with pytest.raises(DegenerateFaceError, match="not finite at mollify=1e-05"):
        robust_laplacian(np.zeros((3, 3)), F)


def test_negative_mollification_is_refused():
    with pytest.raises(ValueError, match="mollify must be 0 or more"):
        robust_laplacian(*meshes.RIGHT_TRIANGLE, mollify=-1.0)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "robust_laplacian", None)
    with pytest.raises(ImportError, match="pip install robust_laplacian"):
        robust_laplacian(*meshes.RIGHT_TRIANGLE)
