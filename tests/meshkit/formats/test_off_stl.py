"""OFF and STL: small formats, read as strictly as the others."""

import warnings

import numpy as np
import pytest

from meshkit.errors import FileFormatError
from meshkit.formats.off import load_off
from meshkit.formats.stl import load_stl
from meshkit.io import load_mesh

OFF = "OFF\n# by hand\n4 3 0\n0 0 0\n1 0 0\n1 1 0\n\n0 1 0\n3 0 1 2 255 0 0\n4 0 1 2 3\n3 3 2 0\n"
STL = """solid part one
 facet normal 0 0 1
  outer loop
   vertex 0 0 0
   vertex 1 0 0
   vertex 1 1 0
  endloop
 endfacet
endsolid part one
solid
FACET NORMAL 0 0 1
OUTER LOOP
VERTEX -0.0 0 0
VERTEX 1 1 0
VERTEX 0 1 1e-30
ENDLOOP
ENDFACET
endsolid
"""


def test_off_by_hand(tmp_path):
    path = tmp_path / "m.off"
    path.write_text(OFF)
    mesh = load_off(path)
    np.testing.assert_array_equal(mesh.V[:, :2], [[0, 0], [1, 0], [1, 1], [0, 1]])
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 1, 2], [0, 2, 3], [3, 2, 0]])
    path.write_text(OFF.replace("OFF\n# by hand\n4 3 0", "OFF 4 3"))
    np.testing.assert_array_equal(load_off(path).F, mesh.F)


ROWS = ["0 0 0", "1 0 0", "1 1 0", "0 1 0"]
FACES = "3 0 1 2\n3 0 2 3\n"


def off_text(header: str, *columns: str) -> str:
    rows = "".join(" ".join([row, *columns]) + "\n" for row in ROWS)
    return f"{header}\n4 2 0\n{rows}{FACES}"


@pytest.mark.parametrize(
    ("text", "colors", "UV"),
    [
        (off_text("off"), None, None),
        (off_text("").lstrip(), None, None),  # no header word at all
        (off_text("NOFF", "0 0 1"), None, None),
        (off_text("COFF", "255 0 51 255"), [1, 0, 0.2], None),
        (off_text("COFF", "255 0 51"), [1, 0, 0.2], None),
        (off_text("COFF", "1 0 0.2 1"), [1, 0, 0.2], None),
        (off_text("CNOFF", "0 0 1", "1 0 0.2 1"), [1, 0, 0.2], None),
        (off_text("STOFF", "0.25 1"), None, [0.25, 1]),
        (off_text("STCNOFF", "0 0 1", "1 0 0.2 1", "0.25 1"), [1, 0, 0.2], [0.25, 1]),
        (
            "OFF\n4 2 0\n" + off_text("").split(" 2 0", 1)[1].replace(" ", "\n"),
            None,
            None,
        ),  # a number a line
        (off_text("COFF", "1 0 0.2").replace("3 0 1", "3\n0 1"), [1, 0, 0.2], None),
    ],
)
def test_kinds_of_off(tmp_path, text, colors, UV):
    path = tmp_path / "m.off"
    path.write_text(text)
    mesh = load_off(path)
    np.testing.assert_array_equal(mesh.V, [list(map(float, row.split())) for row in ROWS])
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])
    for array, wanted in ((mesh.colors, colors), (mesh.UV, UV)):
        if wanted is None:
            assert array is None
        else:
            np.testing.assert_array_equal(array, [wanted] * 4)


def test_columns_that_the_header_does_not_name_are_skipped_and_said(tmp_path):
    path = tmp_path / "m.off"
    path.write_text(off_text("OFF", "0 0 1"))
    with pytest.warns(UserWarning, match="more than 3 numbers for a vertex"):
        assert load_mesh(path).colors is None


def binary_off() -> bytes:
    counts, V = np.array([4, 2, 0], ">i4"), np.array([row.split() for row in ROWS], ">f4")
    color = np.array([0.5, 0.5, 0.5], ">f4").view(">i4")
    faces = np.array([3, 0, 1, 2, 0, 3, 0, 2, 3, 3, *color], ">i4")
    return b"OFF BINARY\n" + counts.tobytes() + V.tobytes() + faces.tobytes()


