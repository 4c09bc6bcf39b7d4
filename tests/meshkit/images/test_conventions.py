"""Round trips, a 2 × 2 raster by hand in each convention, and each program's own rules."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.images.conventions import (
    clip_from_uv,
    from_nvdiffrast,
    from_opengl_texture,
    from_pytorch3d,
    pytorch3d_from_uv,
    to_nvdiffrast,
    to_opengl_texture,
    to_pytorch3d,
    uv_from_clip,
    uv_from_pytorch3d,
    uv_from_window,
    window_from_uv,
)
from meshkit.io import load_mesh
from meshkit.param import parameterize
from meshkit.raster import UVRaster, rasterize_uv
from tests import meshes

SIZES = st.integers(1, 9)
# v = 1/4: face 0, then nothing; v = 3/4: face 1, then face 5.
BY_HAND = UVRaster(
    np.array([[0, -1], [1, 5]]),
    np.array([[[0.5, 0.25, 0.25], [0, 0, 0]], [[0, 1, 0], [0.125, 0, 0.875]]]),
)


def test_nvdiffrast_by_hand():
    """Bottom row first, weights of corners 0 and 1, depth, identifier from 1; zeros outside."""
    rast = to_nvdiffrast(BY_HAND)
    assert rast.dtype == np.float32
    assert rast.tolist() == [
        [
            [[0.5, 0.25, 0, 1], [0, 0, 0, 0]],
            [[0, 1, 0, 2], [0.125, 0, 0, 6]],
        ]
    ]


def test_pytorch3d_by_hand():
    """Top row first, all three weights, -1 outside."""
    fragments = to_pytorch3d(BY_HAND, first_face=10)
    assert fragments.pix_to_face[..., 0].tolist() == [[[11, 15], [10, -1]]]
    assert fragments.bary_coords[0, :, :, 0].tolist() == [
        [[0, 1, 0], [0.125, 0, 0.875]],
        [[0.5, 0.25, 0.25], [-1, -1, -1]],
    ]
    back = from_pytorch3d(fragments, first_face=10)
    assert_array_equal(back.face_index, BY_HAND.face_index)
    assert_array_equal(back.bary, BY_HAND.bary)


@given(meshes.disks(), SIZES, SIZES)
def test_rasters_come_back_but_for_single_precision(mesh, H, W):
    raster = rasterize_uv(mesh[0][:, :2] * 0.8, mesh[1], (H, W))
    for back in (from_nvdiffrast(to_nvdiffrast(raster)), from_pytorch3d(to_pytorch3d(raster))):
        assert_array_equal(back.face_index, raster.face_index)
        assert_allclose(back.bary, raster.bary, atol=3e-7)
        assert (back.bary >= 0).all()
        assert_allclose(back.bary.sum(axis=2), raster.face_index >= 0, atol=1e-15)


def test_identifiers_beyond_single_precision_survive():
    """From 2^24 on a float32 skips integers: nvdiffrast keeps their bits instead."""
    face = np.array([[2**24 - 2, 2**24 - 1], [2**24, 2**24 + 1], [500_000_001, -1]])
    bary = np.broadcast_to([1.0, 0.0, 0.0], (3, 2, 3)) * (face >= 0)[..., None]
    rast = to_nvdiffrast(UVRaster(face, bary))
    assert rast[0, 0, :, 3].tolist() == [2**24 - 1, 2**24]
    # As their header says: the bits of 0x4a800000 + identifier.
    assert rast[0, 1, :, 3].view(np.int32).tolist() == [0x4A800000 + 2**24 + 1 + k for k in (0, 1)]
    assert_array_equal(from_nvdiffrast(rast).face_index, face)


@given(meshes.seeds(), SIZES, SIZES)
def test_positions_come_back(seed, H, W):
    UV = np.random.default_rng(seed).uniform(-1, 2, (7, 2))
    assert_allclose(uv_from_window(window_from_uv(UV, (H, W)), (H, W)), UV, atol=1e-13)
    assert_allclose(uv_from_clip(clip_from_uv(UV)), UV, atol=1e-13)
    assert_allclose(uv_from_pytorch3d(pytorch3d_from_uv(UV, (H, W)), (H, W)), UV, atol=1e-13)


@given(SIZES, SIZES)
def test_texel_centres_are_the_centres_of_the_other_program_s_pixels(H, W):
    row, col = (k.ravel() for k in np.mgrid[:H, :W])
    UV = np.stack([(col + 0.5) / W, (row + 0.5) / H], axis=1)
    assert_allclose(window_from_uv(UV, (H, W)), np.stack([col, row], axis=1) + 0.5, atol=1e-13)
    # OpenGL 4.6, equation 13.9: window = (ndc + 1) / 2 * size, the viewport from (0, 0).
    clip = clip_from_uv(UV)
    assert_allclose((clip[:, :2] + 1) / 2 * (W, H), window_from_uv(UV, (H, W)), atol=1e-13)
    # pytorch3d's own loop: row 0 is the top, columns from the left, +x left, +y up.
    ndc = pytorch3d_from_uv(UV, (H, W))
    side = min(H, W)
    centre_x = [-W / side + (2 * (W - 1 - c) + 1) / side for c in col]
    centre_y = [-H / side + (2 * (H - 1 - (H - 1 - r)) + 1) / side for r in row]
    assert_allclose(ndc[:, :2], np.stack([centre_x, centre_y], axis=1), atol=1e-13)
    assert (ndc[:, 2] > 0).all()


def test_textures_keep_their_rows_in_opengl():
    image = np.arange(24.0).reshape(2, 3, 4)[:, ::-1]
    pixels = to_opengl_texture(image)
    assert pixels.flags.c_contiguous
    assert pixels.dtype == np.float32
    assert_array_equal(from_opengl_texture(pixels), image)


def test_bad_arguments_are_refused():
    UV = np.zeros((3, 2))
    with pytest.raises(ValueError, match="depth must be positive, got 0"):
        pytorch3d_from_uv(UV, (4, 4), depth=0.0)
    for convert in (window_from_uv, uv_from_window, pytorch3d_from_uv):
        with pytest.raises(ValueError, match=r"at least 1, got \(0, 4\)"):
            convert(UV, (0, 4))


def test_one_mesh_of_a_batch_of_tensors():
    one = to_pytorch3d(BY_HAND)
    tensors = SimpleNamespace(  # as pytorch3d's, which has zbuf and dists besides
        pix_to_face=torch.tensor(np.stack([one.pix_to_face[0], one.pix_to_face[0] + 6])),
        bary_coords=torch.tensor(np.concatenate([one.bary_coords] * 2)).requires_grad_(),
    )
    tensors.pix_to_face[1][tensors.pix_to_face[0] < 0] = -1
    rast = torch.tensor(np.concatenate([to_nvdiffrast(BY_HAND)] * 2))
    for back in (
        from_pytorch3d(tensors, mesh=1, first_face=6),
        from_nvdiffrast(rast, mesh=1),
    ):
        assert_array_equal(back.face_index, BY_HAND.face_index)
        assert_array_equal(back.bary, BY_HAND.bary)
    for convert, batch in ((from_pytorch3d, tensors), (from_nvdiffrast, rast)):
        with pytest.raises(ValueError, match="there are 2 meshes in the batch: say which"):
            convert(batch)


def test_the_real_pytorch3d_draws_our_raster(faces):
    reason = "pytorch3d is not installed: its project builds it for each torch, PyPI has no wheel"
    pytest.importorskip("pytorch3d", reason=reason)
    from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
    from pytorch3d.renderer.mesh.rasterizer import Fragments
    from pytorch3d.structures import Meshes

    mesh = load_mesh(faces / "ict" / "template.obj")
    flat = parameterize(mesh)
    P = torch.from_numpy(pytorch3d_from_uv(flat.UV, (128, 128))).float()
    drawn = rasterize_meshes(
        Meshes([P, P], [torch.from_numpy(flat.F)] * 2),
        image_size=(128, 128),
        blur_radius=0.0,
        faces_per_pixel=1,
        perspective_correct=False,
        cull_backfaces=False,
    )
    theirs = Fragments(*drawn)
    ours = rasterize_uv(flat.UV, flat.F, 128)
    for k in range(2):
        back = from_pytorch3d(theirs, mesh=k, first_face=k * len(flat.F))
        same = back.face_index == ours.face_index
        assert same.mean() > 0.999  # single precision: centres on an edge may fall to either side
        assert_allclose(back.bary[same], ours.bary[same], atol=2e-3)
