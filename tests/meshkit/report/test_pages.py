"""Pages: text that cannot be markup, scales that suit the values, pictures without a ground."""

import math
import re
from html.parser import HTMLParser

import jinja2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshkit.primitives import hemisphere
from meshkit.render import frame_of, render_mesh
from meshkit.report.axes import nice_ticks, number, step_axis, value_axis
from meshkit.report.page import render_page
from meshkit.report.pictures import cut_out

finite = st.floats(-1e12, 1e12)


class Heard(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def paragraph(tmp_path_factory):
    """A template that shows a text, through a macro, and a title."""
    folder = tmp_path_factory.mktemp("templates")
    macro = '{% macro p(text, title) %}<p title="{{ title }}">{{ text }}</p>{% endmacro %}'
    (folder / "p.html").write_text(macro + "{{ p(text, title) }}")
    return folder


@given(st.text(), st.text())
def test_text_stays_text(paragraph, text, title):
    heard = Heard(render_page("p.html", paragraph, text=text, title=title))
    assert heard.tags == ["p"]
    forbidden = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
    assert heard.text == forbidden.sub("\ufffd", text)
    assert heard.attributes == [("title", forbidden.sub("\ufffd", title))]


def test_nothing_is_empty_and_what_is_missing_is_an_error(paragraph):
    assert render_page("p.html", paragraph, text=None, title=3) == '<p title="3"></p>'
    with pytest.raises(jinja2.UndefinedError, match="title"):
        render_page("p.html", paragraph, text="")


@given(finite, finite)
def test_ticks_hold_the_range(a, b):
    low, high = min(a, b), max(a, b)
    if high - low < 1e-6 * max(abs(low), abs(high), 1e-6):
        return
    ticks = nice_ticks(low, high)
    slack = 1e-6 * (high - low)
    assert 2 <= len(ticks) <= 6
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    step = ticks[1] - ticks[0]
    assert round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) in (1, 2, 5)


def test_scales_suit_the_values():
    decay = value_axis(np.geomspace(100, 0.001, 50))
    assert decay.logarithmic
    np.testing.assert_allclose(np.diff(decay.place(np.geomspace(100, 0.001, 6))), -0.2)
    outlier = value_axis(np.append(np.linspace(1, 2, 999), 1e4))
    assert outlier.place(np.array([2.0]))[0] > 0.5  # one wild value does not flatten the rest
    assert value_axis(np.array([3.0, 3.0])).ticks
    assert step_axis(np.array([7.0])).ticks == (7.0,)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.5, "0.5"),
        (-27.371, "−27.4"),
        (1234.0, "1,234"),
        (2e-7, "2e−7"),
        (1.5e9, "1.5e9"),
    ],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_a_cut_out_is_the_picture_without_its_ground():
    """Laid on any ground it is the picture drawn on that ground."""
    V, F = hemisphere(6)
    frame = frame_of(V, size=(40, 32))
    tile = cut_out(V, F, (40, 32), view="front", frame=frame).astype(float)
    alpha = tile[..., 3:] / 255
    assert 0 < (alpha == 1).sum() < alpha.size
    for ground in ((0, 0, 0), (250, 10, 120)):
        drawn = (
            render_mesh(V, F, size=(80, 64), samples=1, frame=frame, background=ground)
            .reshape(40, 2, 32, 2, 3)
            .mean(axis=(1, 3))
        )
        np.testing.assert_allclose(tile[..., :3] * alpha + ground * (1 - alpha), drawn, atol=1.2)
