"""What makes the swap VAE one: partners by label, and codes that a person's faces share."""

import numpy as np
import torch

from gan.baselines.faces import LabelledFaces
from gan.baselines.swap_vae import SwapVaeBaseline, _Partners
from gan.progress import silent
from tests.gan.baselines.conftest import fast


def test_partners_have_equal_labels_and_are_others_where_there_are_some():
    label = np.array([2, 0, -1, 2, 0, 1, 2, -1])
    partners, rng = _Partners(label), np.random.default_rng(0)
    which = np.repeat(partners.known, 200)
    drawn = partners.of(which, rng)
    np.testing.assert_array_equal(label[drawn], label[which])
    alone = label[which] == 1
    assert ((drawn == which) == alone).all()
    for k in partners.known:
        others = set(np.flatnonzero(label == label[k])) - {k} or {k}
        assert set(drawn[which == k]) == others


def test_the_terms_sort_people_and_expressions_into_their_codes(faces):
    """Swapping keeps expressions out of the identity; people leave the other code by comparing."""
    id_alone, exp_alone = trained(faces, "consistency=0", "cycle=0")
    id_whole, exp_whole = trained(faces)
    assert max(id_alone, id_whole) < 0.1
    assert exp_alone < 0.6
    assert exp_whole > 0.7


def trained(faces: LabelledFaces, *more: str) -> tuple[float, float]:
    """Share of either code's variance that lies within people, after 300 steps."""
    config = fast("swap-vae", *more)
    baseline = SwapVaeBaseline(config=config, faces=faces, validation=None, progress=silent)
    adam = torch.optim.Adam(baseline.parameters(), lr=0.003)
    for step in range(300):
        which = torch.randperm(len(faces), generator=torch.Generator().manual_seed(step))[:8]
        adam.zero_grad()
        baseline.loss(which, step)["loss"].backward()
        adam.step()
    w_id, w_exp = (w.double().numpy() for w in baseline._codes(np.arange(len(faces))))
    return within(w_id, faces.person), within(w_exp, faces.person)


def within(w: np.ndarray, person: np.ndarray) -> float:
    """Share of the variance of codes that lies within people."""
    own = np.stack([w[person == p].mean(axis=0) for p in person])
    return float(np.square(w - own).sum() / np.square(w - w.mean(axis=0)).sum())
