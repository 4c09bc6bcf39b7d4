"""All metrics together, on a data set of blobs and models whose quality is known."""

import json

import numpy as np
import pytest
import torch

from gan.datasets.store import load_dataset
from gan.errors import CheckpointError, DatasetError
from gan.evaluation import Evaluation, evaluate
from gan.evaluation.metric import default_metrics
from gan.evaluation.metrics.specificity import ANOTHER_MESH
from gan.sections import MetricConfig
from meshkit.primitives import hemisphere
from tests.gan.conftest import blobs
from tests.linear_model import linear_model

SETTINGS = {"n_samples": 40, "n_pairs": 200}


def model_of(dataset, identity: float = 1.0, expression: float = 1.0, noise: float = 0.0):
    """Stretch like the data's subjects, bulge like its expressions."""
    template = dataset.template.astype(np.float64)
    rng = np.random.default_rng(0)
    stretch = np.stack([template * np.eye(3)[k] for k in range(3)]) * 0.05
    unit = template / 100
    bulge = np.stack([8 * unit * (unit[:, :1] > 0), 8 * unit * (unit[:, 1:2] > 0)]) * 0.85
    subjects = tuple(f"subject {i}" for i in range(5))
    return linear_model(
        {
            "identity": identity * stretch,
            "expression": expression * bulge,
            "noise": noise * rng.normal(size=(50, *template.shape)),
        },
        template=template,
        faces=dataset.faces,
        classes={"identity": subjects, "expression": ("neutral", "left", "up")},
        codes={
            "identity": np.random.default_rng(0).normal(size=(6, 3))[:5],
            "expression": [[0, 0], [1, 0], [0, 1]],
        },
        provenance={"step": 12, "dataset": dataset.fingerprint},
    )


def test_good_noisy_and_collapsed_models_score_as_they_must(dataset):
    good = evaluate(model_of(dataset), dataset, **SETTINGS)
    noisy = evaluate(model_of(dataset, noise=2.0), dataset, **SETTINGS)
    collapsed = evaluate(model_of(dataset, 0.0, 0.0), dataset, **SETTINGS)
    right, rough, one_face = (
        {name: m.values for name, m in e.metrics.items()} for e in (good, noisy, collapsed)
    )
    assert good.metrics["labels"].notes["expression"].startswith("3 of 3 labels")
    assert good.metrics["labels"].notes["identity"].startswith("5 of 5 labels")
    assert right["diversity"]["model"].mean > right["diversity"]["model, same identity"].mean > 0
    assert right["energy"]["model"].mean < 4 * right["energy"]["training"].mean
    assert rough["energy"]["model"].mean > 10 * right["energy"]["model"].mean
    assert rough["specificity"]["model"].mean > 2 * right["specificity"]["model"].mean
    near, people = (right["specificity"][key] for key in (ANOTHER_MESH, "training"))
    assert near.mean < people.mean
    assert rough["specificity"][ANOTHER_MESH] == near
    assert rough["diversity"]["training"] == right["diversity"]["training"]
    made = {key: v for key, v in one_face["diversity"].items() if key.startswith("model")}
    assert {value.mean for value in made.values()} == {0}
    assert one_face["energy"]["model"].mean < 1e-6
    assert collapsed.metrics["labels"].notes["expression"].startswith("1 of 3 labels")
    assert "no linear modes" in good.skipped["model-free"]


def test_distances_by_brute_force(dataset):
    """A collapsed model is the template; all 60 training meshes are asked, each against all."""
    chosen = [MetricConfig(name=name) for name in ("specificity", "diversity")]
    model = model_of(dataset, 0.0, 0.0)
    found = evaluate(model, dataset, metrics=chosen, n_samples=60, n_pairs=4000).metrics
    rows = dataset.indices("train")
    X, subject = dataset.vertices(rows).astype(np.float64), dataset.subject[rows]
    from_template = np.linalg.norm(X - dataset.template, axis=2).mean(axis=1)
    apart = np.linalg.norm(X[:, None] - X, axis=3).mean(axis=2)
    other = ~np.eye(len(X), dtype=bool)
    stranger = subject[:, None] != subject
    of_others = np.where(stranger, apart, np.inf).min(axis=1).mean()
    expected = {
        "specificity": {
            "model": from_template.min(),
            ANOTHER_MESH: np.where(other, apart, np.inf).min(axis=1).mean(),
            "training": of_others,
        },
    }
    for name, values in expected.items():
        assert {key: v.mean for key, v in found[name].values.items()} == pytest.approx(values)
    pairs = found["diversity"].values
    assert pairs["training"].mean == pytest.approx(apart[other].mean(), rel=0.03)
    alike = apart[~stranger & other].mean()
    assert pairs["training, same identity"].mean == pytest.approx(alike, rel=0.03)


