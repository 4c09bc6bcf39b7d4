"""A data set small enough to train on in a second: blobs with subjects and expressions."""

from pathlib import Path

import numpy as np
import pytest

from gan.config import Config, parse_config
from gan.datasets.store import load_dataset, write_dataset
from meshkit.primitives import hemisphere
from tests.gan.replay import write_people

SUBJECTS, EXPRESSIONS, REPEATS = 6, 3, 4


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keep derived data of a test inside the test."""
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(tmp_path / "cache"))


def blobs(path: Path, *, rings: int = 8, **changes) -> Path:
    """Write hemispheres: identity stretches them, expression bulges them; some labels missing."""
    V, F = hemisphere(rings)
    template = 100 * V
    rng = np.random.default_rng(0)
    shape = rng.normal(size=(SUBJECTS, 3)) * 0.05
    bulge = np.stack([np.zeros_like(V), V * (V[:, :1] > 0), V * (V[:, 1:2] > 0)]) * 8
    subject, expression = np.divmod(np.arange(SUBJECTS * EXPRESSIONS * REPEATS), 12)
    expression = expression % EXPRESSIONS
    amount = rng.uniform(0.7, 1.0, size=len(subject))
    vertices = template * (1 + shape[subject])[:, None] + amount[:, None, None] * bulge[expression]
    labels = np.where(np.arange(len(subject)) % 4 == 3, -1, expression)
    contents = {
        "faces": F,
        "template": template,
        "labels": {"identity": subject, "expression": labels},
        "names": {
            "identity": [f"subject {i}" for i in range(SUBJECTS)],
            "expression": ["neutral", "left", "up"],
        },
        "subject": subject,
        "sequence": np.full(len(subject), -1),
        "frame": np.zeros(len(subject), dtype=int),
        "split": np.where(subject < 5, 0, 2),
        "vertices": [vertices],
        "n": len(subject),
        "provenance": {"source": "blobs"},
    }
    write_dataset(path, **(contents | changes))
    return path


@pytest.fixture
def tiny_dataset(tmp_path) -> Path:
    return blobs(tmp_path / "blobs.h5")


@pytest.fixture
def dataset(tiny_dataset):
    with load_dataset(tiny_dataset) as opened:
        yield opened


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """Open people of three factors, of whom each shows every combination once."""
    with load_dataset(write_people(tmp_path_factory.mktemp("people") / "people.h5")) as opened:
        yield opened


@pytest.fixture
def tiny_config() -> Config:
    return tiny()


def tiny(**training: object) -> Config:
    """Return the smallest configuration that has every part."""
    tree = {
        "factors": [
            {"name": "identity", "code_size": 4},
            {"name": "expression", "code_size": 3},
        ],
        "generator": {"hidden": 16, "ema": 0.9, "noise_size": 2},
        "discriminator": {"widths": [4, 4, 8, 8]},
        "mapping": {"size": 16},
        "training": {"iterations": 6, "batch": 8, "critic_steps": 2, "threads": 1} | training,
        "output": {
            "log_every": 1,
            "instruments_every": 3,
            "picture_every": 3,
            "checkpoint_every": 2,
            "keep": 2,
            "tensorboard": False,
        },
    }
    return parse_config(tree, "the test")
