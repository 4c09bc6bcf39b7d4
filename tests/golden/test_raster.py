"""The raster contract in numbers that exact arithmetic made: tools/make_golden.py."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from meshkit.nn import raster as torch_raster
from meshkit.raster import rasterize_uv

FILE = Path(__file__).with_name("raster.npz")


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(FILE, allow_pickle=False) as arrays:
        return dict(arrays)


def test_this_is_the_version_of_the_contract(golden):
    assert golden["version"] == 1
    assert len(golden["cases"]) >= 7


@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_faces_and_weights_are_those_of_the_contract(golden, library):
    for name in golden["cases"]:
        UV, F = golden[f"{name}/UV"], golden[f"{name}/F"]
        expected, weights = golden[f"{name}/face_index"], golden[f"{name}/bary"]
        if library == "numpy":
            found = rasterize_uv(UV, F, expected.shape)
        else:
            found = torch_raster.rasterize_uv(torch.tensor(UV), torch.tensor(F), expected.shape)
        assert_array_equal(found.face_index, expected, err_msg=name)
        assert_allclose(found.bary, weights, atol=1e-14, err_msg=name)


def test_the_cases_hold_what_their_names_say(golden):
    """Ties, gaps, overlaps: a file without them would prove little."""
    ties = golden["edges-and-corners-on-centres/bary"]
    assert {1, 2} <= set((ties == 0).sum(axis=2).ravel().tolist())
    empty = golden["overlapping-charts/face_index"] < 0
    assert empty.any()
    assert not empty.all()
    assert (golden["harmonic-square/face_index"] >= 0).all()
    H, W = golden["not-square/face_index"].shape
    assert H != W
