"""Expressions as action units: intensity, sides, people's manners, courses in time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan.datasets.recipes import (
    EMOTIONS,
    PLAIN,
    Style,
    emotion_course,
    emotion_units,
    recipes,
    resting_units,
    sample_style,
    sequence_units,
    vary_style,
)

emotions = st.sampled_from(EMOTIONS)
intensities = st.floats(0, 1)


def person(seed: int) -> Style:
    return sample_style(np.random.default_rng(seed))


@given(emotions, intensities, intensities, st.integers(0, 50))
def test_weights_grow_with_the_intensity_from_nothing(emotion, one, other, seed):
    style = person(seed)
    low, high = (emotion_units(emotion, x, style) for x in sorted((one, other)))
    assert low.keys() == high.keys()
    assert all(0 <= low[unit] <= high[unit] <= 1 for unit in low)
    assert not any(emotion_units(emotion, 0.0, style).values())


def test_the_first_emotion_is_neutral_and_has_no_units():
    assert EMOTIONS == ("neutral", "happy", "sad", "surprise", "fear", "anger", "disgust")
    assert emotion_units("neutral", 1.0) == {}
    assert set(recipes()) == set(EMOTIONS[1:])


def test_core_units_are_those_of_the_literature():
    """Du, Tao, Martinez 2014, table 1: the units that most people show, in every variant."""
    core = {
        "happy": {"AU12"},
        "sad": {"AU4", "AU15"},
        "surprise": {"AU1", "AU2", "AU25"},
        "fear": {"AU1", "AU4", "AU20", "AU25"},
        "anger": {"AU4", "AU7"},
        "disgust": {"AU9", "AU10"},
    }
    for emotion, expected in core.items():
        for variant in recipes()[emotion]:
            units = emotion_units(emotion, 1.0, Style(variant={emotion: variant}))
            shown = {unit.split("_")[0] for unit, weight in units.items() if weight > 0}
            assert expected <= shown, (emotion, variant)


def test_units_set_in_one_after_the_other():
    """A slight smile is in the lips, a strong one reaches the eyes and opens the mouth."""
    slight, strong = emotion_units("happy", 0.15), emotion_units("happy", 0.8)
    assert slight["AU12_L"] > 0
    assert slight["AU6_L"] == slight["AU25"] == 0
    assert min(strong["AU6_L"], strong["AU25"]) > 0.3


def test_strength_and_lean_are_what_the_style_says():
    style = Style(gain={"AU12": 0.5}, lean={"AU12": 0.2}, variant={"happy": "closed"})
    plain = emotion_units("happy", 0.5, Style(variant={"happy": "closed"}))
    styled = emotion_units("happy", 0.5, style)
    assert styled["AU12_L"] == pytest.approx(0.5 * 1.2 * plain["AU12_L"])
    assert styled["AU12_R"] == pytest.approx(0.5 * 0.8 * plain["AU12_R"])
    assert styled["AU6_L"] == plain["AU6_L"]
    assert plain["AU6_L"] == plain["AU6_R"]


def test_people_differ_more_than_one_person_does():
    rng = np.random.default_rng(0)
    people = [sample_style(rng) for _ in range(60)]
    units = list(people[0].gain)

    def strengths(styles):
        return np.log([[style.gain[unit] for unit in units] for style in styles])

    between = strengths(people).std(axis=0).mean()
    within = strengths([vary_style(people[0], rng) for _ in range(60)]).std(axis=0).mean()
    assert between == pytest.approx(0.18, rel=0.15)
    assert within == pytest.approx(0.3 * between, rel=0.2)
    habit = [vary_style(people[0], rng).variant["anger"] for _ in range(300)]
    assert habit.count(people[0].variant["anger"]) > 240


def test_variants_come_by_their_share():
    rng = np.random.default_rng(1)
    drawn = [sample_style(rng).variant["happy"] for _ in range(2000)]
    for name, variant in recipes()["happy"].items():
        assert drawn.count(name) / 2000 == pytest.approx(variant.share, abs=0.04)


def test_the_left_is_a_little_stronger_on_average():
    rng = np.random.default_rng(2)
    lean = [np.mean(list(sample_style(rng).lean.values())) for _ in range(1000)]
    assert np.mean(lean) == pytest.approx(0.03, abs=0.01)
    assert np.std(lean) == pytest.approx(0.08, rel=0.15)


@given(st.integers(3, 60), st.integers(0, 1000))
def test_a_course_rises_to_one_apex_and_falls(frames, seed):
    x, apex = emotion_course(frames, np.random.default_rng(seed))
    assert len(x) == frames
    assert x[0] == x[-1] == 0
    assert x[apex] == 1
    assert (np.diff(x[: apex + 1]) > 0).all()
    assert (np.diff(x[apex:]) < 0).all()
    assert 1 <= apex <= (frames - 1) / 2 + 1  # the onset is not slower than the offset


@given(emotions, st.integers(3, 30), st.integers(0, 1000))
def test_a_sequence_starts_and_ends_neutral_and_every_unit_peaks_at_the_apex(emotion, frames, seed):
    style, rng = person(seed), np.random.default_rng(seed)
    units, apex = sequence_units(emotion, 0.9, style, frames, rng)
    assert len(units) == frames
    assert not any(units[0].values())
    assert not any(units[-1].values())
    expected = emotion_units(emotion, 0.9, style)
    assert units[apex] == pytest.approx(expected)
    for frame in units:
        assert all(frame[unit] <= weight + 1e-12 for unit, weight in expected.items())


def test_units_follow_courses_of_their_own():
    units, apex = sequence_units("fear", 1.0, PLAIN, 21, np.random.default_rng(3))
    halfway = units[apex // 2]
    early = {unit: halfway[unit] / units[apex][unit] for unit in ("AU1_L", "AU5_L")}
    assert early["AU1_L"] != pytest.approx(early["AU5_L"], rel=0.02)


def test_a_resting_face_is_slightly_tense():
    rng = np.random.default_rng(4)
    tensions = [resting_units(rng) for _ in range(100)]
    assert all(0 < max(units.values()) <= 0.08 for units in tensions)
    assert len({tuple(sorted(units)) for units in tensions}) > 50


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="unknown emotion 'joy'; known: neutral, happy"):
        emotion_units("joy", 1.0)
    with pytest.raises(ValueError, match=r"intensity must be in \[0, 1\], got 1.5"):
        emotion_units("happy", 1.5)
    with pytest.raises(ValueError, match="at least 3 frames, got 2"):
        emotion_course(2, np.random.default_rng(0))
