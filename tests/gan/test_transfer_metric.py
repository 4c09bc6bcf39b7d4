"""Transfer against the truth: the model that made the pairs, and worse ones."""

import numpy as np
import pytest
import torch

from gan.datasets.store import load_dataset
from gan.evaluation.context import Context
from gan.evaluation.metric import Unmeasurable
from gan.evaluation.metrics.transfer import Transfer
from tests.gan.conftest import blobs
from tests.gan.interacting import EXPRESSIONS, Interacting, write_pairs


@pytest.fixture(scope="module")
def beside(tmp_path_factory):
    """A data set with pairs beside it."""
    path = blobs(tmp_path_factory.mktemp("transfer") / "faces.h5", rings=6)
    write_pairs(path, Interacting())
    with load_dataset(path) as dataset:
        yield dataset


def measure(model, dataset, **options):
    found = Transfer(**options).measure(Context(model, dataset), rng=torch.Generator())
    return found, {name: value.mean for name, value in found.values.items()}


def test_perfect_plain_swapped_and_collapsed_models(beside):
    found, perfect = measure(Interacting(), beside)
    at_rest, addition = perfect["at rest"], perfect["addition"]
    assert addition > 0.2 * at_rest
    # The prior of 1 mm² holds codes back by a little.
    assert perfect["model"] < 0.02 * at_rest
    assert perfect["model, whole face"] < 0.05 * at_rest
    assert found.notes["codes"] == "found by a search through the decoder"
    _, plain = measure(Interacting(plain=True), beside)
    assert 0.5 * addition < plain["model"] < addition  # what no mode expresses is not carried
    _, collapsed = measure(Interacting(collapsed=True), beside)
    assert collapsed["model"] == pytest.approx(at_rest, rel=1e-5)
    assert collapsed["model, whole face"] > at_rest
    _, swapped = measure(Interacting(swapped=True), beside)
    assert swapped["model"] > 10 * perfect["model"]


def test_kinds_average_to_the_whole_and_people_are_resampled(beside):
    found, means = measure(Interacting(plain=True), beside)
    for kinds in (("strength 0.5", "strength 1"), EXPRESSIONS[1:]):
        parts = [means[f"model, {kind}"] for kind in kinds]
        assert np.mean(parts) == pytest.approx(means["model"], rel=1e-6)
    assert means["model, strength 1"] > means["model, strength 0.5"]
    assert found.values["model"].unit == "people"
    assert found.values["model"].design == found.values["addition"].design != ""
    assert found.notes["pairs"] == "28 pairs of 7 people in faces.transfer.h5"


def test_without_pairs_it_says_so(dataset):
    with pytest.raises(Unmeasurable, match=r"no pairs with a truth: blobs\.transfer\.h5 is not"):
        measure(Interacting(), dataset)
