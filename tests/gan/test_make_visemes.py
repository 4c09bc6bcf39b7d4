"""Visemes as a third factor: mouth shapes, speech, and what they leave of an expression."""

import itertools
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from gan.config import parse_config
from gan.datasets.make import Size, make_dataset
from gan.datasets.modes import ModeSplit
from gan.datasets.morphable import load_face_model
from gan.datasets.procedural import ProceduralHead
from gan.datasets.procedural.rig import build_rig
from gan.datasets.recipes import EMOTIONS, emotion_units, sample_style
from gan.datasets.source import translate_units
from gan.datasets.store import load_dataset
from gan.datasets.visemes import (
    VISEMES,
    articulators,
    group_visemes,
    sample_speech_style,
    speech_course,
    split_units,
    viseme_mouth,
)
from gan.evaluation.metrics.model_free import decompose_collection
from tests.gan.domes import Dome

ROOT = Path(__file__).parents[2]
HEAD = ProceduralHead()
MOUTH = build_rig().template.mesh.rings["mouth"]
HALF = MOUTH.shape[1] // 2
LOWER_FACE = {*articulators(), "AU12", "AU14", "AU15", "AU20"}
SIZE = Size(subjects=15, stills=7, sequences=1, frames=10)


class Speaker(Dome):
    controls = HEAD.controls


class Jaw(Dome):
    """A face that can do nothing but open its mouth."""

    controls = ("AU26", "AU27")

    def shape(self, identity: np.ndarray, units: Mapping[str, float]) -> np.ndarray:
        return self.template - (0, 10 * units.get("AU26", 0.0) + 20 * units.get("AU27", 0.0), 0)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Return one data set without and one with visemes."""
    folder = tmp_path_factory.mktemp("visemes")
    for visemes in (False, True):
        make_dataset(Speaker(), folder / f"{visemes}.h5", size=SIZE, seed=0, visemes=visemes)
    with load_dataset(folder / "False.h5") as silent, load_dataset(folder / "True.h5") as speaking:
        yield silent, speaking


def lips(name: str, expression: str = "neutral", strength: float = 1.0) -> np.ndarray:
    """Return the innermost ring of the mean face's mouth while it says a viseme."""
    units = viseme_mouth(name, strength).speak(emotion_units(expression, 1.0))
    identity = np.zeros(len(HEAD.identity_names))
    return HEAD.shape(identity, translate_units(units, HEAD.controls))[MOUTH[1]]


