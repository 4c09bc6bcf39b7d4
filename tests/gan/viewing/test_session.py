"""The state of a browser: what an edit changes, what it leaves, and the way back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gan.export.shapes import zero_codes
from gan.viewing.session import FaceSession
from gan.viewing.shapes import FaceShapes
from tests.gan.viewing.faces import mapped_model

SHAPES = FaceShapes(mapped_model())
PARTS = st.sampled_from(SHAPES.parts)


def session(seed: int = 0) -> FaceSession:
    return FaceSession(SHAPES.model, SHAPES.directions, seed=seed)


def assert_same(one: dict, two: dict, atol: float = 0.0) -> None:
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=0, atol=atol)


@given(PARTS, st.integers(0, 2), st.floats(-3, 3))
def test_a_slider_moves_its_own_direction_and_nothing_else(part, k, amount):
    face = session()
    face.randomise()
    before, sliders = dict(face.codes), {name: face.amounts(name) for name in SHAPES.parts}
    face.move(part, k, amount)
    sliders[part][k] = amount
    for name in SHAPES.parts:
        np.testing.assert_allclose(face.amounts(name), sliders[name], atol=1e-5)
        if name != part:
            torch.testing.assert_close(face.codes[name], before[name], rtol=0, atol=0)
    # Where a slider stands already, it changes nothing.
    face.move(part, k, float(face.amounts(part)[k]))
    assert_same({**before, part: face.codes[part]}, face.codes)
    # And back: the codes off the directions were kept as well.
    face.undo()
    assert_same(face.codes, before)


def test_the_strongest_direction_is_the_first():
    """A deviation moves a linear model as the hint says, and less than on the slider before."""
    model = mapped_model(bend=False)
    model.weights["W1"] = model.weights["W1"] * torch.tensor([1.0, 3.0, 0.5, 2.0, 0.2, 1.5, 0.7])
    shapes = FaceShapes(model)
    for part in shapes.parts:
        moved = []
        for k in range(len(shapes.directions[part].sigma)):
            face = FaceSession(shapes.model, shapes.directions, seed=0)
            face.move(part, k, 1.0)
            off = np.linalg.norm(shapes.decode(face.codes) - shapes.mean, axis=1)
            moved.append(float(np.sqrt(np.square(off).mean())))
        assert np.diff(moved).max() < -0.05 * moved[0]
        said = [shapes.effect(part, k) for k in range(len(moved))]
        np.testing.assert_allclose(moved, said, rtol=1e-3)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("move"), PARTS, st.integers(0, 2), st.floats(-3, 3)),
        st.tuples(st.just("randomise"), st.one_of(st.none(), PARTS)),
        st.tuples(st.just("reset"), st.one_of(st.none(), PARTS)),
        st.tuples(st.just("choose"), PARTS, st.integers(0, 1)),
        st.tuples(st.just("recall"), st.sampled_from("AB")),
        st.tuples(
            st.just("transfer"), PARTS, st.sampled_from(["replace", "add"]), st.floats(-1, 2)
        ),
        st.tuples(st.just("interpolate"), st.floats(-1, 2), st.just(()), st.just("spherical")),
        st.tuples(st.just("end_gesture")),
    ),
    max_size=12,
)


@settings(max_examples=50)
@given(ACTS)
def test_every_step_can_be_taken_back_and_again(acts):
    face = session()
    for name, *arguments in acts:
        getattr(face, name)(*arguments)
    last = dict(face.codes)
    steps = 0
    while face.undo():
        steps += 1
    assert_same(face.codes, zero_codes(SHAPES.model))
    assert steps <= len(acts)
    while face.redo():
        pass
    assert_same(face.codes, last)


def test_one_drag_of_a_slider_is_one_step():
    face = session()
    for amount in (0.1, 0.2, 0.3):
        face.move("identity", 0, amount)
    face.end_gesture()
    face.move("identity", 0, 1.0)
    face.undo()
    assert face.amounts("identity")[0] == pytest.approx(0.3, abs=1e-6)
    face.undo()
    assert_same(face.codes, zero_codes(SHAPES.model))
    assert not face.undo()


def test_sessions_share_nothing_but_the_seed():
    one, two = session(3), session(3)
    two.randomise()
    two.keep("A")
    assert_same(one.codes, zero_codes(SHAPES.model))
    one.randomise()
    assert_same(one.codes, two.codes)
    assert_same(one.kept["B"], two.kept["B"])
    assert (one.kept["A"]["identity"] != two.kept["A"]["identity"]).any()


@pytest.mark.parametrize("part", SHAPES.parts)
def test_a_face_transferred_to_itself_stays(part):
    face = session()
    face.randomise()
    face.keep("A")
    face.keep("B")
    before = dict(face.codes)
    face.transfer(part, "replace", 1.0)
    assert_same(face.codes, before)
    assert face.shows("transfer")
    face.reset(part)
    assert not face.shows("transfer")


def test_a_transfer_gives_b_what_a_has_and_a_path_goes_from_a_to_b():
    face = session()
    A, B = face.kept["A"], face.kept["B"]
    face.transfer("expression", "replace", 1.0)
    assert_same(face.codes, {**B, "expression": A["expression"]})
    face.interpolate(0.0, (), "spherical")
    assert_same(face.codes, A, atol=1e-6)
    face.interpolate(1.0, ("identity",), "linear")
    assert_same(face.codes, {**A, "identity": B["identity"]}, atol=1e-6)


def test_a_class_is_known_until_the_code_is_another():
    face = session()
    assert face.label("expression") is None
    face.choose("expression", 1)
    assert face.label("expression") == 1
    assert face.label("identity") is None
    face.move("expression", 0, 0.5)
    assert face.label("expression") is None


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), -1e9])
def test_what_no_slider_says_is_refused(amount):
    face = session()
    with pytest.raises(ValueError, match="identity 1: expected deviations up to 100"):
        face.move("identity", 0, amount)
    with pytest.raises(ValueError, match="strength up to 100"):
        face.transfer("identity", "add", amount)
    with pytest.raises(ValueError, match="place up to 100"):
        face.interpolate(amount, (), "linear")
    assert_same(face.codes, zero_codes(SHAPES.model))
