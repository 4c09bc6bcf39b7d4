"""Words for displacements: what FACS says that an action unit does is what is said of it."""

import numpy as np
import pytest

from gan.datasets.procedural import ProceduralHead
from gan.export.meaning import in_words

HEAD = ProceduralHead()


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ({"AU26": 1.0}, ("jaw opens", "mouth opens")),
        ({"AU12_L": 1.0, "AU12_R": 1.0}, ("mouth widens", "mouth corners go up")),
        ({"AU1_L": 1.0, "AU1_R": 1.0, "AU2_L": 1.0, "AU2_R": 1.0}, ("brows go up",)),
        ({"AU43_L": 1.0, "AU43_R": 1.0}, ("eyes close",)),
    ],
)
def test_action_units_are_called_by_what_they_do(units, expected):
    D = HEAD.shape(0 * HEAD.sample_identity(np.random.default_rng(0)), units) - HEAD.template
    said = in_words(HEAD.template, D, HEAD.landmarks)
    assert any(words in said for words in expected), said
    back = in_words(HEAD.template + D, -D, HEAD.landmarks)
    assert back != said
    assert [w.split()[-2:] for w in back.split(", ")] == [w.split()[-2:] for w in said.split(", ")]


def test_nothing_is_said_of_nothing_and_without_landmarks():
    assert in_words(HEAD.template, 0 * HEAD.template, HEAD.landmarks) == ""
    assert in_words(HEAD.template, 10 + 0 * HEAD.template, HEAD.landmarks) == "", "a motion"
    assert in_words(HEAD.template, HEAD.template, None) == ""