def test_binary_off_and_what_is_wrong_in_it(tmp_path):
    path, data = tmp_path / "m.off", binary_off()
    path.write_bytes(data)
    mesh = load_off(path)
    np.testing.assert_array_equal(mesh.V[2], [1, 1, 0])
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])
    for length in range(11, len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(FileFormatError, match=r"m\.off"):
            load_off(path)
    path.write_bytes(data.replace(b"\0\0\0\x02\0\0\0\x03" * 1, b"\0\0\0\x02\0\0\0\x09"))
    with pytest.raises(FileFormatError, match="face 1 names vertex 9, but"):
        load_off(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("OFF", "4OFF"), "m.off:1: an OFF file starts with 'OFF'"),
        (("OFF", "NOFF"), "m.off:4: vertex needs 6 numbers, found 3"),
        (("4 3 0", "4 x 0"), "m.off:1: the counts of vertices, faces (and edges) must follow"),
        (("4 3 0", "4 2 0"), "4 vertices and 2 faces promised, 7 rows found"),
        (("4 3 0", "5 3 0"), "5 vertices and 3 faces promised, 7 rows found"),
        (("1 1 0", "1 1"), "m.off:6: vertex needs 3 numbers, found 2"),
        (("1 1 0", "1 one 0"), "m.off:6: vertex: 'one' is not a number"),
        (("3 3 2 0", "3 3 2 4"), "m.off:11: vertex 4, but the file has 4"),
        (("3 3 2 0", "3 3 2 -1"), "m.off:11: vertex -1, but the file has 4"),
        (("3 3 2 0", "3 3 2"), "m.off:11: not a face of 3 corners or more: '3 3 2'"),
        (("3 3 2 0", "2 3 2"), "m.off:11: not a face of 3 corners or more: '2 3 2'"),
        (("3 3 2 0", "3 3 2 0.5"), "m.off:11: not a face of 3 corners or more"),
        (("3 3 2 0", "3 3 2 99999999999999999999"), "m.off:11: not a face of 3 corners"),
    ],
)
def test_what_is_wrong_in_an_off_file(tmp_path, change, message):
    path = tmp_path / "m.off"
    assert change[0] in OFF
    path.write_text(OFF.replace(*change, 1))
    with pytest.raises(FileFormatError) as caught:
        load_off(path)
    assert message in str(caught.value)


def test_stl_joins_equal_positions_and_only_those(tmp_path):
    path = tmp_path / "m.stl"
    path.write_text(STL)
    mesh = load_stl(path)
    np.testing.assert_array_equal(mesh.V, [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1e-30]])
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])  # by first appearance; -0 is 0


@pytest.mark.parametrize(
    "text",
    [
        STL.replace(" ", "\t"),
        STL.upper(),
        "\n" + STL,
        STL.replace("\n", "\r\n"),
        "\ufeff" + STL,
        STL.replace("solid part one", "solid", 1),
    ],
)
def test_spaces_capitals_and_marks_change_nothing_in_an_stl(tmp_path, text):
    path, plain = tmp_path / "m.stl", tmp_path / "plain.stl"
    path.write_text(text, encoding="utf-8")
    plain.write_text(STL)
    np.testing.assert_array_equal(load_stl(path).V, load_stl(plain).V)
    np.testing.assert_array_equal(load_stl(path).F, [[0, 1, 2], [0, 2, 3]])


RECORD = np.zeros(1, np.dtype([("n", "<f4", 3), ("p", "<f4", (3, 3)), ("a", "<u2")]))
RECORD["p"] = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"solid exported".ljust(80) + b"\1\0\0\0" + RECORD.tobytes(), None),  # many do that
        (b"".ljust(80) + b"\0\0\0\0" + RECORD.tobytes(), "the header counts 0 triangles, 1 are"),
        (b"".ljust(80) + b"\1\0\0\0" + RECORD.tobytes() + b"end", "3 bytes after the last"),
        (STL.removesuffix("endsolid\n").encode(), "ends without 'endsolid': it may be cut off"),
    ],
)
def test_an_odd_stl_is_read_and_what_is_odd_is_said(tmp_path, data, said):
    path = tmp_path / "m.stl"
    path.write_bytes(data)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mesh = load_mesh(path)
    assert len(mesh.F) == (2 if data.endswith(b"FACET\n") else 1)
    assert [str(w.message).partition(said or " ")[1] for w in caught] == ([said] if said else [])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((" outer loop", " inner loop"), "m.stl:3: expected 'outer', found 'inner'"),
        (("vertex 1 1 0\n", ""), "m.stl:6: expected 'vertex', found 'endloop'"),
        (("vertex 1 1 0", "vertex 1 1"), "m.stl:6: vertex needs 3 numbers, found 2"),
        (("vertex 1 1 0", "vertex 1 1 zero"), "m.stl:6: vertex: 'zero' is not a number"),
        ((" endfacet\nendsolid part one\n", " endfacet\n"), "m.stl:9: expected 'facet', found 's"),
        (("ENDFACET\nendsolid\n", ""), "the file ends before 'endfacet'"),
        (("solid part", "solo part"), "neither ASCII STL (it would start with 'solid') nor binary"),
    ],
)
def test_what_is_wrong_in_an_stl_file(tmp_path, change, message):
    path = tmp_path / "m.stl"
    assert change[0] in STL
    path.write_text(STL.replace(*change, 1))
    with pytest.raises(FileFormatError) as caught:
        load_stl(path)
    assert message in str(caught.value)


def test_an_stl_without_triangles(tmp_path):
    path = tmp_path / "m.stl"
    path.write_bytes(b"".ljust(80) + np.uint32(0).tobytes())
    with pytest.raises(FileFormatError, match=r"m\.stl holds no vertex"):
        load_stl(path)
    path.write_bytes(b"".ljust(80) + np.uint32(2**32 - 1).tobytes() + b"\0" * 50)
    with pytest.raises(FileFormatError, match=r"4294967295 triangles take \d+ bytes, the file"):
        load_stl(path)
