"""The parts of a report: honest curves and bars, real faces, geometry images, tables."""

import json
import math

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
from gan.report.faces import pick_real
from gan.report.instruments import instruments, without_instruments
from gan.report.log import Curve, read_log, smooth, thin
from gan.report.mapping import geometry_images
from gan.report.numbers import loss_chart, losses, shares_of
from gan.report.tables import share_rows, with_error
from meshkit.images.layout import file_layout
from meshkit.mesh import Mesh
from tests.gan.conftest import blobs
from tests.linear_model import linear_model

finite = st.floats(-1e12, 1e12)


def shares(**of: float) -> dict[str, Estimate]:
    return {code: Estimate(share, 0.1, 10) for code, share in of.items()}


@given(st.lists(finite, min_size=1, max_size=50))
def test_charts_stay_inside_their_frame(values):
    chart = loss_chart(Curve("loss", np.arange(len(values), dtype=float), np.array(values)))
    for points, _ in chart.lines:
        assert points
        for point in points.split():
            x, y = (float(number) for number in point.split(","))
            assert 46 <= x <= 330
            assert 10 <= y <= 144


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
    """Shares of what codes do only together count for each; noise may push them below 0."""
    parts = {"identity": PartShares(20.0, shares(a=0.9, b=-0.1, c=0.6))}
    found = model_free.measured({"model": Decomposition(parts, 20.0, 0.0)})
    drawn = shares_of(found.matrices["model"])
    (bar,) = drawn.bars
    np.testing.assert_allclose([part.width for part in bar.shares], [60, 40])
    assert [part.share for part in bar.shares] == [0.9, 0.6]  # the numbers are told as they are
    assert bar.label == "identity part explained by a 90%, by b -10%, by c 60%"
    assert drawn.overfull


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
    parts = {"identity": PartShares(20.0, share), REST: PartShares(1e-5, share)}
    found = model_free.measured({"model": Decomposition(parts, 20.0, 5e-7)})
    header, rows = share_rows(found.matrices["model"])
    assert header == ["", "mm² a vertex", "by identity, %", "by noise, %"]
    assert rows == [
        ["identity part", "20", "50 ± 10", "-2 ± 1"],
        ["outside all modes", "1e-05", "–", "–"],
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


def test_figures_of_the_instruments_stand_apart_from_losses(tmp_path):
    """The critic's three scores in one chart, the scores first; a loss is no figure."""
    row = {"critic/training": 3.0, "critic/held_out": 1.0, "critic/generated": -1.0}
    row |= {"d/critic": -4.0, "gradient/adversarial": 2.0, "critic/memorised": 0.5, "other": 1.0}
    lines = [json.dumps({"step": step, "seconds": 1.0, **row}) for step in (50, 100)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines))
    log = read_log(tmp_path / "metrics.jsonl")
    scores, *others = instruments(log)
    assert len(scores.chart.lines) == 3
    assert "training 3, held-out 1, generated −1" in scores.meaning
    assert [(of.player, of.title, of.last) for of in others] == [
        ("critic", "memorised", 0.5),
        ("gradient", "adversarial", 2.0),
    ]
    assert [loss.title for loss in losses(without_instruments(log))] == ["critic", "other"]
