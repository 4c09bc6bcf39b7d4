"""Metrics that are asked for by name: what they find, and how they travel."""

import dataclasses
import math

import numpy as np
import pytest

from gan.cli.compare import compare as cli_compare
from gan.cli.evaluate import evaluate as cli_evaluate
from gan.datasets.store import load_dataset
from gan.errors import ConfigError
from gan.evaluation import Evaluation, evaluate
from gan.evaluation.context import Context
from gan.evaluation.estimate import Estimate
from gan.evaluation.metric import METRICS, AbstractMetric, columns_of, default_metrics
from gan.evaluation.result import Measured
from gan.report.tables import NOTHING, metric_rows
from gan.sections import MetricConfig
from gan.study.results import CompareSettings
from gan.study.tables import table1, table2
from meshkit.primitives import hemisphere
from tests.gan.conftest import blobs
from tests.gan.interacting import Interacting, write_pairs
from tests.gan.study.handmade import comparison, result
from tests.gan.test_evaluate import model_of
from tests.linear_model import linear_model

SETTINGS = {"n_samples": 40, "n_pairs": 20}
SPECIFICITY = [MetricConfig(name="specificity")]
TINY = {
    "decoupling": {
        "faces": 2,
        "judges": 1,
        "samples": 1,
        "image": 16,
        "width": 2,
        "blocks": [1],
        "steps": 2,
        "pairs": 20,
        "least_accuracy": 0.0,
    },
    "sparse": {"steps": 5, "starts": 1, "priors": [1.0]},
}


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_measures_travels_and_is_shown(name, tmp_path):
    """In the tables of `gan evaluate` and of a comparison; beside others it finds the same."""
    V, _ = hemisphere(8)
    modes = {"identity": 100 * V[None] * np.eye(3)[:, None], "expression": V[None] * (V[:, :1] > 0)}
    two_held_out = np.repeat([0, 2], [48, 24])
    marked = blobs(tmp_path / "marked.h5", landmarks=np.arange(68), modes=modes, split=two_held_out)
    write_pairs(marked, Interacting(rings=8))
    chosen = [MetricConfig(name=name, options=TINY.get(name, {}))]
    with load_dataset(marked) as dataset:
        model, stages = model_of(dataset), list[str]()
        found = evaluate(
            model,
            dataset,
            metrics=chosen,
            progress=lambda stage, *_: stages.append(stage),
            **SETTINGS,
        )
        beside = evaluate(model, dataset, metrics=[*SPECIFICITY, *chosen], **SETTINGS)
    assert stages[0] == name
    assert found.metrics[name] == beside.metrics[name]
    values = found.metrics[name].values
    assert np.isfinite([v.mean for who, v in values.items() if who.startswith("model")]).any()
    found.save(tmp_path / "evaluation.json")
    assert Evaluation.load(tmp_path / "evaluation.json").as_dict() == found.as_dict()
    assert any(row.name.startswith(name) for row in metric_rows(found))
    whole = comparison(result("ours", found), settings=CompareSettings(metrics=tuple(chosen)))
    table = table1(whole) if METRICS.find(name).table == 1 else table2(whole)
    (row,) = (row for row in table.rows if row.name == "ours")
    assert any(cell.value in values.values() for cell in row.cells)


def test_an_unknown_metric_lists_the_known(dataset):
    with pytest.raises(ConfigError, match=r"unknown metric 'beauty'; known: .*distribution"):
        evaluate(model_of(dataset), dataset, metrics=[MetricConfig(name="beauty")], **SETTINGS)


