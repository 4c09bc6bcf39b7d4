"""Sparse reconstruction: what the model knows is found, the error is that of the surface."""

import numpy as np
import pytest
import torch
import trimesh
from trimesh.proximity import closest_point_naive

from gan.datasets.store import load_dataset
from gan.evaluation.context import Context
from gan.evaluation.metric import Unmeasurable
from gan.evaluation.metrics.sparse import SparseReconstruction, surface_errors
from meshkit.primitives import grid, hemisphere
from tests.gan.face import smooth_model
from tests.gan.replay import write_people

MODEL = smooth_model()
SUBJECTS = 4


def write_samples(path, model=MODEL, seed=0, **changes):
    """Write faces of the model itself, held out, with 68 landmarks."""
    n = 2 * SUBJECTS
    X = model.sample(n, rng=torch.Generator().manual_seed(seed)).numpy()
    subject = np.arange(n) // 2
    contents = {
        "faces": model.faces.numpy(),
        "template": model.template.numpy(),
        "labels": {"identity": subject},
        "names": {"identity": [f"s{k}" for k in range(SUBJECTS)]},
        "subject": subject,
        "sequence": np.full(n, -1),
        "frame": np.zeros(n, int),
        "split": np.full(n, 2),
        "vertices": [X],
        "n": n,
        "landmarks": np.linspace(0, len(model.template) - 1, 68).astype(int),
        "provenance": {"seed": seed},
    }
    return write_people(path, **(contents | changes))


def measure(path, **options):
    metric = SparseReconstruction(**({"steps": 150, "starts": 2, "priors": (0.0, 1e7)} | options))
    with load_dataset(path) as dataset:
        context = Context(MODEL, dataset)
        metric.check(context)
        return metric.measure(context, rng=torch.Generator())


def test_the_models_own_faces_are_found_unless_the_prior_forbids(tmp_path):
    measured = measure(write_samples(tmp_path / "faces.h5"))
    found = measured.values
    assert found["model, λ = 0"].mean < 0.1
    assert found["landmarks, λ = 0"].mean < 0.1
    # What costs so much stays at the mean face.
    assert found["model, λ = 1e+07"].mean == pytest.approx(found["model, template"].mean, rel=1e-2)
    assert found["model, template"].mean > 0.5
    assert found["model, λ = 0"].n == 2 * SUBJECTS
    assert measured.notes["faces"] == "8 faces of 4 subjects in faces.h5, 68 landmarks, 2 starts"


def test_extreme_faces_beside_the_data_are_taken(tmp_path):
    path = write_samples(tmp_path / "faces.h5")
    metric = SparseReconstruction()
    own = measure(path, faces=3)
    with load_dataset(path) as dataset:
        assert metric.depends_on(dataset) == {}
    write_samples(tmp_path / "faces.extreme.h5", seed=3)
    extreme = measure(path, faces=3)
    assert "3 faces of 3 subjects in faces.extreme.h5" in extreme.notes["faces"]
    assert extreme.values["model, template"] != own.values["model, template"]
    with load_dataset(path) as dataset, load_dataset(tmp_path / "faces.extreme.h5") as others:
        assert metric.depends_on(dataset) == {"faces": others.fingerprint}
    assert measure(path, faces=3, data=str(path)) == own


def test_the_error_is_that_of_the_surface():
    V, F = hemisphere(4)
    rng = np.random.default_rng(0)
    P = V + 0.1 * rng.normal(size=(3, *V.shape))
    mesh = trimesh.Trimesh(V, F, process=False)
    expected = [np.sqrt((closest_point_naive(mesh, p)[1] ** 2).mean()) for p in P]
    np.testing.assert_allclose(surface_errors(P, V, F), expected, rtol=1e-6)


def test_sliding_along_the_surface_costs_nothing():
    V, F = grid(6, 6)
    V = np.c_[V[:, :2], np.zeros(len(V))]
    middle = V[:, :2].mean(axis=0)
    slid = V.copy()
    slid[:, :2] = middle + 0.8 * (V[:, :2] - middle)
    np.testing.assert_allclose(surface_errors(slid[None], V, F), 0, atol=1e-9)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(Unmeasurable, match="no landmarks"):
        measure(write_samples(tmp_path / "none.h5", landmarks=None))
    with pytest.raises(Unmeasurable, match=r"train\.h5 has no test split"):
        measure(write_samples(tmp_path / "train.h5", split=np.zeros(8, int)))
    with pytest.raises(ValueError, match="needs one prior and one face"):
        SparseReconstruction(priors=())
