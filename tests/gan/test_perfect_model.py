"""The training set itself as a generator, and one face for all: every metric must tell."""

import numpy as np
import pytest

from gan.datasets.store import load_dataset
from gan.evaluation import evaluate
from gan.evaluation.result import ANY, MODEL, TRAINING
from gan.sections import MetricConfig
from tests.gan.replay import Replay, write_people

FURTHER = [MetricConfig(name="coverage"), MetricConfig(name="generalisation")]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    with load_dataset(write_people(tmp_path_factory.mktemp("people") / "people.h5")) as dataset:
        yield dataset


def measure(model, dataset):
    return evaluate(model, dataset, n_samples=120, n_pairs=600, metrics=FURTHER)


def test_the_training_set_is_perfect(people):
    found = measure(Replay(people), people)
    assert found.specificity[MODEL].mean < 1e-4  # float32
    for share in (ANY, "identity", "expression", "viseme"):
        ours, theirs = (found.diversity[who][share] for who in (MODEL, TRAINING))
        # A code may draw the same face twice, labels of a collection may not.
        assert abs(ours.mean - theirs.mean) < 0.2 * theirs.mean
    assert found.diversity[MODEL][ANY].mean > 1.1 * found.diversity[MODEL]["identity"].mean
    ours, theirs = found.energy[MODEL], found.energy[TRAINING]
    assert abs(ours.mean - theirs.mean) < 3 * np.hypot(ours.standard_error, theirs.standard_error)
    for name, classes in (("identity", 12), ("expression", 4), ("viseme", 2)):
        assert found.match[name].matched == classes
    coverage, rest = (found.further[name].values for name in ("coverage", "generalisation"))
    assert coverage["model"].mean < coverage["training"].mean
    assert rest["training"].mean == 0


def test_one_face_is_specific_and_nothing_else(people):
    found = measure(Replay(people, collapsed=True), people)
    perfect = measure(Replay(people), people)
    assert found.specificity[MODEL].mean < 1e-4
    assert {estimate.mean for estimate in found.diversity[MODEL].values()} == {0}
    assert found.diversity[TRAINING] == perfect.diversity[TRAINING]
    ours, theirs = (x.further["coverage"].values["model"].mean for x in (found, perfect))
    assert ours > 2 * theirs
    ours, theirs = (x.further["generalisation"].values["model"].mean for x in (found, perfect))
    assert ours > 1.2 * theirs
