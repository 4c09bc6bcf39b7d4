"""Layouts: the file's texture coordinates, checked where faces use them, holes filled."""

import numpy as np
import pytest

from meshkit.errors import MeshError
from meshkit.geometry_image import geometry_image
from meshkit.images.layout import file_layout, made_layout
from meshkit.images.texels import count_empty
from meshkit.mesh import Mesh
from meshkit.param import parameterize
from meshkit.primitives import disk, grid
from meshkit.raster import rasterize_uv
from tests.mesh_files import seamed


def ring() -> tuple[np.ndarray, np.ndarray]:
    """A disk without its middle; the centre vertex is gone as well."""
    V, F = disk(4)
    return V[1:], F[6:] - 1


def test_a_hole_of_the_plane_is_covered_once():
    """Texels count each point of the disk's polygon once, with and without the middle."""
    V, F = disk(4)
    UV = V[:, :2] / 2 + 0.5
    whole = rasterize_uv(UV, F, (50, 50)).face_index >= 0
    R, G = ring()
    layout = file_layout(Mesh(R, G, UV=UV[1:]))
    filled = rasterize_uv(layout.UV, layout.F_uv, (50, 50))
    np.testing.assert_array_equal(filled.face_index >= 0, whole)
    assert layout.fill_mask.sum() == 4
    assert not layout.flips.size
    assert layout.loops == (24, 6)
    border = np.arange(len(R) - 24, len(R))
    assert count_empty(layout.UV, border, filled) == 0
    open_ = file_layout(Mesh(R, G, UV=UV[1:]), fill_holes=False)
    raster = rasterize_uv(open_.UV, open_.F_uv, (50, 50))
    inner = rasterize_uv(UV, F[:6], (50, 50)).face_index >= 0
    assert count_empty(open_.UV, border, raster) == inner.sum()


def test_why_a_hole_was_left_open_is_said():
    R, G = ring()
    UV = R[:, :2] / 2 + 0.5
    UV[[0, 3]] = UV[[3, 0]]  # the loop of the hole crosses itself
    layout = file_layout(Mesh(R, G, UV=UV))
    assert layout.unfilled
    assert not layout.fill_mask.any()


def test_seams_are_pieces_on_one_surface():
    mesh = seamed()
    with pytest.raises(
        MeshError, match=r"vertex 0 has several .* \(2 such .*allow_seams=True takes"
    ):
        file_layout(mesh)
    layout = file_layout(mesh, allow_seams=True)
    np.testing.assert_array_equal(layout.seam, [0, 2])
    raster = rasterize_uv(layout.UV, layout.F_uv, (16, 16))
    image = geometry_image(mesh.V, layout.F, raster)
    inside = raster.face_index == 0  # face 0 lies at half size in the lower left of the square
    v, u = (np.argwhere(inside) + 0.5).T / 16
    np.testing.assert_allclose(image[inside][:, :2], np.stack([2 * u, 2 * v], 1), atol=1e-15)


def test_unused_rows_of_uv_may_hold_anything():
    V, F = grid(2, 2)
    UV = np.concatenate([V[:, :2], [[np.nan, 7]]])
    W = np.concatenate([V, [[0, 0, 0]]])
    layout = file_layout(Mesh(W, F, UV=UV))
    assert not layout.flips.size
    assert len(layout.distortion.angle) == len(F)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"UV": None}, "the mesh has no texture coordinates"),
        ({"at": (3, np.nan)}, r"\[nan, nan\] of vertex 3 is not finite \(1 such\)"),
        ({"at": (3, 1.1)}, r"\[1\.1, 1\.1\] of vertex 3 lies outside \[0, 1\] \(1 such\)"),
    ],
)
def test_what_carries_no_image(change, message):
    V, F = grid(2, 2)
    UV = V[:, :2].copy()
    if "at" in change:
        row, value = change["at"]
        UV[row] = value
    with pytest.raises(MeshError, match=message):
        file_layout(Mesh(V, F, UV=None if "UV" in change else UV))


def test_one_coordinate_at_two_corners():
    V, F = grid(2, 2)
    F_uv = F.copy()
    F_uv[3, 1] = F_uv[3, 0]
    with pytest.raises(MeshError, match=r"face 3 has one texture coordinate at two corners \(1 su"):
        file_layout(Mesh(V, F, UV_corner=V[:, :2], F_uv=F_uv), allow_seams=True)


def test_rounding_of_single_precision_is_not_outside():
    V, F = grid(2, 2)
    UV = np.float32(V[:, :2] * (1 + 1e-7)).astype(np.float64)
    assert UV.max() > 1
    assert not file_layout(Mesh(V, F, UV=UV)).flips.size


def test_a_map_that_was_made():
    R, G = ring()
    flat = parameterize(R, G, fill_holes=True)
    layout = made_layout(flat)
    assert (layout.weights, layout.loops, layout.unfilled) == (flat.weights, (24, 6), "")
    assert layout.fill_mask.sum() == 4
