"""Parts of evaluations: found again, and only when everything they depend on is the same."""

import pytest
import torch

from gan.errors import CheckpointError
from gan.evaluation import evaluate
from gan.evaluation.kept import KeptParts, model_fingerprint
from gan.evaluation.metric import METRICS, Unmeasurable, default_metrics
from gan.sections import MetricConfig
from tests.gan.test_evaluate import model_of

SETTINGS = {"n_samples": 20, "n_pairs": 20}
TAKEN = [*default_metrics(), MetricConfig(name="generalisation")]
NAMES = [metric.name for metric in TAKEN]


def kept(folder, **options) -> KeptParts:
    return KeptParts(folder, {"model": "m", "dataset": "d"}, **options)


def measure(dataset, parts, **changes):
    stages = []
    found = evaluate(
        model_of(dataset),
        dataset,
        kept=parts,
        metrics=TAKEN,
        progress=lambda stage, *_: stages.append(stage),
        **(SETTINGS | changes),
    )
    assert [stage for stage in stages if stage in NAMES] == NAMES
    return found


def no_work(*given, **named):
    raise CheckpointError("this was computed before")


def test_nothing_is_computed_twice(dataset, tmp_path, monkeypatch):
    first = measure(dataset, kept(tmp_path / "parts"))
    # The data has no modes: what could not be measured is not kept.
    assert len(list((tmp_path / "parts").iterdir())) == len(NAMES) - 1
    for name in NAMES:
        monkeypatch.setattr(METRICS.find(name), "measure", no_work)
    assert measure(dataset, kept(tmp_path / "parts")).as_dict() == first.as_dict()
    for other in (
        kept(tmp_path / "parts", fresh=True),
        kept(tmp_path / "elsewhere"),
        kept(None),
        KeptParts(tmp_path / "parts", {"model": "another", "dataset": "d"}),
    ):
        with pytest.raises(CheckpointError, match="computed before"):
            measure(dataset, other)
    with pytest.raises(CheckpointError, match="computed before"):
        measure(dataset, kept(tmp_path / "parts"), seed=1)


def test_damaged_parts_are_computed_anew(dataset, tmp_path):
    first = measure(dataset, kept(tmp_path))
    for path, damage in zip(
        sorted(tmp_path.glob("*.json")),
        ("", "[]", '{"format": 1}', '{"format": "x", "key": []}', "\x00"),
        strict=True,
    ):
        path.write_text(damage)
    with pytest.warns(UserWarning, match="is damaged"):
        assert measure(dataset, kept(tmp_path)).as_dict() == first.as_dict()


def test_what_could_not_be_measured_is_tried_again(dataset, tmp_path, monkeypatch):
    def refuse(*given, **named):
        raise Unmeasurable("come back later")

    with monkeypatch.context() as patched:
        patched.setattr(METRICS.find("generalisation"), "measure", refuse)
        found = measure(dataset, kept(tmp_path))
    assert found.skipped["generalisation"] == "come back later"
    assert "generalisation" in measure(dataset, kept(tmp_path)).metrics


def test_a_fingerprint_is_that_of_all_weights_and_of_nothing_else(dataset):
    model = model_of(dataset)
    before = model_fingerprint(model)
    assert model_fingerprint(model_of(dataset)) == before
    model.weights["b2"] = model.weights["b2"] + torch.eye(len(model.weights["b2"]))[-1] * 1e-3
    assert model_fingerprint(model) != before
    model = model_of(dataset)
    model.provenance["step"] = 13
    assert model_fingerprint(model) != before


def test_only_what_is_chosen_is_measured(dataset):
    diversity = [MetricConfig(name="diversity")]
    found = evaluate(model_of(dataset), dataset, metrics=diversity, **SETTINGS)
    assert [*found.metrics, *found.skipped] == ["diversity"]
    whole = evaluate(model_of(dataset), dataset, **SETTINGS)
    assert found.metrics["diversity"] == whole.metrics["diversity"]
    assert found.metrics["diversity"].values["training"].unit == "subjects"


def test_pairs_matter_only_to_what_draws_them(dataset, tmp_path):
    measure(dataset, kept(tmp_path))
    before = len(list(tmp_path.iterdir()))
    measure(dataset, kept(tmp_path), n_pairs=30)
    assert len(list(tmp_path.iterdir())) == before + 1
