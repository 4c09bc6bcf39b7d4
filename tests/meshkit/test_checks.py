import numpy as np
import pytest

from meshkit.checks import check_faces, check_mesh
from meshkit.errors import MeshError
from tests.meshes import RIGHT_TRIANGLE

V, F = RIGHT_TRIANGLE


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        (np.zeros((0, 3), dtype=int), "F is empty"),
        (np.zeros((2, 4), dtype=int), r"\(m, 3\) integer array, got int64 \(2, 4\)"),
        (np.zeros(3, dtype=int), r"\(m, 3\) integer array"),
        (F.astype(float), r"\(m, 3\) integer array, got float64"),
        (np.array([[0, 1, 2], [2, 1, 1]]), r"face 1 = \[2, 1, 1\] repeats a vertex"),
        (np.array([[0, 1, 2], [2, 1, 2]]), r"face 1 = \[2, 1, 2\] repeats a vertex"),
        (np.array([[0, 1, 2], [0, 0, 2]]), r"face 1 = \[0, 0, 2\] repeats a vertex"),
        (np.array([[0, 1, 2], [0, 1, -1]]), r"face 1 = \[0, 1, -1\].*negative index"),
    ],
)
def test_bad_faces_are_named(faces, message):
    with pytest.raises(MeshError, match=message):
        check_faces(faces)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_vertex_that_is_not_finite_is_named(bad, axis):
    broken = V.copy()
    broken[1, axis] = bad
    with pytest.raises(MeshError, match=r"vertex 1 = .* is not finite \(1 such vertices\)"):
        check_mesh(broken, F)


@pytest.mark.parametrize(
    ("vertices", "message"),
    [
        (V[:2], r"face 0 = \[0, 1, 2\] names a vertex, but V has 2 rows only"),
        (V.astype(int), r"\(n, 3\) float array, got int64"),
        (V[:, :1], r"float array, got float64 \(3, 1\)"),
        (V[0], r"float array, got float64 \(3,\)"),
    ],
)
def test_bad_vertices_are_named(vertices, message):
    with pytest.raises(MeshError, match=message):
        check_mesh(vertices, F)


def test_good_meshes_pass_in_both_dimensions_and_precisions():
    check_mesh(V, F)
    check_mesh(V[:, :2].astype(np.float32), F.astype(np.int32))
