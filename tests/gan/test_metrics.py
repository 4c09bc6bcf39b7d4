"""Metrics that are asked for by name: what they find, and how they travel."""

import numpy as np
import pytest

from gan.datasets.store import load_dataset
from gan.errors import ConfigError
from gan.evaluation import Evaluation, evaluate
from gan.evaluation.metric import METRICS
from gan.evaluation.suite import STAGES
from gan.report.tables import metric_rows
from gan.sections import MetricConfig
from tests.gan.conftest import blobs
from tests.gan.test_evaluate import model_of

SETTINGS = {"n_samples": 40, "n_pairs": 20}
COVERAGE = [MetricConfig(name="coverage")]
TINY = {
    "decoupling": {
        "faces": 2,
        "identity_samples": 1,
        "samples": 1,
        "image": 16,
        "width": 2,
        "blocks": [1],
        "pictures": 100,
        "steps": 2,
        "pairs": 20,
        "least_accuracy": 0.0,
    },
    "sparse": {"steps": 5, "starts": 1, "priors": [1.0]},
}


@pytest.fixture
def dataset(tiny_dataset):
    with load_dataset(tiny_dataset) as opened:
        yield opened


def test_coverage_tells_collapse_where_specificity_does_not(dataset):
    good = evaluate(model_of(dataset), dataset, metrics=COVERAGE, **SETTINGS)
    collapsed = evaluate(model_of(dataset, 0.0, 0.0), dataset, metrics=COVERAGE, **SETTINGS)
    ours, theirs = (found.further["coverage"].values for found in (good, collapsed))
    assert theirs["model"].mean > 1.5 * ours["model"].mean
    assert ours["training"] == theirs["training"]
    # All faces are the template now: the distance to the nearest is the distance to it.
    X = dataset.vertices(dataset.indices("train"))
    distance = np.linalg.norm(X - dataset.template, axis=2).mean(axis=1)
    assert abs(theirs["model"].mean - distance.mean()) < 4 * theirs["model"].standard_error


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_measures_travels_and_is_shown(name, tmp_path):
    with load_dataset(blobs(tmp_path / "marked.h5", landmarks=np.arange(68))) as dataset:
        check_metric(name, dataset, tmp_path)


def check_metric(name, dataset, tmp_path):
    stages = []
    chosen = [MetricConfig(name=name, options=TINY.get(name, {}))]
    found = evaluate(model_of(dataset), dataset, metrics=chosen, watch=stages.append, **SETTINGS)
    assert stages == [*STAGES, name]
    values = found.further[name].values
    assert np.isfinite([v.mean for who, v in values.items() if who.startswith("model")]).any()
    found.save(tmp_path / "evaluation.json")
    assert Evaluation.load(tmp_path / "evaluation.json").as_dict() == found.as_dict()
    assert any(row.name.startswith(name) for row in metric_rows(found))
    again = evaluate(model_of(dataset), dataset, metrics=chosen, **SETTINGS)
    assert again.further == found.further
    alone = evaluate(model_of(dataset), dataset, **SETTINGS)
    assert alone.specificity == found.specificity


def test_an_unknown_metric_lists_the_known(dataset):
    with pytest.raises(ConfigError, match=r"unknown metric 'beauty'; known: .*coverage"):
        evaluate(model_of(dataset), dataset, metrics=[MetricConfig(name="beauty")], **SETTINGS)
