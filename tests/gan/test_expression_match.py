from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gan.evaluation.metrics.labels import (
    ClassMatch,
    class_means,
    match_classes,
    model_displacements,
)
from tests.linear_model import linear_model

CLASSES = ("neutral", "happy", "sad")
V = 37


@pytest.fixture(scope="module")
def smiles():
    """Three expressions on faces of random identity; codes are the classes' own axes."""
    rng = np.random.default_rng(0)
    identity, moves = (
        rng.normal(size=(2, V, 3)),
        np.stack([np.zeros((V, 3)), *rng.normal(size=(2, V, 3))]),
    )
    return SimpleNamespace(
        identity=identity,
        moves=moves,
        model=lambda codes, moves=moves: linear_model(
            {"identity": 3 * identity, "expression": moves},
            classes={"expression": CLASSES},
            codes={"expression": codes},
        ),
    )


def matched(model, means, rest="neutral", n=20) -> ClassMatch:
    rng, at_rest = torch.Generator().manual_seed(0), rest and {"expression": rest}
    return match_classes(
        lambda name: model_displacements(model, {"expression": name}, n, rng=rng, rest=at_rest),
        means,
        CLASSES,
        at_rest=-1 if rest is None else 0,
    )


def test_a_perfect_model_matches_every_label(smiles):
    found = matched(smiles.model(np.eye(3)), smiles.moves)
    assert (found.matched, found.share.mean) == (3, 1.0)
    np.testing.assert_allclose(found.distance, 0, atol=1e-5)
    np.testing.assert_array_equal(found.confusion, 20 * np.eye(3, dtype=int))


def test_swapped_codes_are_found_out(smiles):
    found = matched(smiles.model(np.eye(3)[[0, 2, 1]]), smiles.moves)
    np.testing.assert_array_equal(found.nearest, [0, 2, 1])
    assert (found.matched, found.share.mean) == (1, 0.0)


def test_a_collapsed_model_is_neutral_all_over(smiles):
    found = matched(smiles.model(np.zeros((3, 3))), smiles.moves)
    np.testing.assert_array_equal(found.nearest, 0)
    assert (found.matched, found.share.mean) == (1, 0.0)


def test_without_a_class_of_rest_whole_faces_are_compared(smiles):
    found = matched(smiles.model(np.eye(3)), smiles.moves, rest=None, n=400)
    assert found.matched == 3
    assert found.confusion.sum(axis=1).tolist() == [400] * 3
    assert found.share.mean < 1  # other identities are nearer now and then


@pytest.mark.parametrize(("at_rest", "share"), [(0, 2 / 6), (2, 3 / 6), (-1, 4 / 9)])
def test_a_match_by_hand(at_rest, share):
    """Whole faces slide along x, in mm; classes lie at 0, 10 and 20."""

    def slid(*amounts: float) -> np.ndarray:
        return np.multiply.outer(amounts, np.broadcast_to([1.0, 0, 0], (V, 3)))

    samples = {"neutral": [1, 6, 2], "happy": [14, 16, 4], "sad": [19, 8, 3]}
    found = match_classes(
        lambda name: [slid(*samples[name][:2]), slid(samples[name][2])],
        slid(0, 10, 20),
        CLASSES,
        at_rest=at_rest,
    )
    np.testing.assert_array_equal(found.confusion, [[2, 1, 0], [1, 1, 1], [1, 1, 1]])
    np.testing.assert_array_equal(found.nearest, [0, 1, 1])
    np.testing.assert_allclose(found.distance, [3, 34 / 3 - 10, 10])
    assert (found.matched, found.share.mean) == (2, pytest.approx(share))


def test_class_means_take_displacements_from_the_subjects_own_rest(smiles):
    """Subject 3 has no neutral mesh and subject 4 no label: neither takes part."""
    rng = np.random.default_rng(1)
    shape = 20 * rng.normal(size=(5, V, 3))
    subject = np.repeat(np.arange(5), 6)
    label = np.tile([0, 0, 1, 1, 2, -1], 5)
    label[(subject == 3) & (label == 0)] = -1
    label[subject == 4] = -1
    amount = rng.uniform(0.5, 1.5, len(subject))
    template = 100 * rng.normal(size=(V, 3))
    X = template + shape[subject] + amount[:, None, None] * smiles.moves[label]
    found = class_means(X.__getitem__, label, 4, subject=subject, template=template, at_rest=0)
    for c in (0, 1, 2):
        who = (label == c) & (subject < 3)
        np.testing.assert_allclose(found[c], amount[who].mean() * smiles.moves[c], atol=1e-12)
    assert np.isnan(found[3]).all()

    plain = class_means(X.__getitem__, label, 4, subject=subject, template=template)
    np.testing.assert_allclose(plain[2], (X - template)[label == 2].mean(axis=0), atol=1e-12)
