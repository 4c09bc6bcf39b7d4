"""Handles: which vertex a ray meets, what is held, what is pinned."""

import numpy as np
import pytest
import torch

from gan.export.shapes import zero_codes
from gan.viewing.dragging import PullOptions
from gan.viewing.handles import Handles, pick_vertex
from meshkit.primitives import hemisphere
from tests.gan.viewing.faces import mapped_model

MODEL = mapped_model()


def test_a_ray_picks_the_first_vertex_it_meets():
    V, F = hemisphere(6)
    rng = np.random.default_rng(0)
    for vertex in rng.choice(len(V), 20, replace=False):
        inner = V[F[(vertex == F).any(axis=1)][0]].mean(axis=0)
        target = 0.9 * V[vertex] + 0.1 * inner  # off the edges, in a face of that vertex
        eye = 3 * target + rng.normal(size=3) * 0.1  # from outside
        assert pick_vertex(V, F, eye.tolist(), (target - eye).tolist()) == vertex
    assert pick_vertex(V, F, (0.0, 0.0, 3.0), (0.0, 0.0, 1.0)) is None  # away from it
    assert pick_vertex(V, F, (0.0, 0.0, 3.0), (0.0, 0.0, 0.0)) is None
    assert pick_vertex(V, F, (0.0, 0.0, np.nan), (0.0, 0.0, -1.0)) is None
    # Both sides of a dome: the ray from below meets the same top from within.
    assert pick_vertex(V, F, (1e-3, 2e-3, 9.0), (0.0, 0.0, -1.0)) == pick_vertex(
        V, F, (1e-3, 2e-3, -9.0), (0.0, 0.0, 1.0)
    )


def test_landmarks_come_first_and_a_vertex_is_added_once():
    handles = Handles(MODEL)
    assert handles.vertices == MODEL.landmarks.tolist()
    k = handles.add(100)
    assert k == handles.landmarks
    assert handles.add(100) == k
    assert handles.add(MODEL.landmarks.tolist()[2]) == 2
    V = MODEL.template.numpy()
    np.testing.assert_array_equal(handles.at(V)[k], V[100])
    with pytest.raises(ValueError, match="there is no vertex 271: 0 to 270"):
        handles.add(271)
    for vertex in [v for v in range(271) if v not in handles.vertices][: 200 - k - 1]:
        handles.add(vertex)
    with pytest.raises(ValueError, match="at most 200 handles"):
        handles.add(269)


def test_a_pin_holds_while_another_handle_is_pulled():
    handles, codes, options = Handles(MODEL), zero_codes(MODEL), PullOptions(prior=0.01, hold=0.0)
    start = handles.at(MODEL.decode(codes)[0].numpy())
    first = start[3] + (1.5, 0.0, 0.0)
    handles.grab(3, codes, options)
    assert handles.held == 3
    codes = handles.pull(first.tolist())
    handles.let_go(first.tolist())
    assert handles.held is None

    def pulled(pinned: bool) -> tuple[float, float]:
        free = Handles(MODEL)
        free.pins = dict(handles.pins) if pinned else {}
        free.grab(20, codes, options)
        goal = start[20] + (0.0, 2.0, 1.0)
        V = MODEL.decode(free.pull(goal.tolist()))[0].numpy()
        now = free.at(V)
        return float(np.linalg.norm(now[3] - first)), float(np.linalg.norm(now[20] - goal))

    with_pin, without = pulled(True), pulled(False)
    assert with_pin[0] < 0.2 * without[0]
    assert with_pin[1] < 0.5


def test_nothing_is_pulled_that_is_not_held():
    handles = Handles(MODEL)
    with pytest.raises(ValueError, match="no handle is held"):
        handles.pull((0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"there is no handle 31: 0 to 30"):
        handles.grab(31, zero_codes(MODEL), PullOptions())
    handles.let_go((0.0, 0.0, 0.0))
    assert handles.pins == {}
    torch.testing.assert_close(zero_codes(MODEL)["identity"], torch.zeros(1, 4))


def test_the_model_that_is_shown_can_be_pulled(shapes):
    """The layout that is fast for one face is not the one that folds."""
    handles, codes = Handles(shapes.model), zero_codes(shapes.model)
    handles.grab(4, codes, PullOptions(prior=0.01, hold=0.0))
    goal = handles.at(shapes.mean)[4] + (2.0, 0.0, 0.0)
    now = handles.at(shapes.decode(handles.pull(goal.tolist())))[4]
    np.testing.assert_allclose(now, goal, atol=0.3)
