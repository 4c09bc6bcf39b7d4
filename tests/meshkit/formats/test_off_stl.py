"""OFF and STL: small formats, read as strictly as the others."""

import numpy as np
import pytest

from meshkit.errors import FileFormatError
from meshkit.formats.off import load_off
from meshkit.formats.stl import load_stl

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


def test_coff_colours_in_either_range(tmp_path):
    path = tmp_path / "m.off"
    rows = "COFF\n3 1 0\n0 0 0 255 0 51 255\n1 0 0 0 0 0 255\n1 1 0 0 0 0 255\n3 0 1 2\n"
    path.write_text(rows)
    np.testing.assert_array_equal(load_off(path).colors[0], [1, 0, 0.2])
    path.write_text(rows.replace("255 0 51 255", "1 0 0.2 1"))
    np.testing.assert_array_equal(load_off(path).colors[0], [1, 0, 0.2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("OFF", "NOFF"), "m.off:1: an OFF file starts with 'OFF' or 'COFF'"),
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


def test_a_binary_file_may_start_with_solid(tmp_path):
    """Many exporters write that word into the binary header."""
    path = tmp_path / "m.stl"
    record = np.zeros(1, np.dtype([("n", "<f4", 3), ("p", "<f4", (3, 3)), ("a", "<u2")]))
    record["p"] = [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    path.write_bytes(b"solid exported".ljust(80) + np.uint32(1).tobytes() + record.tobytes())
    np.testing.assert_array_equal(load_stl(path).V, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((" outer loop", " inner loop"), "m.stl:3: expected 'outer', found 'inner'"),
        (("vertex 1 1 0\n", ""), "m.stl:6: expected 'vertex', found 'endloop'"),
        (("vertex 1 1 0", "vertex 1 1"), "m.stl:6: vertex needs 3 numbers, found 2"),
        (("vertex 1 1 0", "vertex 1 1 zero"), "m.stl:6: vertex: 'zero' is not a number"),
        ((" endfacet\nendsolid part one\n", " endfacet\n"), "m.stl:9: expected 'facet', found 's"),
        (("endsolid\n", ""), "the file ends before 'endsolid'"),
        (("solid part", "solo part"), "neither ASCII STL (it would start with 'solid') nor binary"),
    ],
)
def test_what_is_wrong_in_an_stl_file(tmp_path, change, message):
    path = tmp_path / "m.stl"
    assert change[0] in STL
    path.write_text(
        STL.replace(*change, 1) if change[0] != "endsolid\n" else STL.removesuffix("endsolid\n")
    )
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
