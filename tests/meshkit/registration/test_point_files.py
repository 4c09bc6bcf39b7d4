"""Landmark files as other programs write them, and how they pair."""

import json
from pathlib import Path

import numpy as np
import pytest

from meshkit.errors import FileFormatError
from meshkit.registration.landmarks import pair_points
from meshkit.registration.point_files import load_points

POINTS = [[1.5, -2.0, 3.25], [4.0, 5.0, 6e-1], [7.0, 8.0, 9.0]]
FILES = {
    "meshlab.pp": '<!DOCTYPE PickedPoints>\n<PickedPoints>\n <DocumentData><DateTime time="1"/>'
    "</DocumentData>\n <point x=\"1.5\" y='-2' z='3.25' active='1' name='nose'/>\n"
    ' <point active="0" name="off" x="0" y="0" z="0"/>\n <point y="5" x="4" z="0.6" name="chin"/>\n'
    ' <point x="7" y="8" z="9" active="1" name="brow"/>\n</PickedPoints>\n',
    "bu.bnd": "12\t1.5\t-2\t3.25\n7 4 5 0.6\n\n100 7 8 9\n",
    "bosphorus.lm3": "# 3D landmarks\n\n3 landmarks:\nlabels:\nnose\n1.5 -2 3.25\nchin\n4 5 .6\n"
    "brow\n7 8 9\n",
    "listed.lm3": "# first names\n3\nnose\nchin\nbrow\n3D coordinates:\n1.5 -2 3.25\n4 5 .6\n"
    "7 8 9\n",
    "rows.txt": "1.5, -2, 3.25\n4 5 0.6\n7 8 9",
}


@pytest.mark.parametrize("name", FILES)
def test_points_come_in_their_order_with_their_names(tmp_path, name):
    path = tmp_path / name
    path.write_text(FILES[name])
    names, points = load_points(path)
    assert points.tolist() == POINTS
    assert names == (
        ("0", "1", "2") if name in ("bu.bnd", "rows.txt") else ("nose", "chin", "brow")
    )


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.lm2", "2\nnose\nchin\n12.5 40\n3 4\n", "places in a picture"),
        ("a.bnd", "1 2 3 4\n1 2\n", "2: a landmark has 4 numbers, found 2"),
        ("a.txt", "nose\n1 2 3\n4 5 6\n", "2 points, but 1 names"),
        ("a.pp", "<PickedPoints><point x='1' y='2'/></PickedPoints>", "point 0 has no x, y and z"),
        ("a.pp", "<PickedPoints></PickedPoints>", "holds no landmark"),
        ("a.txt", "1 2 nan\n", "landmark 0 is not finite"),
        ("a.csv", "1 2 3\n", "unknown suffix"),
    ],
)
def test_what_is_no_point_on_a_scan_is_refused(tmp_path, name, text, says):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(FileFormatError, match=says):
        load_points(path)


def write(path: Path, count: int) -> Path:
    path.write_text("\n".join(f"{k} {2 * k} 0" for k in range(count)))
    return path


def test_sides_pair_by_name_or_by_order_and_51_are_the_last_of_68(tmp_path):
    V = np.stack([np.arange(100.0), np.zeros(100), np.zeros(100)], axis=1)
    template = tmp_path / "t.json"
    template.write_text(json.dumps({"brow": 5, "nose": 6, "ear": 7, "chin": 8}))
    scan = tmp_path / "s.pp"
    scan.write_text(FILES["meshlab.pp"])
    marks = pair_points(scan, template, V)
    assert marks.names == ("brow", "nose", "chin")
    assert marks.points.tolist() == [POINTS[2], POINTS[0], POINTS[1]]
    assert marks.operator.indices.tolist() == [5, 6, 8]
    template.write_text(json.dumps({"landmarks68": list(range(68))}))
    marks = pair_points(write(tmp_path / "s.txt", 51), template, V)
    assert marks.operator.indices.tolist() == list(range(17, 68))
    np.save(tmp_path / "t.npy", V[[3, 9]] + 0.2)
    marks = pair_points(write(tmp_path / "s.txt", 2), tmp_path / "t.npy", V)
    assert marks.operator.indices.tolist() == [3, 9]
    with pytest.raises(FileFormatError, match=r"holds 50 landmarks, .* 68: without names"):
        pair_points(write(tmp_path / "s.txt", 50), template, V)
