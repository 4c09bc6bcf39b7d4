"""Decoupling: a perfect model, a collapsed one, one that ignores a code; weak judges; budgets."""

import numpy as np
import pytest
import torch

from gan.evaluation import Evaluation, evaluate
from gan.evaluation.context import Context
from gan.evaluation.embedding.judge import Figures, Judge
from gan.evaluation.embedding.lessons import Taught
from gan.evaluation.embedding.network import EmbeddingNetwork
from gan.evaluation.embedding.threshold import Threshold
from gan.evaluation.estimate import estimate
from gan.evaluation.metrics.decoupling import Decoupling, shared_verdict, unrelated_verdict
from gan.report.tables import metric_rows
from gan.sections import MetricConfig
from tests.gan.replay import Replay

OPTIONS = {
    "faces": 24,
    "identity_samples": 6,
    "samples": 4,
    "image": 24,
    "width": 8,
    "blocks": [1, 1, 1],
    "embedding": 16,
    "pictures": 150,
    "shift": 0,  # a pixel of 24 is what these people differ by
    "classes": 8,
    "batch": 32,
    "steps": 40,
    "rate": 5e-3,
    "pairs": 400,
    "least_accuracy": 0.75,
}
CPU = torch.device("cpu")
FACTORS = ("identity", "expression", "viseme")


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("judges")


@pytest.fixture
def judges(shared_cache, own_cache, monkeypatch):
    """Let the tests of this file share their judges."""
    monkeypatch.setenv("MESHKIT_GAN_CACHE", str(shared_cache))


def measure(model, dataset, **options):
    metrics = [MetricConfig(name="decoupling", options=OPTIONS | options)]
    return evaluate(model, dataset, n_samples=20, n_pairs=2, metrics=metrics)


def test_perfect_collapsed_and_careless_models_score_as_they_must(people, judges):
    perfect, collapsed, careless = (
        measure(model, people).metrics["decoupling"].values
        for model in (
            Replay(people),
            Replay(people, collapsed=True),
            Replay(people, ignored=("identity",)),
        )
    )
    for name in FACTORS:
        # The faces were seen in training: as good as held-out ones, or better.
        assert perfect[f"model, {name}"].mean > perfect[f"training, {name}"].mean - 0.1
        assert perfect[f"model, {name}"].mean > perfect[f"model, {name}, unrelated"].mean + 0.3
        assert perfect[f"training, {name}, unrelated"].mean <= 0.05
        assert collapsed[f"model, {name}"].mean == 1
        assert collapsed[f"model, {name}, unrelated"].mean == 1
        assert perfect[f"judge of {name}, accuracy"].mean >= 0.75
    shared, unrelated = (careless[f"model, identity{rest}"] for rest in ("", ", unrelated"))
    assert abs(shared.mean - unrelated.mean) < 0.15
    assert careless["model, expression"].mean > perfect["model, expression"].mean - 0.1
    assert perfect["model, identity"].n == 24 * 6
    assert perfect["model, viseme"].n == 24 * 4
    assert perfect["model, identity"].unit == "faces"


def test_it_travels_and_is_shown_with_its_judge(people, judges, tmp_path):
    measure(Replay(people), people).save(tmp_path / "evaluation.json")
    found = Evaluation.load(tmp_path / "evaluation.json")
    names = [row.name for row in metric_rows(found)]
    for name in FACTORS:
        assert f"decoupling, {name}, %" in names
        assert f"decoupling, {name}, unrelated, %" in names
        assert f"decoupling: judge of {name}, accuracy, %" in names
    notes = found.metrics["decoupling"].notes
    assert "false acceptances, threshold" in notes["judge of identity"]
    assert "learned from 96 labelled faces, weights" in notes["judge of identity"]
    for name in ("expression", "viseme"):
        carried = "from 96 labelled faces and 96 carried to other people, weights"
        assert carried in notes[f"judge of {name}"]


def test_a_weak_judge_gives_no_verdict(people, judges):
    found = measure(Replay(people), people, least_accuracy=1.01)
    assert not found.metrics
    reason = found.skipped["decoupling"]
    assert reason.count("judge too weak: accuracy ") == len(FACTORS)
    assert all(f"({name})" in reason for name in FACTORS)


def test_a_budget_stops_and_the_next_call_goes_on(people):
    few = {"steps": 3, "least_accuracy": 0.0}
    stopped = measure(Replay(people), people, budget=1e-9, **few)
    assert "identity has learned for 1 of 3 steps" in stopped.skipped["decoupling"]
    found = measure(Replay(people), people, **few)
    assert set(found.metrics["decoupling"].notes) == {f"judge of {name}" for name in FACTORS}


def near_judge(distance: float) -> Judge:
    """A judge with a threshold, whose network is not asked, and three figures that differ."""
    figures = Figures(*(estimate(np.full(2, share)) for share in (0.9, 0.8, 0.07)))
    threshold = Threshold(distance, 1.0, 1.0, 0.0)
    taught = Taught(2, 0)
    network = EmbeddingNetwork(width=1, blocks=(1,), size=2)
    return Judge("mood", network, threshold, figures, CPU, "0", taught)


def test_verdicts_against_loops():
    E = 0.6 * np.random.default_rng(0).normal(size=(7, 5, 2))
    near = [float(np.linalg.norm(g[0] - x) < 1) for g in E for x in g[1:]]
    assert shared_verdict(near_judge(1.0), E).mean == pytest.approx(np.mean(near))
    far = [
        float(np.linalg.norm(E[i, 0] - E[j, 0]) < 1) for i in range(7) for j in range(7) if i != j
    ]
    assert unrelated_verdict(near_judge(1.0), E[:, 0]).mean == pytest.approx(np.mean(far))
    assert shared_verdict(near_judge(1.0), E).n == 28


def test_every_value_stands_under_its_own_name(people, monkeypatch):
    """Three faces; of identity two more for each, of the others one; only some lie within 1."""
    places = {9: [0, 0.1, 9, 0.2, 9, 0.2, 50, 50, 9], 6: [0, 0.1, 0.2, 9, 50, 50]}

    def judge_of(dataset, factor, *settings, **options):
        judge = near_judge(1.0)
        judge.factor = factor
        judge.embed = lambda maps: np.array(places[len(maps)], dtype=float)[:, None]
        return judge

    monkeypatch.setattr("gan.evaluation.metrics.decoupling.obtain_judge", judge_of)
    metric = Decoupling(faces=3, identity_samples=2, samples=1, image=16)
    found = metric.measure(Context(Replay(people), people), rng=torch.Generator()).values
    expected = {}
    for factor, shared in (("identity", 3 / 6), ("expression", 2 / 3), ("viseme", 2 / 3)):
        expected |= {
            f"judge of {factor}, accuracy": 0.9,
            f"model, {factor}": shared,
            f"training, {factor}": 0.8,
            f"model, {factor}, unrelated": 2 / 6,
            f"training, {factor}, unrelated": 0.07,
        }
    assert {name: value.mean for name, value in found.items()} == pytest.approx(expected)


def test_too_few_faces_are_refused():
    with pytest.raises(ValueError, match="needs two faces and one sample"):
        Decoupling(faces=1)