def test_the_record_is_complete_and_reproducible(dataset, tmp_path):
    stages = []
    found = evaluate(
        model_of(dataset),
        dataset,
        seed=5,
        progress=lambda stage, *_: stages.append(stage),
        **SETTINGS,
    )
    again = evaluate(model_of(dataset), dataset, seed=5, **SETTINGS)
    other = evaluate(model_of(dataset), dataset, seed=6, **SETTINGS)
    assert stages == [metric.name for metric in default_metrics()]
    found.save(tmp_path / "a.json")
    again.save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert found.metrics["specificity"] != other.metrics["specificity"]
    assert found.model == {"step": 12, "dataset": dataset.fingerprint}
    assert found.dataset == {
        "name": dataset.path.name,
        "fingerprint": dataset.fingerprint,
        "training_meshes": 60,
    }
    assert Evaluation.load(tmp_path / "a.json").as_dict() == found.as_dict()


def test_the_model_free_check_of_data_with_modes(tmp_path):
    V, _ = hemisphere(8)
    modes = {
        "identity": np.stack([100 * V * np.eye(3)[k] for k in range(3)]),
        "expression": np.stack([V * (V[:, :1] > 0), V * (V[:, 1:2] > 0)]),
    }
    with load_dataset(blobs(tmp_path / "modes.h5", modes=modes)) as dataset:
        found = evaluate(model_of(dataset), dataset, **SETTINGS)
    assert found.skipped == {}
    measured = found.metrics["model-free"]
    for who in ("model", "training"):
        assert measured.values[f"{who}, identity, own"].mean > 0.9
        assert measured.values[f"{who}, expression, own"].mean > 0.9
        assert abs(measured.values[f"{who}, expression, leak"].mean) < 0.2
        matrix = measured.matrices[who]
        assert matrix.rows == ("identity part", "expression part", "outside all modes")
        cell = matrix.cells[1][matrix.columns.index("by expression")]
        assert cell == measured.values[f"{who}, expression, own"]
        assert matrix.size_unit == "mm² a vertex"
    found.save(tmp_path / "evaluation.json")
    assert Evaluation.load(tmp_path / "evaluation.json").as_dict() == found.as_dict()


def test_labels_that_the_data_does_not_know_are_skipped(tmp_path):
    names = {"identity": [f"other {i}" for i in range(6)], "expression": ["neutral", "left", "up"]}
    with load_dataset(blobs(tmp_path / "other.h5", names=names)) as dataset:
        found = evaluate(model_of(dataset), dataset, **SETTINGS)
    assert set(found.metrics["labels"].values) == {"model, expression"}
    diversity = found.metrics["diversity"]
    assert "training, same expression" in diversity.values
    assert "training, same identity" not in diversity.values
    assert "no label" in diversity.skipped["training, same identity"]
    assert "no label" in found.metrics["labels"].skipped["identity"]


def test_a_single_subject_is_held_against_no_other(tmp_path):
    alone = blobs(tmp_path / "alone.h5", subject=np.zeros(72, int), split=np.zeros(72, int))
    chosen = [MetricConfig(name="specificity")]
    with load_dataset(alone) as dataset:
        found = evaluate(model_of(dataset), dataset, metrics=chosen, **SETTINGS).metrics
    for measured in found.values():
        assert "single subject" in measured.skipped["training"]
        assert "training" not in measured.values


def test_another_topology_is_refused(dataset, tmp_path):
    with load_dataset(blobs(tmp_path / "coarse.h5", rings=5)) as coarse:
        model = model_of(coarse)
    with pytest.raises(DatasetError, match=r"other topology: .* faces, the model has"):
        evaluate(model, dataset, **SETTINGS)


def test_no_training_split_is_refused(tmp_path):
    dataset = load_dataset(blobs(tmp_path / "test.h5", split=np.full(72, 2)))
    with dataset, pytest.raises(DatasetError, match="the training split has 0 meshes"):
        evaluate(model_of(dataset), dataset, **SETTINGS)


def test_a_model_that_overflows_is_refused(dataset):
    model = model_of(dataset)
    model.weights["b2"] = torch.full_like(model.weights["b2"], float("inf"))
    with pytest.raises(CheckpointError, match="not finite"):
        evaluate(model, dataset, **SETTINGS)


def test_too_few_samples_are_refused(dataset):
    with pytest.raises(ValueError, match="20 samples and 2 pairs or more, got 5 and 10"):
        evaluate(model_of(dataset), dataset, n_samples=5, n_pairs=10)
    assert evaluate(model_of(dataset), dataset, n_samples=20, n_pairs=2, metrics=()).n_pairs == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace('"mean"', '"median"'),
        lambda text: json.dumps(json.loads(text) | {"metrics": {"energy": {"values": {}}}}),
        lambda text: "[" * 100_000,
    ],
)
def test_damaged_files_are_named(dataset, tmp_path, damage):
    path = tmp_path / "evaluation.json"
    evaluate(model_of(dataset), dataset, **SETTINGS).save(path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(CheckpointError, match=r"evaluation\.json is damaged"):
        Evaluation.load(path)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("something else", "is not a 'meshkit-gan evaluation 2' file"),
        ("meshkit-gan evaluation 1", "an earlier version, .*: the run must be measured again"),
    ],
)
def test_files_of_another_kind_are_named(tmp_path, kind, said):
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps({"format": kind}))
    with pytest.raises(CheckpointError, match=rf"evaluation\.json.*{said}"):
        Evaluation.load(path)
