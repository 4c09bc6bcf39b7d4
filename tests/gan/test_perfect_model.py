"""The real faces themselves as a generator, one face for all, shuffled codes: metrics must tell."""

import numpy as np
import pytest

from gan.datasets.store import load_dataset
from gan.evaluation import evaluate
from gan.sections import MetricConfig
from tests.gan.conftest import blobs
from tests.gan.interacting import Interacting, write_pairs
from tests.gan.replay import Replay


def measure(model, dataset, *names):
    metrics = [MetricConfig(name=name) for name in names]
    found = evaluate(model, dataset, n_samples=120, n_pairs=600, metrics=metrics)
    assert found.skipped == {}
    return {name: measured.values for name, measured in found.metrics.items()}


OF_SAMPLES = ("specificity", "diversity", "energy", "labels", "distribution", "generalisation")


def test_the_training_set_is_perfect(people):
    found = measure(Replay(people), people, *OF_SAMPLES)
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
    assert found["generalisation"]["training"].mean == 0


def test_the_held_out_people_are_their_own_distribution(people):
    """Training people come near them; one face for all is far away, however real it is."""
    held, seen, collapsed = (
        measure(model, people, "distribution")["distribution"]
        for model in (
            Replay(people, split="test"),
            Replay(people),
            Replay(people, split="test", collapsed=True),
        )
    )
    apart = collapsed["model"].mean
    # Six people drawn again and again are nearer to each other than six different ones.
    assert held["model"].mean < seen["model"].mean < 0.5 * apart
    # As people, the training set draws nobody twice: less is between the two.
    assert abs(held["training"].mean) < 0.25 * apart
    assert held["model, coverage"].mean > 0.9
    assert collapsed["model, coverage"].mean < 0.5
    assert held["model, density"].mean > seen["model, density"].mean
    assert held["training"] == seen["training"]


def test_one_face_is_specific_and_nothing_else(people):
    found, perfect = (
        measure(Replay(people, collapsed=c), people, *OF_SAMPLES) for c in (True, False)
    )
    assert found["specificity"]["model"].mean < 1e-4
    assert {v.mean for k, v in found["diversity"].items() if k.startswith("model")} == {0}
    assert found["diversity"]["training"] == perfect["diversity"]["training"]
    for name, times in (("distribution", 2), ("generalisation", 1.2)):
        assert found[name]["model"].mean > times * perfect[name]["model"].mean


def test_shuffled_codes_make_as_good_faces_with_wrong_labels(people):
    shuffled = measure(Replay(people, shuffled=True), people, *OF_SAMPLES)
    assert shuffled["specificity"]["model"].mean < 1e-4
    assert shuffled["labels"]["model, expression"].mean < 0.6
    perfect = measure(Replay(people), people, "diversity")
    for name, other in (("identity", "expression"), ("expression", "identity")):
        ours, theirs = (
            shuffled["diversity"][f"model, same {name}"],
            perfect["diversity"][f"model, same {other}"],
        )
        assert ours.mean == pytest.approx(theirs.mean, rel=0.15)


def test_a_neutral_face_is_that_of_the_person(tmp_path):
    path = blobs(tmp_path / "faces.h5", rings=6)
    write_pairs(path, Interacting())
    with load_dataset(path) as dataset:
        perfect, swapped, collapsed = (
            measure(model, dataset, "neutralisation")["neutralisation"]
            for model in (Interacting(), Interacting(swapped=True), Interacting(collapsed=True))
        )
    scanned, spread = perfect["as scanned"].mean, perfect["as scanned, spread"].mean
    assert perfect["model"].mean < 0.1 * scanned
    assert perfect["model, spread"].mean < 0.1 * spread
    assert swapped["model"].mean > 0.5 * scanned
    # One face has no spread, but it is nobody's own.
    assert collapsed["model, spread"].mean == 0
    assert collapsed["model"].mean > 0.5 * scanned
    assert perfect["model"].unit == "people"


def test_without_pairs_the_held_out_split_is_neutralised(people):
    found = measure(Replay(people, split="test"), people, "neutralisation")["neutralisation"]
    # Of every person there are two faces at rest, with the mouth closed and open.
    assert found["model"].n == 6 * 3 * 2
    assert found["model"].mean < 0.7 * found["as scanned"].mean
