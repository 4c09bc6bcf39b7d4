"""Training with fewer labels: which ones are left, and that every model takes it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan.baselines.train import train_baseline
from gan.config import Config, parse_config
from gan.datasets.label_share import share_of_labels
from gan.datasets.store import load_dataset
from gan.runs.checkpoints import load_model
from gan.training.loop import start, train
from tests.gan.baselines.conftest import NAMES, fast
from tests.gan.conftest import tiny

CLASSES = ("sad", "neutral", "happy")
SHARES = st.floats(0, 1)


@given(st.lists(st.integers(-1, 2), max_size=60), SHARES, SHARES, st.integers(0, 9))
def test_shares_are_nested_and_every_class_has_its_own(labels, a, b, seed):
    """Fewer labels are some of the more; each class keeps ⌈share · n⌉, rest keeps all."""
    labels = np.array(labels, dtype=np.int64)
    less, more = (share_of_labels(labels, CLASSES, s, seed=seed) for s in sorted((a, b)))
    assert (np.isin(less, [-1]) | (less == more)).all()
    assert (np.isin(more, [-1]) | (more == labels)).all()
    for k, name in enumerate(CLASSES):
        n = (labels == k).sum()
        expected = n if name == "neutral" else np.ceil(min(a, b) * n)
        assert (less == k).sum() == expected
    whole = share_of_labels(labels, CLASSES, 1.0, seed=seed)
    np.testing.assert_array_equal(whole, labels)


def test_the_seed_says_which_labels_are_left():
    labels = np.tile([0, 2], 50)
    masks = [share_of_labels(labels, CLASSES, 0.3, seed=k) >= 0 for k in (0, 0, 1)]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()


def with_share(share: float, start: str = "additive") -> Config:
    tree = tiny().model_dump(mode="json")
    tree["factors"][1] |= {"label_share": share}
    tree["factors"][1]["losses"] |= {"classification": 1.0 if share else 0.0}
    tree["generator"] |= {"name": "mlp-components", "start": start}
    return parse_config(tree, "the test")


@pytest.mark.parametrize("begin", ["additive", "factored-components", "principal-components"])
def test_a_network_without_labels_keeps_its_classes(tiny_dataset, tmp_path, begin):
    with load_dataset(tiny_dataset) as dataset:
        fewer = start(with_share(0.1), dataset, torch.device("cpu")).problem
        seen = fewer.labels["expression"].labels
        known = dataset.labels["expression"][fewer.indices]
        assert [(seen == k).sum() for k in range(3)] == [(known == 0).sum(), 2, 2]
    train(with_share(0.0, begin), tiny_dataset, tmp_path / "run", device="cpu")
    assert load_model(tmp_path / "run").factors[1].classes == ("neutral", "left", "up")


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_learns_from_faces_at_rest_alone(name, tiny_dataset, tmp_path):
    train_baseline(fast(name, "label_share=0"), tiny_dataset, tmp_path / "run", device="cpu")
    model = load_model(tmp_path / "run")
    assert model.factors[1].classes == ("neutral",)
