"""Rasterization for tensors: numpy's, bit for bit."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from meshkit import raster as numpy_raster
from meshkit.errors import MeshError
from meshkit.images.supersample import supersampled_matrix
from meshkit.nn.antialiased_mapping import AntialiasedMapping
from meshkit.nn.raster import rasterize_uv
from meshkit.primitives import disk, grid


def test_double_precision_is_numpy_s_bit_for_bit():
    V, F = grid(60, 60)
    UV = V[:, :2] + 0.3 * np.sin(7 * V[:, 1::-1]) / 60
    expected = numpy_raster.rasterize_uv(UV, F, (257, 130))
    raster = rasterize_uv(torch.tensor(UV, requires_grad=True), torch.tensor(F), (257, 130))
    assert_array_equal(raster.face_index.numpy(), expected.face_index)
    assert_array_equal(raster.bary.numpy(), expected.bary)


def test_single_precision_gives_the_same_faces_and_keeps_its_dtype():
    V, F = disk(6)
    UV = (V[:, :2] / 2 + 0.5).astype(np.float32)
    expected = numpy_raster.rasterize_uv(UV.astype(float), F, (40, 30))
    raster = rasterize_uv(torch.from_numpy(UV), torch.from_numpy(F).int(), (40, 30))
    assert raster.bary.dtype == torch.float32
    assert raster.face_index.dtype == torch.int64
    assert_array_equal(raster.face_index.numpy(), expected.face_index)
    assert_array_equal(raster.bary.numpy(), expected.bary.astype(np.float32))


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


def test_on_cuda_faces_are_the_same_and_so_are_weights(cuda):
    V, F = grid(300, 300)
    UV = V[:, :2] + 0.3 * np.sin(7 * V[:, 1::-1]) / 300
    expected = numpy_raster.rasterize_uv(UV, F, (512, 700))
    raster = rasterize_uv(torch.tensor(UV, device=cuda), torch.tensor(F), (512, 700))
    assert raster.face_index.is_cuda
    assert_array_equal(raster.face_index.cpu().numpy(), expected.face_index)
    assert_array_equal(raster.bary.cpu().numpy(), expected.bary)
