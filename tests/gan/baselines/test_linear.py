"""The 3DMM against numpy."""

import numpy as np
import pytest
import torch

from gan.baselines.config import baseline_config
from gan.baselines.faces import labelled_faces
from gan.baselines.linear import fit_linear
from gan.datasets.store import load_dataset
from gan.errors import DatasetError
from tests.gan.baselines.conftest import fast
from tests.gan.conftest import blobs


@pytest.fixture
def model(faces):
    return fit_linear(faces, fast("3dmm")).model


def test_neutral_faces_are_the_means_of_the_labelled_ones(faces):
    dataset = faces.dataset
    for person in range(len(faces.people)):
        mine = (dataset.subject == person) & (dataset.labels["expression"] == 0)
        expected = dataset.vertices(np.flatnonzero(mine)).mean(axis=0, dtype=np.float64)
        np.testing.assert_allclose(faces.neutral[person], expected)


def test_where_sequences_begin_stands_for_rest_of_people_without_labels(tmp_path):
    """Person 1 has no labelled neutral face, but two sequences; the others keep their labels."""
    subject, k = np.divmod(np.arange(72), 12)
    label = np.where(subject == 1, -1, k % 3)
    sequence = np.where(subject == 1, k // 6, -1)
    path = blobs(
        tmp_path / "b.h5",
        labels={"identity": subject, "expression": label},
        sequence=sequence,
        frame=np.where(subject == 1, k % 6, 0),
    )
    dataset = load_dataset(path)
    with pytest.warns(UserWarning, match="1 people have no labelled face at rest"):
        faces = labelled_faces(dataset, fast("3dmm"))
    assert len(faces) == 60
    begins = dataset.vertices([12, 18]).mean(axis=0, dtype=np.float64)
    np.testing.assert_allclose(faces.neutral[1], begins)
    mine = np.flatnonzero((subject == 0) & (label == 0))
    np.testing.assert_allclose(faces.neutral[0], dataset.vertices(mine).mean(axis=0), rtol=1e-5)
    with pytest.warns(UserWarning, match="12 of 60 train meshes are left out"):
        fewer = labelled_faces(dataset, fast("3dmm", "starts_at_rest=false"))
    assert fewer.people == tuple(f"subject {p}" for p in (0, 2, 3, 4))


def test_bases_are_components_times_deviations(faces, model):
    neutral = faces.neutral.reshape(len(faces.neutral), -1)
    D = faces.vertices(np.arange(len(faces))) - faces.neutral[faces.person]
    for rows, name, size in (
        (neutral, "identity", 3),
        (D.reshape(len(D), -1).astype(np.float64), "expression", 4),
    ):
        _, s, Wt = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
        s = np.where(s > 1e-4 * s[0], s, 0)
        covariance = (Wt[:size].T * s[:size] ** 2) @ Wt[:size] / (len(rows) - 1)
        basis = model.bases[name].double().numpy()
        np.testing.assert_allclose(basis.T @ basis, covariance, atol=1e-4)


def test_training_faces_come_back_and_codes_too(faces, model):
    """Blobs are additive up to a person's own stretch of the bulge, which is none."""
    X = torch.from_numpy(faces.vertices(np.arange(0, len(faces), 7)))
    codes = model.encode(X, prior=1e-6)
    np.testing.assert_allclose(model.decode(codes), X, atol=0.05)
    again = model.encode(model.decode(codes), prior=1e-6)
    for name in ("identity", "expression"):
        np.testing.assert_allclose(again[name], codes[name], atol=0.05)


def test_a_labels_code_is_its_class(faces, model):
    """The neutral code leaves the person's neutral face, within how neutral faces vary."""
    for person in range(2):
        codes = {
            "identity": model.codes["identity"][[person]],
            "expression": model.codes["expression"][[0]],
        }
        face = model.decode(codes)[0].numpy()
        np.testing.assert_allclose(face, faces.neutral[person], atol=0.05)


def test_padded_codes_have_no_effect(faces):
    model = fit_linear(faces, fast("3dmm", "identity_size=40")).model
    codes = model.sample_codes(2, rng=torch.Generator().manual_seed(0))
    other = dict(codes)
    other["identity"] = codes["identity"].clone()
    other["identity"][:, len(faces.people) - 1 :] += 5
    torch.testing.assert_close(model.decode(codes), model.decode(other), rtol=0, atol=0)


def test_people_without_a_neutral_face_are_left_out_aloud(tmp_path):
    expression = np.where(np.arange(72) % 4 == 3, -1, np.arange(72) % 12 % 3)
    expression[:12] = 1  # the first person never rests
    path = blobs(
        tmp_path / "x.h5", labels={"identity": np.arange(72) // 12, "expression": expression}
    )
    with pytest.warns(UserWarning, match="12 of 60 train meshes are left out"):
        faces = labelled_faces(load_dataset(path), fast("3dmm"))
    assert faces.people == tuple(f"subject {i}" for i in range(1, 5))


def test_what_a_baseline_needs_is_named(dataset_path):
    dataset = load_dataset(dataset_path)
    for override, message in (
        ("identity=viseme", "no labels for 'viseme'; it has expression, identity"),
        ("neutral=asleep", "'expression' has no class 'asleep'.*it has neutral, left, up"),
    ):
        with pytest.raises(DatasetError, match=message):
            labelled_faces(dataset, baseline_config("3dmm", [override]))
