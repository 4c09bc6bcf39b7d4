"""The statistics of a data set whose faces are `a + b`: a of the person, b of the expression."""

import numpy as np
import pytest

from gan.datasets.store import load_dataset
from gan.training.statistics import displacement_statistics
from tests.gan.conftest import blobs

N, PEOPLE = 72, 6
MESHES = np.arange(N)
PERSON = np.where(MESHES < N - 2, MESHES // 12, -1)  # two strangers at the end
EXPRESSION = np.where(MESHES % 12 == 11, 1, MESHES % 3)
EXPRESSION[5] = -1


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Return the dataset, its displacements, and what each row has of its person and expression."""
    V, rng = 19, np.random.default_rng(0)
    person = rng.normal(size=(PEOPLE, 3 * V))
    person -= person.mean(axis=0)
    expression = 3 * rng.normal(size=(4, 3 * V))  # the last where there is no label
    D = (person[MESHES // 12] + expression[EXPRESSION]) + 5
    path = tmp_path_factory.mktemp("additive") / "additive.h5"
    blobs(path, rings=2)
    with load_dataset(path) as dataset:
        template = dataset.template
    blobs(path, rings=2, vertices=[template + D.reshape(N, V, 3)])
    with load_dataset(path) as dataset:
        yield dataset, D, person, expression[EXPRESSION]


@pytest.fixture
def statistics(parts, tmp_path):
    labels = {"identity": PERSON, "expression": EXPRESSION}
    return displacement_statistics(parts[0], MESHES, labels, 30, tmp_path)


def test_scale_is_about_the_mean_and_components_are_the_covariance(parts, statistics):
    _, D, _, _ = parts
    mean = D.mean(axis=0)
    scale = np.sqrt(((D - mean) ** 2).mean())
    np.testing.assert_allclose(statistics.mean.ravel(), mean, rtol=1e-5)
    assert statistics.scale == pytest.approx(scale, rel=1e-5)
    apart = (D - mean) / scale
    covariance = statistics.components.T @ statistics.components
    np.testing.assert_allclose(covariance, apart.T @ apart / N, atol=1e-4)
    sizes = np.linalg.norm(statistics.components, axis=1)
    assert (np.diff(sizes) <= 0).all(), "largest first"


def test_what_is_between_people_has_one_freedom_less_than_people(parts, statistics):
    _, _, person, _ = parts
    a = person / statistics.scale
    np.testing.assert_allclose(statistics.class_codes @ statistics.between, a, atol=1e-4)
    covariance = statistics.between.T @ statistics.between
    np.testing.assert_allclose(covariance, a.T @ a / (PEOPLE - 1), atol=1e-4)
    codes = statistics.class_codes
    np.testing.assert_allclose(codes.T @ codes / (PEOPLE - 1), np.eye(PEOPLE - 1), atol=1e-3)


def test_what_is_within_people_is_what_they_do(parts, statistics):
    """Strangers take part whole; they say nothing of the mean of an expression."""
    _, D, person, _ = parts
    left = D - D.mean(axis=0) - np.where(PERSON[:, None] >= 0, person[PERSON], 0)
    left /= statistics.scale
    covariance = statistics.within.T @ statistics.within
    np.testing.assert_allclose(covariance, left.T @ left / N, atol=1e-4)
    for label in range(3):
        own = (label == EXPRESSION) & (PERSON >= 0)
        np.testing.assert_allclose(
            statistics.anchors["expression"][label], left[own].mean(axis=0), atol=1e-4
        )


def test_they_are_computed_once_for_these_meshes_and_labels(parts, tmp_path, monkeypatch):
    labels = {"identity": PERSON, "expression": EXPRESSION}
    first = displacement_statistics(parts[0], MESHES, labels, 30, tmp_path)
    monkeypatch.setattr("gan.training.statistics._compute", lambda *a: pytest.fail("computed"))
    again = displacement_statistics(parts[0], MESHES, labels, 30, tmp_path)
    np.testing.assert_array_equal(again.within, first.within)
    assert again.scale == first.scale
    for other in (
        (MESHES[:-1], {name: label[:-1] for name, label in labels.items()}, 30),
        (MESHES, {"identity": PERSON, "expression": PERSON}, 30),
        (MESHES, labels, 29),
    ):
        with pytest.raises(pytest.fail.Exception, match="computed"):
            displacement_statistics(parts[0], *other, tmp_path)
