"""PLY: both encodings and byte orders of one mesh read alike; damage is named."""

import struct

import numpy as np
import pytest

from meshkit.errors import FileFormatError
from meshkit.formats.ply import load_ply
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh

V = [[0, 0, 0], [1, 0, 0.25], [1, 1, 0], [0, 1, 0.5]]
UV = [[0, 0], [1, 0], [1, 1], [0, 1]]
RGB = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [51, 51, 51]]
POLYGONS = [[0, 1, 2], [0, 1, 2, 3], [3, 2, 0]]  # a triangle before and after a quad
F = [[0, 1, 2], [0, 1, 2], [0, 2, 3], [3, 2, 0]]


def header(encoding: str, *, extra: str = "") -> str:
    return (
        f"ply\nformat {encoding} 1.0\ncomment made by hand\nelement vertex 4\n"
        "property float x\nproperty float y\nproperty float z\nproperty double s\n"
        "property double t\nproperty uchar red\nproperty uchar green\nproperty uchar blue\n"
        "element face 3\nproperty short material\n"
        f"property list uchar int vertex_indices\n{extra}end_header\n"
    )


def ascii_file(extra: str = "", tail: str = "") -> bytes:
    rows = [" ".join(map(str, [*p, *uv, *rgb])) for p, uv, rgb in zip(V, UV, RGB, strict=True)]
    rows += [f"7 {len(polygon)} " + " ".join(map(str, polygon)) for polygon in POLYGONS]
    return (header("ascii", extra=extra) + "\n".join(rows) + "\n" + tail).encode()


def binary_file(order: str) -> bytes:
    name = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    body = b"".join(
        struct.pack(order + "3f2d3B", *p, *uv, *rgb) for p, uv, rgb in zip(V, UV, RGB, strict=True)
    )
    for polygon in POLYGONS:
        body += struct.pack(f"{order}hB{len(polygon)}i", 7, len(polygon), *polygon)
    return header(name).encode() + body


@pytest.fixture
def ply(tmp_path):
    def write(data: bytes):
        path = tmp_path / "m.ply"
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("data", [ascii_file(), binary_file("<"), binary_file(">")])
def test_the_same_mesh_in_three_encodings(ply, data):
    """Triangles among quads stay in place: general readers sort them by size."""
    mesh = load_ply(ply(data))
    np.testing.assert_array_equal(mesh.V, V)
    np.testing.assert_array_equal(mesh.F, F)
    np.testing.assert_array_equal(mesh.UV, UV)
    np.testing.assert_array_equal(mesh.colors, np.array(RGB) / 255)


def test_windows_line_ends_in_an_ascii_file(ply):
    mesh = load_ply(ply(ascii_file().replace(b"\n", b"\r\n")))
    np.testing.assert_array_equal(mesh.F, F)


@pytest.mark.parametrize("names", [("u", "v"), ("texture_u", "texture_v")])
def test_other_names_of_uv(ply, names):
    data = ascii_file().replace(b"double t\n", f"double {names[1]}\n".encode())
    data = data.replace(b"double s\n", f"double {names[0]}\n".encode())
    np.testing.assert_array_equal(load_ply(ply(data)).UV, UV)


def test_elements_before_and_after_are_stepped_over(ply):
    extra = "element edge 2\nproperty int vertex1\nproperty int vertex2\nelement empty 5\n"
    mesh = load_ply(ply(ascii_file(extra, "0 1\n1 2\n")))
    np.testing.assert_array_equal(mesh.F, F)


def test_delaunay_cuts_quads_by_position(ply):
    data = ascii_file().replace(b"0 0 0 0 0 255", b"-3 0 0 0 0 255")  # a wide angle at vertex 3
    mesh = load_mesh(ply(data), quads="delaunay")
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 1, 3], [1, 2, 3], [3, 2, 0]])


def test_colours_are_rounded_not_cut_off(tmp_path):
    colors = np.full((4, 3), 0.999)
    save_mesh(tmp_path / "m.ply", Mesh(np.array(V) * 1.0, np.array(F), colors=colors))
    np.testing.assert_array_equal(load_ply(tmp_path / "m.ply").colors, np.ones((4, 3)))


def test_texcoord_of_some_faces_only_is_dropped_and_said(ply):
    data = ascii_file().replace(b"double s", b"double a").replace(b"double t", b"double b")
    data = data.replace(
        b"vertex_indices\n", b"vertex_indices\nproperty list uchar float texcoord\n"
    )
    lines = data.decode().splitlines()
    lines[-3] += " 6 0 0 1 0 1 1"
    lines[-2] += " 0"
    lines[-1] += " 6 0 0 1 0 1 1"
    with pytest.warns(UserWarning, match=r"some corners have none \(first: face 1\)"):
        mesh = load_ply(ply("\n".join(lines).encode()))
    assert mesh.UV is None
    assert mesh.UV_corner is None


def test_text_after_the_last_element_is_skipped_and_said(ply):
    with pytest.warns(UserWarning, match="follows the last element, from line 24 on"):
        np.testing.assert_array_equal(load_ply(ply(ascii_file(tail="# end\n"))).F, F)


def test_rows_may_go_on_over_several_lines_if_no_number_is_left_over(ply):
    head, _, body = ascii_file().partition(b"end_header\n")
    words = body.replace(b" ", b"\n")
    mesh = load_ply(ply(head + b"end_header\n" + words))
    np.testing.assert_array_equal(mesh.V, V)
    np.testing.assert_array_equal(mesh.F, F)
    with pytest.raises(FileFormatError, match="vertex needs 8 numbers, found 1"):
        load_ply(ply(head + b"end_header\n" + words[2:]))


