"""Additive and bilinear people, small enough to train on in a second."""

from pathlib import Path

import numpy as np
import pytest

from gan.baselines.config import BaselineConfig, baseline_config
from gan.baselines.faces import LabelledFaces, labelled_faces
from gan.datasets.store import load_dataset
from tests.gan.conftest import blobs

FAST = {
    "3dmm": ("identity_size=3", "expression_size=4"),
    "copula": ("identity_size=3", "expression_size=4"),
    "coma": (
        "identity_size=3",
        "expression_size=4",
        "epochs=3",
        "batch=8",
        "filters=[4, 6]",
        "terms=3",
        "log_every=1",
    ),
    "swap-vae": (
        "identity_size=3",
        "expression_size=4",
        "epochs=3",
        "batch=8",
        "filters=[4, 6]",
        "terms=3",
        "log_every=1",
    ),
    "mae": (
        "identity_size=3",
        "expression_size=4",
        "epochs=3",
        "batch=16",
        "image=16",
        "widths=[4, 8]",
        "hidden=16",
        "components=12",
        "log_every=1",
    ),
}
NAMES = tuple(FAST)


def fast(name: str, *more: str) -> BaselineConfig:
    return baseline_config(name, [*FAST[name], "threads=1", *more])


@pytest.fixture
def dataset_path(tmp_path) -> Path:
    return blobs(tmp_path / "blobs.h5", rings=6)


@pytest.fixture
def faces(dataset_path) -> LabelledFaces:
    return labelled_faces(load_dataset(dataset_path), fast("3dmm"))


def low_rank(rng: np.random.Generator, n: int, d: int, rank: int) -> np.ndarray:
    scales = 2.0 ** -np.arange(rank)
    return rng.normal(size=(n, rank)) * scales @ rng.normal(size=(rank, d)) + rng.normal(size=d)