def opening(ring: np.ndarray) -> float:
    return float(ring[HALF // 2, 1] - ring[-HALF // 2, 1])


def width(ring: np.ndarray) -> float:
    return float(ring[0, 0] - ring[HALF, 0])


def test_mouths_have_the_shapes_of_their_sounds():
    shape = {name: lips(name) for name in VISEMES}
    high = {name: opening(ring) for name, ring in shape.items()}
    wide = {name: width(ring) for name, ring in shape.items()}
    spoken = [high[name] for name in VISEMES if name not in {"rest", "PP", "FF"}]
    assert max(high["PP"], high["FF"]) < 3 < min(spoken)
    assert max(high, key=high.__getitem__) == "aa"
    assert sorted(wide, key=wide.__getitem__)[:2] == ["ou", "oh"]
    assert wide["ou"] < 0.6 * wide["rest"] < wide["rest"] < min(wide["ih"], wide["SS"])
    ahead = {name: ring[HALF // 2, 2] for name, ring in shape.items()}
    assert max(ahead, key=ahead.__getitem__) == "ou"


@pytest.mark.parametrize("expression", EMOTIONS)
def test_lips_meet_for_a_bilabial_whatever_one_feels(expression):
    assert opening(lips("PP", expression)) < 3


@pytest.mark.parametrize("expression", EMOTIONS)
def test_upper_faces_do_not_notice_speech(expression):
    expected = emotion_units(expression, 0.8)
    for name in VISEMES:
        found = viseme_mouth(name).speak(expected)
        for unit, weight in expected.items():
            if unit.split("_")[0] in {"AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU43"}:
                assert found[unit] == weight


def test_an_expression_keeps_a_share_of_its_mouth():
    surprise = {"AU26": 1.0, "AU12_L": 0.5}
    mouth = viseme_mouth("aa")
    found = mouth.speak(surprise)
    assert found["AU26"] == pytest.approx(1 - mouth.hold)
    assert found["AU12_L"] == pytest.approx(0.5 * (1 - mouth.ease))
    assert found["AU27"] == mouth.units["AU27"] > 0.5


def test_no_lips_cross_and_no_weight_leaves_its_range_in_anyones_speech():
    rng = np.random.default_rng(1)
    upper, lower = MOUTH[:2, 1:HALF], MOUTH[:2, :HALF:-1]
    for _ in range(4):
        identity, style = HEAD.sample_identity(rng), sample_speech_style(rng)
        manner = sample_style(rng)
        for emotion, mouth in zip(
            itertools.cycle(EMOTIONS), speech_course(50, style, rng).mouths, strict=False
        ):
            units = mouth.speak(emotion_units(emotion, 1.0, manner))
            V = HEAD.shape(identity, translate_units(units, HEAD.controls))  # checks the range
            assert (V[upper, 1] - V[lower, 1]).min() > 0


def test_speech_begins_and_ends_at_rest_and_reaches_what_it_says():
    rng = np.random.default_rng(2)
    for frames in (3, 4, 10, 40):
        speech = speech_course(frames, sample_speech_style(rng), rng)
        said = [name for _, name in sorted(speech.visemes.items())]
        assert len(speech.mouths) == frames
        assert said[0] == said[-1] == "rest"
        assert "rest" not in said[1:-1]
        assert all(one != other for one, other in itertools.pairwise(said))
        assert not any(speech.mouths[0].units.values())
        assert not any(speech.mouths[-1].units.values())
        for frame, name in speech.visemes.items():
            reached = {unit for unit, weight in speech.mouths[frame].units.items() if weight > 0}
            assert reached == set(viseme_mouth(name).units)


def test_the_third_factor_leaves_people_and_expressions_alone(pair):
    silent, speaking = pair
    for name in ("subject", "sequence", "frame", "split"):
        np.testing.assert_array_equal(getattr(speaking, name), getattr(silent, name))
    for factor in ("identity", "expression"):
        np.testing.assert_array_equal(speaking.labels[factor], silent.labels[factor])
    ends = (speaking.sequence >= 0) & np.isin(speaking.frame, [0, SIZE.frames - 1])
    np.testing.assert_array_equal(
        speaking.vertices(np.flatnonzero(ends)), silent.vertices(np.flatnonzero(ends))
    )
    every = np.arange(silent.n)
    moved = (speaking.vertices(every) != silent.vertices(every)).any(axis=(0, 2))
    spots = {name for name in HEAD.controls if moved[3 * HEAD.controls.index(name)]}
    lower = {unit for unit in HEAD.controls if unit.partition("_")[0] in LOWER_FACE}
    assert spots <= lower
    assert {"AU18", "AU27", "AU20_L"} <= spots


def test_every_expression_is_said_with_every_viseme(pair):
    speaking = pair[1]
    stills = speaking.sequence == -1
    said = np.stack([speaking.labels[name][stills] for name in ("viseme", "expression")])
    assert np.unique(said, axis=1).shape[1] == len(VISEMES) * len(EMOTIONS) == stills.sum()
    moving = speaking.labels["viseme"][~stills]
    assert 0.2 < (moving >= 0).mean() < 0.5
    assert speaking.names["viseme"] == VISEMES


def test_modes_tell_the_two_uses_of_a_face_apart(pair):
    """Each part of the displacements is explained by the label of its own factor.

    What labels leave is strength, manner and the frames between two labels.
    """
    speaking = pair[1]
    shares = decompose_collection(
        speaking.vertices, speaking.labels, ModeSplit(speaking.modes), speaking.template
    ).parts
    viseme, expression = shares["viseme"].explained, shares["expression"].explained
    assert viseme["viseme"].mean > 0.8 > 0.25 > viseme["expression"].mean
    assert expression["expression"].mean > 0.4 > 0.15 > expression["viseme"].mean
    assert shares["identity"].explained["identity"].mean > 0.8


def test_shapes_that_a_face_cannot_tell_apart_are_one_class(tmp_path):
    groups = group_visemes(Jaw())
    units = {name: translate_units(viseme_mouth(name).units, Jaw.controls) for name in VISEMES}
    height = {name: Jaw().shape(np.zeros(3), asked)[0, 1] for name, asked in units.items()}
    assert sorted(itertools.chain(*groups)) == sorted(VISEMES)
    assert groups[0][:2] == ("rest", "PP")
    assert ("aa",) in groups
    for alike in (1.5, 2.5, 4.0):
        for group in group_visemes(Jaw(), alike):
            assert np.ptp([height[name] for name in group]) <= alike
    make_dataset(Jaw(), tmp_path / "jaw.h5", size=SIZE, seed=0, visemes=True)
    with load_dataset(tmp_path / "jaw.h5") as dataset:
        names = dataset.names["viseme"]
        assert names == tuple("+".join(group) for group in groups)
        label = dataset.labels["viseme"][(dataset.sequence == -1)]
        np.testing.assert_array_equal(
            [VISEMES[i % 15] in names[c].split("+") for i, c in enumerate(label)], True
        )
        assert set(dataset.modes) == {"identity", "viseme"}  # it has no expression


def test_a_face_that_cannot_speak_is_refused(tmp_path):
    class Mask(Dome):
        controls = ("AU1", "AU4_L", "AU4_R")

    with pytest.raises(ValueError, match="dome cannot speak: all visemes look alike"):
        make_dataset(Mask(), tmp_path / "mask.h5", size=SIZE, seed=0, visemes=True)


def test_units_of_a_source_are_the_expressions_or_the_visemes():
    expression, viseme = split_units(HEAD.controls)
    assert sorted(expression + viseme) == sorted(HEAD.controls)
    assert {unit.split("_")[0] for unit in viseme} <= articulators()
    assert not {unit.split("_")[0] for unit in expression} & articulators()


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="unknown viseme 'sil'; known: rest, PP"):
        viseme_mouth("sil")
    with pytest.raises(ValueError, match=r"strength must be in \[0, 1\], got 2"):
        viseme_mouth("aa", 2.0)
    with pytest.raises(ValueError, match="at least 3 frames, got 2"):
        speech_course(2, sample_speech_style(np.random.default_rng(0)), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"AU99.*known"):
        HEAD.unit_modes(["AU99"])


@pytest.mark.parametrize("model", ["ict/ict_face.npz", "makehuman/makehuman_face.npz"])
def test_real_faces_tell_all_visemes_apart_and_round_their_lips(faces, model):
    source = load_face_model(faces / model)
    assert [len(group) for group in group_visemes(source)] == [1] * len(VISEMES)
    modes = [source.unit_modes(units) for units in split_units(source.controls)]
    joint = np.linalg.matrix_rank(np.concatenate(modes).reshape(sum(map(len, modes)), -1))
    assert joint == sum(np.linalg.matrix_rank(m.reshape(len(m), -1)) for m in modes)


def test_the_documented_configuration_trains_on_three_factors(pair):
    text = (ROOT / "docs/howto/three_factors.md").read_text(encoding="utf-8")
    factors = tomllib.loads(text.split("```toml")[1].split("```")[0])["factors"]
    preset = (ROOT / "gan" / "presets" / "demo.toml").read_text(encoding="utf-8")
    config = parse_config(
        tomllib.loads(preset) | {"factors": factors}, "docs/howto/three_factors.md"
    )
    assert {factor.name for factor in config.factors} == set(pair[1].labels) == set(pair[1].modes)
