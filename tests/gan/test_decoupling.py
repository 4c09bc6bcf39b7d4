"""Decoupling: perfect, collapsed, careless and shuffled models; weak judges; budgets."""

import numpy as np
import pytest
import torch

from gan.datasets.benchmark.transfer_pairs import judges_path
from gan.datasets.store import load_dataset
from gan.evaluation import Evaluation, evaluate
from gan.evaluation.context import Context
from gan.evaluation.embedding.judge import Figures, Judge
from gan.evaluation.embedding.material import find_material, judge_data
from gan.evaluation.embedding.network import EmbeddingNetwork
from gan.evaluation.embedding.threshold import Threshold
from gan.evaluation.embedding.verdict import judge_codes
from gan.evaluation.estimate import estimate
from gan.evaluation.metrics.decoupling import Decoupling, unrelated_pairs
from gan.report.tables import metric_rows
from gan.sections import MetricConfig
from tests.gan.replay import Replay, write_people

OPTIONS = {
    "faces": 30,
    "samples": 4,
    "judges": 2,
    "image": 24,
    "width": 8,
    "blocks": [1, 1, 1],
    "embedding": 16,
    "shift": 0,  # a pixel of 24 is what these people differ by
    "classes": 8,
    "batch": 32,
    "steps": 60,
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


def test_perfect_collapsed_careless_and_shuffled_models_score_as_they_must(people, judges):
    perfect, collapsed, careless, shuffled = (
        measure(model, people).metrics["decoupling"].values
        for model in (
            Replay(people),
            Replay(people, collapsed=True),
            Replay(people, ignored=("identity",)),
            Replay(people, shuffled=True),
        )
    )
    for name in FACTORS:
        # The faces were seen in training: as good as held-out ones, or better. But two that share
        # nothing share a label now and then.
        assert perfect[f"model, {name}, same"].mean > perfect[f"training, {name}, same"].mean - 0.1
        assert perfect[f"model, {name}"].low > 0.2
        assert perfect[f"model, {name}, area"].low > 0.6
        assert perfect[f"training, {name}, unrelated"].mean <= 0.05
        assert collapsed[f"model, {name}, same"].mean == 1
        assert collapsed[f"model, {name}, unrelated"].mean == 1
        assert collapsed[f"model, {name}"].mean == 0
        assert collapsed[f"model, {name}, area"].mean == 0.5
        assert perfect[f"judges of {name}, accuracy"].mean >= 0.75
        assert perfect[f"judges of {name}, false acceptances"].mean <= 0.05
    assert abs(careless["model, identity"].mean) < 0.15
    assert abs(careless["model, identity, area"].mean - 0.5) < 0.1
    assert careless["model, expression"].mean > perfect["model, expression"].mean - 0.15
    for name in ("identity", "expression"):
        assert shuffled[f"model, {name}"].mean < perfect[f"model, {name}"].mean - 0.2
    assert (perfect["model, identity"].n, perfect["model, viseme"].n) == (120, 120)
    assert perfect["model, identity"].unit == "faces and judges"
    # The same codes and judges: how two models differ is known better than each alone.
    assert perfect["model, identity"].design == collapsed["model, identity"].design != ""


def test_it_travels_and_is_shown_with_its_judges(people, judges, tmp_path):
    measure(Replay(people), people).save(tmp_path / "evaluation.json")
    found = Evaluation.load(tmp_path / "evaluation.json")
    names = [row.name for row in metric_rows(found)]
    for name in FACTORS:
        assert f"decoupling, {name}, %" in names
        assert f"decoupling, {name}, unrelated, %" in names
        assert f"decoupling: judges of {name}, accuracy, %" in names
    note = found.metrics["decoupling"].notes["judges of identity"]
    assert "false acceptances, learned from 96 labelled faces of people.h5, weights" in note


def test_weak_judges_give_no_verdict(people, judges):
    found = measure(Replay(people), people, least_accuracy=1.01)
    assert not found.metrics
    reason = found.skipped["decoupling"]
    assert reason.count("judges too weak: accuracy ") == len(FACTORS)
    assert all(f"({name})" in reason for name in FACTORS)


def test_a_budget_stops_and_the_next_call_goes_on(people):
    few = {"steps": 3, "least_accuracy": 0.0}
    stopped = measure(Replay(people), people, budget=1e-9, **few)
    assert "identity has learned for 1 of 3 steps" in stopped.skipped["decoupling"]
    found = measure(Replay(people), people, **few)
    assert set(found.metrics["decoupling"].notes) == {f"judges of {name}" for name in FACTORS}


def test_judges_learn_from_the_people_beside_a_benchmark(people, tmp_path):
    alone = write_people(tmp_path / "faces.h5")
    with load_dataset(alone) as dataset, judge_data(dataset) as own:
        assert own is dataset
    write_people(judges_path(alone), split=np.zeros(144, int))
    with load_dataset(alone) as dataset:
        with judge_data(dataset) as beside:
            assert beside.path == judges_path(alone)
            material = find_material(beside, "expression")
            tried = beside.subject[material.held_out]
            assert not np.isin(tried, beside.subject[material.rows]).any()
            assert len(np.unique(tried)) == 5  # every fourth of 18
        with judge_data(dataset, str(alone)) as named:
            assert named.path == alone


def test_verdicts_against_loops():
    rng = np.random.default_rng(0)
    N, M = 7, 4
    shared, apart = rng.random((2, N, M)), 0.3 + rng.random((2, 6 * N))
    pairs, threshold = unrelated_pairs(N), np.array([0.6, 0.8])
    assert {tuple(sorted(p)) for p in pairs.tolist()} == {
        (i, j) for j in range(N) for i in range(j)
    }
    found = judge_codes(shared, apart, pairs, threshold)
    same = [float(d < t) for k, t in enumerate(threshold) for d in shared[k].ravel()]
    unrelated = [float(d < t) for k, t in enumerate(threshold) for d in apart[k]]
    nearer = [float(a < b) for k in range(2) for a in shared[k].ravel() for b in apart[k]]
    assert found["same"].mean == pytest.approx(np.mean(same))
    assert found["unrelated"].mean == pytest.approx(np.mean(unrelated))
    assert found[""].mean == pytest.approx(np.mean(same) - np.mean(unrelated))
    assert found["area"].mean == pytest.approx(np.mean(nearer))
    assert found["same"].n == N * M


def test_intervals_of_verdicts_know_faces_and_judges():
    """Judges that differ by 0.2, and faces by a deviation of their own: both move the mean."""

    def draw(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        share = 0.5 + 0.1 * rng.normal(size=(3, 1, 1)) + 0.2 * rng.normal(size=(1, 40, 1))
        shared = (rng.random((3, 40, 10)) > share).astype(float)
        apart = np.ones((3, 400))
        found = judge_codes(shared, apart, unrelated_pairs(40), np.full(3, 0.5))["same"]
        return found.low <= 0.5 <= found.high

    assert np.mean([draw(seed) for seed in range(40)]) >= 0.8


def near_judge(distance: float) -> Judge:
    """A judge with a threshold, whose network is not asked, and figures that differ."""
    figures = Figures(*(estimate(np.full(2, share)) for share in (0.9, 0.8, 0.07, 0.73, 0.95)))
    threshold = Threshold(distance, 1.0, 1.0, 0.0)
    network = EmbeddingNetwork(width=1, blocks=(1,), size=2)
    return Judge("mood", network, threshold, figures, CPU, "0", 2)


def test_every_value_stands_under_its_own_name(people, monkeypatch):
    """Three faces, two more for each; only some lie within 1."""
    places = [0, 0.1, 9, 0.2, 9, 0.2, 50, 50, 9]

    def judges_of(dataset, factor, *settings, **options):
        judge = near_judge(1.0)
        judge.factor = factor
        judge.embed = lambda maps: np.array(places, dtype=float)[:, None]
        return [judge, judge]

    monkeypatch.setattr("gan.evaluation.metrics.decoupling.obtain_judges", judges_of)
    metric = Decoupling(faces=3, samples=2, image=16)
    found = metric.measure(Context(Replay(people), people), rng=torch.Generator()).values
    expected = {}
    nearer = [a < b for a in (0.1, 9, 8.8, 0, 0, 41) for b in (0.2, 50, 49.8)]
    for factor in FACTORS:
        expected |= {
            f"judges of {factor}, accuracy": 0.9,
            f"judges of {factor}, false acceptances": 0.07,
            f"model, {factor}": 3 / 6 - 2 / 6,
            f"model, {factor}, same": 3 / 6,
            f"model, {factor}, unrelated": 2 / 6,
            f"model, {factor}, area": np.mean(nearer),
            f"training, {factor}": 0.73,
            f"training, {factor}, same": 0.8,
            f"training, {factor}, unrelated": 0.07,
            f"training, {factor}, area": 0.95,
        }
    assert {name: value.mean for name, value in found.items()} == pytest.approx(expected)


def test_too_few_faces_are_refused():
    with pytest.raises(ValueError, match="needs a judge, two faces and one sample"):
        Decoupling(faces=1)
