"""The parts of a report: markup that cannot be broken out of, honest curves, clean cut-outs."""

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan.datasets.store import load_dataset
from gan.evaluation.estimate import Estimate
from gan.evaluation.metrics import model_free
from gan.evaluation.metrics.labels import ClassMatch, match_line
from gan.evaluation.metrics.model_free import REST, Decomposition, PartShares
from gan.report.axes import nice_ticks, number, step_axis, value_axis
from gan.report.charts import line_chart, share_bar
from gan.report.faces import pick_real
from gan.report.html import Markup, element, escape
from gan.report.log import Curve, read_log, smooth, thin
from gan.report.mapping import geometry_images
from gan.report.pictures import cut_out
from gan.report.tables import share_rows, with_error
from meshkit.images.layout import file_layout
from meshkit.mesh import Mesh
from meshkit.primitives import hemisphere
from meshkit.render import frame_of, render_mesh
from tests.gan.conftest import blobs
from tests.linear_model import linear_model

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


@given(st.text(), st.text())
def test_text_stays_text(text, title):
    heard = Heard(element("p", text, title=title))
    assert heard.tags == ["p"]
    clean = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
    assert heard.text == clean.sub("\ufffd", text)
    assert heard.attributes == [("title", clean.sub("\ufffd", title))]


def test_markup_nests_and_nothing_vanishes():
    inner = element("b", "a < b")
    assert element("p", inner, None, 3, class_="x", data_k=None) == (
        '<p class="x"><b>a &lt; b</b>3</p>'
    )
    assert isinstance(escape(inner), Markup)
    assert element("img", alt='"') == '<img alt="&quot;"/>'
    assert element("td") == "<td></td>"


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


@given(st.lists(finite, min_size=1, max_size=50))
def test_charts_stay_inside_their_frame(values):
    curve = Curve("loss", np.arange(len(values), dtype=float), np.array(values))
    drawn = line_chart(curve, label="loss")
    points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", " ".join(re.findall(r'points="([^"]*)"', drawn)))
    assert points
    assert all(46 <= float(x) <= 330 and 10 <= float(y) <= 144 for x, y in points)
    assert "nan" not in drawn


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


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=40), st.integers(1, 20))
def test_smoothing_against_a_loop(values, window):
    n, half = len(values), window // 2
    expected = []
    for i in range(n):
        reach = min(half, (n - 1) // 2, i, n - 1 - i)
        expected.append(np.mean(values[i - reach : i + reach + 1]))
    np.testing.assert_allclose(smooth(np.array(values), window), expected, atol=1e-9)


def test_thinning_keeps_the_mean():
    curve = Curve("loss", np.arange(1000.0), np.random.default_rng(0).normal(size=1000))
    few = thin(curve, 100)
    assert len(few.step) == 100
    np.testing.assert_allclose(few.value.mean(), curve.value.mean())
    assert thin(few, 100) is few


def test_a_missing_log_is_empty(tmp_path):
    assert read_log(tmp_path / "metrics.jsonl") == ((), 0.0)


def test_a_bar_never_overflows():
    """Noisy shares may add up to more than all, or lie below 0."""
    bar = share_bar([("a", 0.7), ("b", -0.1), ("c", 0.5)], label="x")
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", bar)]
    assert widths == [70, 30]
    assert "50%" in bar  # the number is told as it is


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


def test_real_faces_are_of_different_people(tmp_path):
    with load_dataset(blobs(tmp_path / "blobs.h5")) as dataset:
        rows = pick_real(dataset, 5, seed=0)
        assert sorted(dataset.subject[rows]) == [0, 1, 2, 3, 4]
        more = pick_real(dataset, 20, seed=0)
        assert len(np.unique(more)) == 20
        assert set(dataset.split[more]) == {0}


def test_geometry_images_share_one_scale():
    """A face twice as far from the template is twice as far from grey."""
    move = np.zeros((1, 37, 3))
    move[0, :, 1] = 1
    model = linear_model({"identity": move})
    V, F = model.template.numpy().astype(float), model.faces.numpy()
    layout = file_layout(Mesh(V, F, UV=model.UV.numpy()))
    images = geometry_images(model, layout, None, size=8, seed=3)
    assert [kind for kind, _ in images] == ["generated"] * 3
    codes = model.sample_codes(3, rng=torch.Generator().manual_seed(3))["identity"]
    level = np.array([image[..., 1].mean() - 127.5 for _, image in images])
    expected = codes.numpy()[:, 0] / np.abs(codes.numpy()).max() * 127.5
    np.testing.assert_allclose(level, expected, atol=1)
    assert all(set(image[..., (0, 2)].ravel()) == {128} for _, image in images)


def test_the_match_in_words():
    confusion = np.array([[9, 1, 0], [0, 4, 6], [1, 1, 8]])
    match = ClassMatch(("neutral", "happy", "sad"), 0, np.array([0, 2, 2]), np.zeros(3), confusion)
    said = "2 of 3 labels are nearest to their own mean (happy looks like sad)"
    assert match_line(match) == said
    assert with_error(match.share, "%") == "60.0 [40.0, 80.0]"


def test_dust_is_not_explained():
    share = {"identity": Estimate(0.5, 0.1, 10), "noise": Estimate(-0.02, 0.01, 10)}
    parts = {"identity": PartShares(20.0, share), REST: PartShares(1e-9, share)}
    found = model_free.measured({"model": Decomposition(parts, 20.0, 5e-11)})
    header, rows = share_rows(found.matrices["model"])
    assert header == ["", "mm² a vertex", "by identity, %", "by noise, %"]
    assert rows == [
        ["identity part", "20", "50.0 ± 10.0", "-2.0 ± 1.0"],
        ["outside all modes", "1e-09", "–", "–"],
    ]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (Estimate(0.14, 0.02, 9, 0.1, 0.2), "mm", "0.140 [0.100, 0.200]"),
        (Estimate(1.25, 0.5, 9, 0.75, 1.75), "mm", "1.25 [0.75, 1.75]"),
        (Estimate(12345.0, math.nan, 1), "", "1.23e+04"),
        (Estimate(0.965, 0.01, 9), "%", "96.5 ± 1.0"),
        (Estimate(math.nan, math.nan, 9), "%", "–"),
        (None, "mm", "–"),
    ],
)
def test_numbers_of_tables(value, unit, text):
    assert with_error(value, unit) == text
