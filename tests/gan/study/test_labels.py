"""The curve over shares of labels: which numbers stand in it, and that tables do without them."""

import json

import pytest

from gan.study.export import as_record
from gan.study.labels import label_curves, label_table, lay_out_curve
from gan.study.page import build_page
from gan.study.tables import table1, table2
from tests.gan.study.handmade import comparison, evaluation, full, near, result

KEY = "decoupling.expression"


def measured(name, value, **changes):
    numbers = full(decoupling_expression=near(value), **changes)
    return result(name, evaluation(numbers))


@pytest.fixture
def study():
    """Two models with all labels; one of them with 5 and 50 %, the other with 5 % alone."""
    whole = (measured("3dmm", 0.8), measured("ours", 0.9), measured("mae", 0.7))
    fewer = (measured("ours-labels5", 0.6), measured("ours-labels50", 0.85))
    return comparison(*whole, fewer=(*fewer, measured("3dmm-labels5", 0.75)))


def curve_of(study):
    (curve,) = (curve for curve in label_curves(study) if curve.column.key == KEY)
    return curve


def test_numbers_stand_by_share_and_model(study):
    curve = curve_of(study)
    assert curve.shares == (0.05, 0.5, 1.0)
    means = {line.name: [v and v.mean for v in line.values] for line in curve.lines}
    assert means == {"3dmm": [0.75, None, 0.8], "ours": [0.6, 0.85, 0.9]}
    header, rows = label_table(curve)
    assert header == ["", "5 %", "50 %", "100 %"]
    assert rows[0] == ["3DMM", "75.0 [74.0, 76.0]", "–", "80.0 [79.0, 81.0]"]
    chart = lay_out_curve(curve)
    assert [tick.text for tick in chart.x] == ["5", "50", "100"]
    assert [len(points.split()) for _, points in chart.lines] == [2, 3]
    heights = [y for style, _, y, _ in chart.dots if style == "curve-1"]
    assert heights == sorted(heights, reverse=True)  # up is less


def test_tables_hold_models_with_all_labels_alone(study):
    for table in (table1(study), table2(study)):
        assert not [row.name for row in table.rows if "labels" in row.name]
    page = build_page(study, (table1(study), table2(study)))
    assert "Fewer labels" in page
    assert "Ours, 0.05 of the labels: 60" in page
    record = as_record(study)
    assert [m["name"] for m in record["models"]][-1] == "3dmm-labels5"
    assert json.dumps(record["labels"])
    whole = comparison(measured("ours", 0.9))
    assert label_curves(whole) == []
    assert "Fewer labels" not in build_page(whole, (table1(whole), table2(whole)))
