"""Reconstruction of held-out faces, against loops and models of known quality."""

import numpy as np
import pytest
import torch

from gan.datasets.store import load_dataset
from gan.evaluation import evaluate
from gan.evaluation.context import Context
from gan.evaluation.metrics.generalisation import Generalisation
from gan.sections import MetricConfig
from tests.gan.replay import TEST, Replay, write_people
from tests.reference import distances as slow


def measure(model, dataset, n_samples=1000):
    context = Context(model, dataset, n_samples=n_samples)
    measured = Generalisation().measure(context, rng=torch.Generator().manual_seed(0))
    return measured.values, measured.notes


def test_the_training_set_knows_itself_and_nobody_else(people):
    """Its distance to held-out faces is that of each to the nearest training face (least squares).

    The nearest in squares is not always nearest in the mean, so it is looked up the same way.
    """
    found, notes = measure(Replay(people), people)
    assert found["training"].mean == 0
    held = people.vertices(people.indices("test"))
    meshes = people.vertices(people.indices("train"))
    expected = []
    for x in held:
        nearest = min(meshes, key=lambda y, x=x: float(((x - y) ** 2).sum()))
        expected.append(slow.mean_vertex_distance(x, nearest))
    assert found["model"].mean == pytest.approx(np.mean(expected), rel=1e-5)
    assert found["model"].low < found["model"].mean < found["model"].high
    assert notes == {"held out": f"{len(held)} meshes of {TEST} subjects, test split"}


def test_one_face_for_all(people):
    model = Replay(people, collapsed=True)
    model.meshes[0] = model.template
    found, _ = measure(model, people)
    assert found["model"].mean == pytest.approx(found["model, template"].mean, rel=1e-6)
    assert found["model"].mean > 5


def test_few_samples_are_a_few_meshes(people):
    found, _ = measure(Replay(people), people, n_samples=7)
    assert (found["model"].n, found["training"].n) == (7, 7)


def test_without_held_out_meshes_it_cannot_be_told(tmp_path):
    with load_dataset(write_people(tmp_path / "all.h5", split=np.zeros(144, int))) as dataset:
        metrics = [MetricConfig(name="generalisation")]
        found = evaluate(Replay(dataset), dataset, n_samples=20, metrics=metrics)
    assert "no held-out meshes" in found.skipped["generalisation"]