COLUMNS = """
decoupling.identity | model, identity | training, identity | % | higher
same.identity | model, identity, same | training, identity, same | % | higher
area.identity | model, identity, area | training, identity, area | % | higher
unrelated.identity | model, identity, unrelated | training, identity, unrelated | % | lower
diversity.any | model | training | mm | reference
diversity.identity | model, same identity | training, same identity | mm | reference
specificity | model | training | mm | lower
transfer | model |  | mm | lower
transfer.face | model, whole face |  | mm | lower
distribution.energy | model | training | mm | lower
distribution.density | model, density | training, density |  | reference
distribution.coverage | model, coverage | training, coverage | % | higher
neutralisation | model |  | mm | lower
neutralisation.spread | model, spread |  | mm | lower
own.identity | model, identity, own | training, identity, own | % | higher
leak.identity | model, identity, leak | training, identity, leak | % | lower
energy | model | training |  | reference
reconstruction.held-out | model |  | mm | lower
reconstruction.seen | training |  | mm | lower
labels.identity | model, identity |  | % | higher
"""


def test_every_column_reads_its_own_value():
    """The key, the values of model and training set under it, the unit, which way is better."""
    names = [m.name for m in default_metrics(compare=True)]
    columns = columns_of(names, ["identity"], [])
    rows = [(c.key, c.value, c.reference, c.unit, c.better) for c in columns]
    expected = [tuple(x.strip() for x in row.split("|")) for row in COLUMNS.split("\n")[1:-1]]
    assert sorted(rows) == sorted(expected)


def test_every_number_stands_in_its_own_row(dataset):
    values = {
        "judges of identity, accuracy": 0.11,
        "model, identity": 0.22,
        "training, identity": 0.33,
        "model, identity, unrelated": 0.44,
        "training, identity, unrelated": 0.55,
    }
    known = {name: Estimate(mean, math.nan, 9) for name, mean in values.items()}
    found = evaluate(model_of(dataset), dataset, metrics=(), **SETTINGS)
    found = dataclasses.replace(found, metrics={"decoupling": Measured(known, unit="%")})
    assert [row[:3] for row in metric_rows(found)] == [
        ("decoupling: judges of identity, accuracy, %", "11.0", NOTHING),
        ("decoupling, identity, %", "22.0", "33.0"),
        ("decoupling, identity, unrelated, %", "44.0", "55.0"),
    ]


def test_shared_faces_are_the_same_whether_kept_or_made_again(dataset, monkeypatch):
    context = Context(model_of(dataset), dataset, n_samples=30)
    made, real = list(context.generated()), list(context.training())
    assert all(x is y for x, y in zip(made, context.generated(), strict=True))
    monkeypatch.setattr("gan.evaluation.context._MAX_KEPT", 0)
    np.testing.assert_array_equal(np.concatenate(made), np.concatenate(list(context.generated())))
    for (rows, X), (again, Y) in zip(real, context.training(), strict=True):
        np.testing.assert_array_equal(rows, again)
        np.testing.assert_array_equal(X, Y)
        np.testing.assert_array_equal(X, dataset.vertices(context.rows[rows]))


def test_a_model_without_codes_is_measured_by_its_faces_alone(dataset):
    noise = {"noise": np.random.default_rng(0).normal(size=(3, *dataset.template.shape))}
    template = dataset.template.astype(np.float64)
    model = linear_model(noise, template=template, faces=dataset.faces)
    found = evaluate(model, dataset, metrics=default_metrics(compare=True), **SETTINGS)
    assert [*found.metrics] == ["diversity", "specificity", "energy", "generalisation"]
    assert set(found.metrics["diversity"].values) == {"model", "training"}
    for name in ("labels", "model-free", "decoupling", "transfer", "neutralisation"):
        assert found.skipped[name] == "the model has no codes of factors"


@pytest.mark.parametrize(("command", "compare"), [(cli_evaluate, False), (cli_compare, True)])
def test_the_help_names_what_is_taken_by_default(command, compare):
    (told,) = (option.help for option in command.params if option.name == "only")
    listed = ", ".join(metric.name for metric in default_metrics(compare=compare))
    assert f"[default: {listed}" in told


def test_a_metric_of_an_earlier_version_is_refused_by_name():
    with pytest.raises(
        TypeError, match=r"Old.measure takes \(self, model, dataset\); it must take"
    ):

        class Old(AbstractMetric):
            def measure(self, model, dataset):
                return {}