@pytest.mark.parametrize(
    ("change", "colors"),
    [
        ((b"red", b"diffuse_red"), None),
        ((b"uchar red", b"float red"), np.array(RGB) / 255),  # none is above 1 but as a byte
        ((b"property float x", b"property float X"), np.array(RGB) / 255),
        ((b"list uchar int", b"list int64 uint64"), np.array(RGB) / 255),
    ],
)
def test_other_names_and_types(ply, change, colors):
    mesh = load_ply(ply(ascii_file().replace(*change)))
    np.testing.assert_array_equal(mesh.V, V)
    np.testing.assert_array_equal(mesh.F, F)
    if colors is None:
        assert mesh.colors is None  # a red alone is no colour
    else:
        np.testing.assert_array_equal(mesh.colors, colors)


def test_diffuse_colours_and_int64_in_a_binary_file_with_quads(ply):
    data = binary_file("<").replace(b"uchar int v", b"uchar int64 v")
    for name in (b"red", b"green", b"blue"):
        data = data.replace(b" " + name, b" diffuse_" + name)
    head, body = data[: data.index(b"end_header")], struct.pack("<")
    for p, uv, rgb in zip(V, UV, RGB, strict=True):
        body += struct.pack("<3f2d3B", *p, *uv, *rgb)
    for polygon in POLYGONS:
        body += struct.pack(f"<hB{len(polygon)}q", 7, len(polygon), *polygon)
    mesh = load_ply(ply(head + b"end_header\n" + body))
    np.testing.assert_array_equal(mesh.F, F)
    np.testing.assert_array_equal(mesh.colors, np.array(RGB) / 255)


def test_triangle_strips(ply):
    head = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
    head += "property float z\nelement tristrips 1\nproperty list int int vertex_indices\n"
    rows = "\n".join(" ".join(map(str, p)) for p in V)
    data = f"{head}end_header\n{rows}\n12 0 1 3 2 -1 1 2 2 3 -1 3 2\n"
    np.testing.assert_array_equal(load_ply(ply(data.encode())).F, [[0, 1, 3], [3, 1, 2]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((b"ply\n", b"plyx\n"), "m.ply:1: a PLY file starts with the line 'ply'"),
        ((b"end_header", b"end"), "the header has no line 'end_header'"),
        ((b"format ascii 1.0\n", b""), "the header has no line 'format'"),
        ((b"ascii 1.0", b"utf8 1.0"), "m.ply:2: not a header line of PLY 1.0: 'format utf8 1.0'"),
        ((b"float x", b"quad x"), "m.ply:5: not a property of PLY 1.0: 'quad x'"),
        ((b"list uchar", b"list float"), "m.ply:15: not a property of PLY 1.0"),
        ((b"float y", b"float x"), "m.ply:6: property 'x' is declared twice"),
        ((b"element face", b"element vertex"), "m.ply:13: element 'vertex' is declared twice"),
        ((b"vertex 4", b"vertex -4"), "m.ply:4: not a header line"),
        ((b"vertex 4", b"vertex 5"), "m.ply:21: vertex needs 8 numbers, found 5"),
        ((b"face 3", b"face 4"), "4 rows of face promised, 3 found"),
        ((b"float z", b"float w"), "the element 'vertex' with x, y and z is missing"),
        ((b"vertex_indices", b"corners"), "no element 'face' with a list of integers"),
        ((b"list uchar int", b"list uchar float"), "no element 'face' with a list of integers"),
        ((b"element face", b"element edge"), "m.ply holds 4 vertices but no face: it is a point"),
        ((b"7 3 0 1 2", b"7 3 0 1 4"), "face 0 names vertex 4, but the file has 4"),
        ((b"7 3 0 1 2", b"7 3 0 1 -1"), "face 0 names vertex -1, but the file has 4"),
        ((b"7 3 0 1 2", b"7 2 0 1"), "face 0 has 2 corners, needs 3"),
        ((b"7 3 0 1 2", b"7 4 0 1 2"), "m.ply:21: not a row of face: '7 4 0 1 2'"),
        ((b"7 3 0 1 2", b"7 3 0 1 2 3"), "m.ply:21: not a row of face: '7 3 0 1 2 3'"),
        ((b"7 3 0 1 2", b"7 3 0 1 x"), "m.ply:21: not a row of face: '7 3 0 1 x'"),
        ((b"7 3 0 1 2", b"7 3 0 1 99999999999999999999"), "an integer of vertex_indices is too"),
        ((b"255 0 0", b"256 0 0"), "the colour of vertex 0 is outside 0..255"),
        ((b"255 0 0", b"red 0 0"), "m.ply:17: vertex: 'red' is not a number"),
    ],
)
def test_what_is_wrong_in_an_ascii_file(ply, change, message):
    data = ascii_file()
    assert change[0] in data
    with pytest.raises(FileFormatError) as caught:
        load_ply(ply(data.replace(*change, 1)))
    assert message in str(caught.value)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_binary_file_of_another_length(ply, order):
    data = binary_file(order)
    with pytest.warns(UserWarning, match=f"follows the last element, from byte {len(data)} on"):
        np.testing.assert_array_equal(load_ply(ply(data + b"\0")).F, F)
    with pytest.raises(FileFormatError, match="3 rows of face promised, the file ends before"):
        load_ply(ply(data[:-1]))
    with pytest.raises(FileFormatError, match=r"9\d* rows of vertex promised, the file ends"):
        # Nothing of that size may be allocated on the word of a header.
        load_ply(ply(data.replace(b"vertex 4", b"vertex 999999999999")))
    with pytest.raises(FileFormatError, match=r"9\d* rows of face promised, the file ends"):
        load_ply(ply(data.replace(b"face 3", b"face 999999999999")))
