"""Pulled handles: where they end, what they leave, and the same without folding."""

import numpy as np
import pytest
import torch

from gan.models.contract import FaceGenerator
from gan.models.face_model import FaceModel
from gan.viewing.dragging import Pull, PullOptions
from tests.gan.viewing.faces import mapped_model

HANDLES = np.arange(0, 271, 9)


class Unfolded(FaceModel):
    """The same faces from a model that cannot fold its last layer."""

    point_decoder = FaceGenerator.point_decoder


def two(model: FaceModel) -> list[dict]:
    codes = model.sample_codes(2, rng=torch.Generator().manual_seed(1))
    return [{name: code[[k]] for name, code in codes.items()} for k in (0, 1)]


def at(model: FaceModel, codes: dict) -> np.ndarray:
    return model.decode(codes)[0, HANDLES].double().numpy()


@pytest.mark.parametrize("bend", [False, True])
def test_handles_reach_what_a_face_of_the_model_has(bend):
    model = mapped_model(bend=bend)
    start, other = two(model)
    pull = Pull(model, HANDLES, start, PullOptions(prior=1e-6, hold=0.0))
    goals = dict(enumerate(at(model, other).tolist()))
    for _ in range(4):  # as the pointer moves
        codes = pull.to(goals)
    np.testing.assert_allclose(at(model, codes), at(model, other), atol=0.05)
    np.testing.assert_allclose(pull.handles, at(model, codes), atol=1e-4)


def test_one_pulled_handle_is_the_least_squares_solution():
    """A linear model has a closed form: z₀ + (JᵀWJ + λ)⁻¹ JᵀW (p − x₀)."""
    model = mapped_model(bend=False)
    start, _ = two(model)
    options = PullOptions(prior=0.7, hold=0.1)
    x0 = at(model, start)
    goal, weight = x0.copy(), np.full(x0.shape, 0.1)
    goal[5] += (3.0, -2.0, 1.0)
    weight[5] = 1.0
    z0 = model.join(start)
    J = np.stack(
        [
            at(model, model.split(z0 + 10 * unit)).ravel() / 10 - x0.ravel() / 10
            for unit in torch.eye(z0.shape[1])
        ],
        axis=1,
    )
    A = J.T @ (weight.reshape(-1, 1) * J) + 0.7 * np.eye(J.shape[1])
    step = np.linalg.solve(A, J.T @ (weight * (goal - x0)).ravel())
    codes = Pull(model, HANDLES, start, options).to({5: goal[5].tolist()})
    np.testing.assert_allclose(model.join(codes).numpy()[0] - z0.numpy()[0], step, atol=2e-3)


def test_locked_factors_stay_as_they_are():
    model = mapped_model()
    start, other = two(model)
    pull = Pull(model, HANDLES, start, PullOptions(locked=("identity",)))
    codes = pull.to({3: at(model, other)[3].tolist()})
    torch.testing.assert_close(codes["identity"], start["identity"], rtol=0, atol=0)
    assert (codes["expression"] - start["expression"]).norm() > 0.01


def test_the_larger_the_prior_the_smaller_the_change():
    model = mapped_model()
    start, other = two(model)
    goals, moved, off = {7: at(model, other)[7].tolist()}, [], []
    for prior in (1e-3, 1.0, 1e3, 1e6):
        codes = Pull(model, HANDLES, start, PullOptions(prior=prior, hold=0.0)).to(goals)
        moved.append(float((model.join(codes) - model.join(start)).norm()))
        off.append(float(np.linalg.norm(at(model, codes)[7] - goals[7])))
    assert moved == sorted(moved, reverse=True)
    assert off == sorted(off)
    assert moved[-1] < 1e-3


def test_a_model_that_cannot_fold_is_pulled_to_the_same_face():
    model = mapped_model(bend=False)
    start, other = two(model)
    slow = Unfolded(model.core, model.weights, scale=model.scale, slope=model.slope)
    goals = {2: at(model, other)[2].tolist(), 9: at(model, other)[9].tolist()}
    found = [model.join(Pull(m, HANDLES, start).to(goals)) for m in (model, slow)]
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=2e-3)


def test_what_cannot_be_pulled():
    model = mapped_model()
    start, _ = two(model)
    pull = Pull(model, HANDLES, start)
    with pytest.raises(ValueError, match="there is no handle 31: 0 to 30"):
        pull.to({31: (0.0, 0.0, 0.0)})
    with pytest.raises(ValueError, match=r"handle 1: .* is not finite"):
        pull.to({1: (0.0, float("nan"), 0.0)})
    with pytest.raises(ValueError, match="vertices from 0 to 270"):
        Pull(model, np.array([271]), start)
    with pytest.raises(ValueError, match="prior and hold must not be negative"):
        Pull(model, HANDLES, start, PullOptions(prior=-1.0))
    with pytest.raises(ValueError, match="no factor 'mood'"):
        Pull(model, HANDLES, start, PullOptions(locked=("mood",)))
