import numpy as np
import pytest
import torch

from gan.evaluation.metrics.energy import RoughnessEnergy
from gan.losses.regularizer import CotangentRegularizer
from tests.meshes import bumpy

TEMPLATE, F = bumpy(6)


def faces(k: int = 5) -> np.ndarray:
    return TEMPLATE + 0.01 * np.random.default_rng(0).normal(size=(k, *TEMPLATE.shape))


def test_it_is_what_the_trainer_holds_down():
    half_height = np.ptp(TEMPLATE[:, 1]) / 2
    d = torch.from_numpy((faces() - TEMPLATE) / half_height).float().permute(1, 2, 0)
    theirs = CotangentRegularizer(V=TEMPLATE, F=F)(d.contiguous()).item()
    ours = RoughnessEnergy(TEMPLATE, F).of([faces()[:2], faces()[2:]])
    assert len(ours) == 5
    assert ours.mean() == pytest.approx(theirs, rel=1e-5)


def test_units_and_place_do_not_matter():
    expected = RoughnessEnergy(TEMPLATE, F)(faces())
    moved = RoughnessEnergy(10 * TEMPLATE, F)(10 * faces() + [3.0, 0.0, 50.0])
    np.testing.assert_allclose(moved, expected, rtol=1e-9)


def test_a_flat_template_is_refused():
    V = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 1]])
    with pytest.raises(ValueError, match="the template has no height"):
        RoughnessEnergy(V, np.array([[0, 1, 2]]))
