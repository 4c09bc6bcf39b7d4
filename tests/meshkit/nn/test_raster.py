"""Rasterization in torch: numpy's, bit for bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from meshkit import raster as numpy_raster
from meshkit.errors import MeshError
from meshkit.images.supersample import supersampled_matrix
from meshkit.nn import raster as module
from meshkit.nn.antialiased_mapping import AntialiasedMapping
from meshkit.nn.raster import rasterize_uv
from meshkit.primitives import disk, grid
from tests import meshes
from tests.meshkit.test_raster import covers, lattice_soups

SIZES = st.integers(1, 24)


def check_equal(UV: np.ndarray, F: np.ndarray, size: tuple[int, int]) -> None:
    expected = numpy_raster.rasterize_uv(UV, F, size)
    found = rasterize_uv(torch.tensor(UV), torch.tensor(F), size)
    assert_array_equal(found.face_index.numpy(), expected.face_index)
    assert_array_equal(found.bary.numpy(), expected.bary)


@settings(max_examples=60)
@given(st.one_of(meshes.disks(), covers(), lattice_soups()), SIZES, SIZES, st.sampled_from([3, 50]))
def test_faces_and_weights_are_numpy_s_bit_for_bit_in_chunks_of_any_size(mesh, H, W, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        check_equal(mesh[0][:, :2], mesh[1], (H, W))


def test_a_large_map_is_numpy_s_bit_for_bit():
    V, F = grid(60, 60)
    check_equal(V[:, :2] + 0.3 * np.sin(7 * V[:, 1::-1]) / 60, F, (257, 130))


def test_single_precision_gives_the_same_faces_and_keeps_its_dtype():
    V, F = disk(6)
    UV = (V[:, :2] / 2 + 0.5).astype(np.float32)
    expected = numpy_raster.rasterize_uv(UV.astype(float), F, (40, 30))
    found = rasterize_uv(torch.from_numpy(UV), torch.from_numpy(F).int(), (40, 30))
    assert found.bary.dtype == torch.float32
    assert found.face_index.dtype == torch.int64
    assert_array_equal(found.face_index.numpy(), expected.face_index)
    assert_array_equal(found.bary.numpy(), expected.bary.astype(np.float32))


def test_bad_input_is_refused_as_by_numpy():
    V, F = grid(1, 1)
    UV, F = torch.from_numpy(V[:, :2].copy()), torch.from_numpy(F)
    with pytest.raises(ValueError, match=r"at least 1, got \(0, 4\)"):
        rasterize_uv(UV, F, (0, 4))
    with pytest.raises(MeshError, match=r"vertex 2 .* is not finite"):
        rasterize_uv(torch.where(torch.arange(4)[:, None] == 2, torch.nan, UV), F, (4, 4))
    with pytest.raises(MeshError, match="names a vertex, but V has 3 rows"):
        rasterize_uv(UV[:3], F, (4, 4))
    with pytest.raises(MeshError, match="repeats a vertex or has a negative index"):
        rasterize_uv(UV, F - 1, (4, 4))
    with pytest.raises(MeshError, match="F is empty"):
        rasterize_uv(UV, F[:0], (4, 4))


def test_the_antialiased_layer_is_the_supersampled_matrix():
    V, F = disk(5)
    UV = V[:, :2] / 2 + 0.5
    fine = numpy_raster.rasterize_uv(UV, F, (4 * 3, 5 * 3))
    layer = AntialiasedMapping(F, fine, len(V), 3, dtype=torch.float64)
    batch = np.random.default_rng(0).normal(size=(2, len(V), 3))
    S = supersampled_matrix(UV, F, (4, 5), 3)
    expected = np.stack([(S @ X).reshape(4, 5, 3).transpose(2, 0, 1) for X in batch])
    np.testing.assert_allclose(layer(torch.from_numpy(batch)).numpy(), expected, atol=1e-14)
    assert layer.resolution == (4, 5)
    with pytest.raises(ValueError, match="no blocks of 2 × 2"):
        AntialiasedMapping(F, fine, len(V), 2)


@pytest.mark.cuda
def test_on_cuda_faces_are_the_same_and_so_are_weights():
    V, F = grid(300, 300)
    UV = V[:, :2] + 0.3 * np.sin(7 * V[:, 1::-1]) / 300
    expected = numpy_raster.rasterize_uv(UV, F, (512, 700))
    found = rasterize_uv(torch.tensor(UV, device="cuda"), torch.tensor(F), (512, 700))
    assert found.face_index.is_cuda
    assert_array_equal(found.face_index.cpu().numpy(), expected.face_index)
    assert_array_equal(found.bary.cpu().numpy(), expected.bary)
