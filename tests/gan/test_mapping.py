"""The mapping that a configuration chooses, and the images that are cached under it."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from gan.cache import cache_folder
from gan.config import parse_config
from gan.datasets.store import load_dataset
from gan.errors import DatasetError
from gan.training.problem import Problem, check_seen, image_mapping, prepare, seen_vertices
from meshkit.nn import GeometryMapping
from meshkit.param import WEIGHTS, parameterize
from meshkit.primitives import hemisphere
from meshkit.raster import rasterize_uv
from tests.gan.conftest import blobs, tiny
from tests.linear_model import flatten

CPU = torch.device("cpu")


def problem(dataset, **mapping) -> Problem:
    tree = tiny().model_dump(mode="json", exclude_none=True)
    tree["mapping"] |= mapping
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # flips, which the last test is about
        return prepare(dataset, parse_config(tree, "the test"), CPU)


def cached() -> set[Path]:
    return set(cache_folder().rglob("images-*.npy"))


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"name": "antialiased"},
        {"name": "antialiased", "samples": 5},
        *({"weights": weights} for weights in WEIGHTS if weights != "cotan"),
    ],
    ids=str,
)
def test_images_are_cached_under_everything_that_makes_them(chosen, tiny_dataset):
    """After another mapping of the same size has left its images, these are this one's."""
    with load_dataset(tiny_dataset) as dataset:
        problem(dataset, weights="cotan", name="antialiased", samples=2)
        before = cached()
        found = problem(dataset, **chosen)
        assert len(cached() - before) == 1
        again = problem(dataset, **chosen)
        assert len(cached() - before) == 1, "the second time they are read"
        V = torch.from_numpy(dataset.vertices(found.indices[[3, 17]]))
    expected = (found.mapping(V) - found.images.mean) / found.images.deviation
    for images in (found.images, again.images):
        assert_close(images.batch(torch.tensor([3, 17])), expected, rtol=1e-4, atol=1e-4)


def test_antialiased_texels_are_means_of_plain_ones(tiny_dataset):
    with load_dataset(tiny_dataset) as dataset:
        coarse = problem(dataset, name="antialiased", samples=2, size=16)
        fine = problem(dataset, size=32)
        V = torch.from_numpy(dataset.vertices(coarse.indices[:2]))
    means = torch.nn.functional.avg_pool2d(fine.mapping(V), 2)
    assert_close(coarse.mapping(V), means, rtol=1e-5, atol=1e-4)


def test_more_samples_see_more_vertices(tmp_path):
    with load_dataset(blobs(tmp_path / "fine.h5", rings=20)) as dataset:
        plain, three, five = (
            np.unique(problem(dataset, **chosen).mapping.matrix().indices)
            for chosen in ({}, {"name": "antialiased"}, {"name": "antialiased", "samples": 5})
        )
    assert len(plain) < len(three) <= len(five)
    assert len(five) == 1261


def test_flips_of_named_weights_are_said(tiny_dataset):
    config = tiny()
    with load_dataset(tiny_dataset) as dataset:
        V, F = dataset.template.astype(np.float64), dataset.faces.astype(np.int64)
    flat = parameterize(V, F)
    flipped = flat._replace(flips=np.array([2, 5, 7]))
    with pytest.warns(UserWarning, match="'auto': 3 faces of the flat map are flipped"):
        image_mapping(flipped, config.mapping, len(V))


@pytest.mark.parametrize(("crowding", "refused"), [(1, False), (8, True)])
def test_images_that_miss_most_vertices_are_refused(crowding, refused):
    V, F = hemisphere(12)
    UV = flatten(V, F)
    d = 2 * UV - 1
    crowded = (1 + np.sign(d) * np.abs(d) ** crowding) / 2
    raster = rasterize_uv(crowded, F, (24, 24))
    mapping = GeometryMapping(F, raster, len(V))
    seen, share = seen_vertices(mapping)
    pixels = raster.face_index[raster.face_index >= 0]
    assert seen <= len(np.unique(F[pixels]))  # a corner of weight 0 is not seen
    assert seen >= 0.9 * len(np.unique(F[pixels]))
    assert share == seen / len(V)
    if not refused:
        check_seen(mapping)
        return
    with pytest.raises(DatasetError, match=rf"24 x 24 texels show {seen} of {len(V)}") as error:
        check_seen(mapping)
    assert error.value.remedy == "show-vertices"
