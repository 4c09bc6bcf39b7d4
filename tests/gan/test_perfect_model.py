"""The training set itself as a generator, and one face for all: every metric must tell."""

import numpy as np

from gan.evaluation import evaluate
from gan.sections import MetricConfig
from tests.gan.replay import Replay

METRICS = [
    MetricConfig(name=name)
    for name in ("specificity", "diversity", "energy", "labels", "coverage", "generalisation")
]


def measure(model, dataset):
    found = evaluate(model, dataset, n_samples=120, n_pairs=600, metrics=METRICS)
    assert found.skipped == {}
    return {name: measured.values for name, measured in found.metrics.items()}


def test_the_training_set_is_perfect(people):
    found = measure(Replay(people), people)
    assert found["specificity"]["model"].mean < 1e-4  # float32
    diversity = found["diversity"]
    for same in ("", *(f", same {name}" for name in ("identity", "expression", "viseme"))):
        ours, theirs = (diversity[f"{who}{same}"] for who in ("model", "training"))
        # A code may draw the same face twice, labels of a collection may not.
        assert abs(ours.mean - theirs.mean) < 0.2 * theirs.mean
    assert diversity["model"].mean > 1.1 * diversity["model, same identity"].mean
    ours, theirs = found["energy"]["model"], found["energy"]["training"]
    assert abs(ours.mean - theirs.mean) < 3 * np.hypot(ours.standard_error, theirs.standard_error)
    for share in found["labels"].values():
        assert share.mean > 0.9
    assert found["coverage"]["model"].mean < found["coverage"]["training"].mean
    assert found["generalisation"]["training"].mean == 0


def test_one_face_is_specific_and_nothing_else(people):
    found, perfect = (measure(Replay(people, collapsed=c), people) for c in (True, False))
    assert found["specificity"]["model"].mean < 1e-4
    assert {v.mean for k, v in found["diversity"].items() if k.startswith("model")} == {0}
    assert found["diversity"]["training"] == perfect["diversity"]["training"]
    for name, times in (("coverage", 2), ("generalisation", 1.2)):
        assert found[name]["model"].mean > times * perfect[name]["model"].mean
