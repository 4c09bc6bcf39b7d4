"""The functions of a mesh take a `Mesh`, and arrays as any library hands them out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import meshkit
from meshkit.errors import MeshError
from meshkit.mesh import Mesh
from meshkit.param import disk_loops, flipped_faces, harmonic_uv
from tests import meshes

V, F = meshes.bumpy(4)
UV = meshkit.parameterize(V, F).UV
RASTER = meshkit.rasterize_uv(UV, F, (16, 16))
SURFACE = {
    "parameterize": lambda *mesh: meshkit.parameterize(*mesh).UV,
    "disk_loops": lambda *mesh: disk_loops(*mesh)[0],
    "geometry_image": lambda *mesh: meshkit.geometry_image(*mesh, RASTER),
    "distortion": lambda *mesh: meshkit.distortion(*mesh, UV=UV).area,
    "diagnose": lambda *mesh: meshkit.diagnose(*mesh).euler,
    "cut_to_disk": lambda *mesh: meshkit.cut_to_disk(*mesh).F,
    "geodesic_distance": lambda *mesh: meshkit.geodesic_distance(*mesh, sources=0),
    "render_mesh": lambda *mesh: meshkit.render_mesh(*mesh, size=(9, 9)).astype(float),
    "rigid_icp": lambda *mesh: meshkit.rigid_icp(*mesh, target=meshkit.Target(*mesh)).motion.t,
    "mirror_permutation": lambda *mesh: meshkit.mirror_permutation(*mesh),
    "balance_uv": lambda *mesh: (
        meshkit.balance_uv(*mesh, UV=UV.tolist(), loop=meshkit.boundary_loop(F).tolist(), size=9).UV
    ),
    "harmonic_uv": lambda *mesh: harmonic_uv(
        *mesh, loop=meshkit.boundary_loop(F), UV_loop=UV[meshkit.boundary_loop(F)]
    ),
    **{
        name: getattr(meshkit, name)
        for name in ("lumped_mass", "voronoi_mass", "vertex_normals", "drop_unreferenced")
    },
    **{
        name: lambda *mesh, name=name: getattr(meshkit, name)(*mesh).toarray()
        for name in ("cotangent_laplacian", "mean_value_laplacian", "uniform_laplacian")
    },
    **{
        name: lambda *mesh, name=name: getattr(meshkit, name)(*mesh).toarray()
        for name in ("delaunay_laplacian", "robust_laplacian", "full_mass", "gradient")
    },
}
FLAT = {
    "rasterize_uv": lambda *mesh: meshkit.rasterize_uv(*mesh, 16).bary,
    "flipped_faces": flipped_faces,
}


def torch_tensor(array: np.ndarray) -> object:
    import torch

    tensor = torch.tensor(array)
    return tensor.requires_grad_() if tensor.is_floating_point() else tensor


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.setflags(write=False)
    return array


CALLERS = {
    "lists": np.ndarray.tolist,
    "torch": torch_tensor,
    "read-only": read_only,
    "Fortran order": np.asfortranarray,
    "every other row": lambda array: np.repeat(array, 2, axis=0)[::2],
    "big endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "32 bits": lambda array: array.astype("uint32" if array.dtype.kind == "i" else "float32"),
}


def equal(result: object, expected: object, tolerance: float = 0.0) -> None:
    for one, other in zip(np.atleast_1d(result), np.atleast_1d(expected), strict=True):
        assert_allclose(one, other, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("name", [*SURFACE, *FLAT])
def test_a_mesh_stands_for_its_arrays_and_arrays_come_in_any_form(name):
    function = (SURFACE | FLAT)[name]
    first = V if name in SURFACE else UV
    expected = function(first, F)
    if name != "drop_unreferenced":
        equal(function(Mesh(V, F, UV=UV)), expected)
        for caller, convert in CALLERS.items():
            tolerance = 1e-3 if caller == "32 bits" else 0.0
            equal(function(convert(first), convert(F)), expected, tolerance)
    else:
        assert_array_equal(function(Mesh(V, F)).V, expected.V)
    given = first.copy()
    function(given, F)
    assert_array_equal(given, first)  # arguments are not modified


def test_integers_are_positions_and_lists_are_options():
    closed = meshes.sphere(3)
    opened = meshkit.parameterize(*closed, cut=True)
    assert opened.repair is not None
    assert_array_equal(opened.repair.V, closed[0][opened.repair.vertex_map])
    assert opened.flips.size == opened.zero_area.size == 0
    square = [[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0], [1, 1, 0]]
    faces = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    p = meshkit.parameterize(square, faces, corners=[1, 2, 3, 0], loop=np.int64(0))
    assert_allclose(p.UV[1], [0, 0])
    p = meshkit.parameterize(square, faces, boundary=[[0, 0], [1, 0], [1, 1]], loop=[0, 1, 2, 3])
    assert_allclose(p.UV.max(), 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("face.obj", F), "V must be an array, a list or a tensor of numbers, got str"),
        ((V, [[0, 1, 2], [0, 1]]), "F must be an array, a list or a tensor"),
        ((V, None), "F must be an array, a list or a tensor of numbers, got NoneType"),
        ((V, F.astype(float)), "F must be an integer array, got float64"),
        ((V * 1j, F), "V must be an array, a list or a tensor of numbers, got complex128"),
        (({"V": V}, F), "V must be an array, a list or a tensor of numbers, got dict"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(arguments, message):
    with pytest.raises(MeshError, match=message):
        meshkit.parameterize(*arguments)


@pytest.mark.parametrize("resolution", [0, -3, (4, 0), 2.5, "64", (1, 2, 3), None, []])
def test_a_resolution_is_one_or_two_positive_numbers(resolution):
    with pytest.raises(ValueError, match=r"resolution must be \(height, width\)"):
        meshkit.raster.check_resolution(resolution)


def test_a_mesh_without_texture_coordinates_cannot_be_drawn():
    with pytest.raises(MeshError, match="no texture coordinates"):
        meshkit.rasterize_uv(Mesh(V, F), 16)


def test_channels_come_last():
    with pytest.raises(ValueError, match=r"\(H, W, channels\), got \(3, 8, 9\): .*permute"):
        meshkit.mesh_from_image(np.zeros((3, 8, 9)), UV)
