"""The strict OBJ reader: by hand, against a slow reading, and every refusal with its line."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshkit.errors import FileFormatError
from meshkit.formats.obj import load_obj
from meshkit.io import load_mesh

HEAD = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"


@pytest.fixture
def obj(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / "m.obj"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_polygons_become_fans_in_place(obj):
    text = HEAD + "v 2 2 0\nf 1 2 3\nf 1 2 3 4\nf 5 4 3 2 1\n"
    expected = [[0, 1, 2], [0, 1, 2], [0, 2, 3], [4, 3, 2], [4, 2, 1], [4, 1, 0]]
    np.testing.assert_array_equal(load_obj(obj(text)).F, expected)


def test_delaunay_takes_the_diagonal_between_the_wide_angles(obj):
    # A kite: corners 2 and 4 are wide, so the diagonal 2-4 is Delaunay, the fan's 1-3 is not.
    text = "v -3 0 0\nv 0 -1 0\nv 3 0 0\nv 0 1 0\nf 1 2 3\nf 1 2 3 4\nf 2 3 4 1\nf 1 2 3\n"
    fan, cut = load_mesh(obj(text)).F, load_mesh(obj(text), quads="delaunay").F
    np.testing.assert_array_equal(fan[1:5], [[0, 1, 2], [0, 2, 3], [1, 2, 3], [1, 3, 0]])
    np.testing.assert_array_equal(cut[1:5], [[0, 1, 3], [1, 2, 3], [1, 2, 3], [1, 3, 0]])
    np.testing.assert_array_equal(cut[[0, 5]], [[0, 1, 2], [0, 1, 2]])


def test_delaunay_gives_the_split_of_the_real_template(faces, tmp_path):
    """The shared templates are quads cut along the Delaunay diagonal of the mean."""
    with np.load(faces / "ict" / "ict_face.npz") as model:
        V, quads, F = model["mean"].astype(np.float64), model["quads"], model["faces"]
    rows = [*(f"v {x!r} {y!r} {z!r}" for x, y, z in V.tolist())]
    rows += [f"f {a} {b} {c} {d}" for a, b, c, d in (quads + 1).tolist()]
    (tmp_path / "q.obj").write_text("\n".join(rows))
    cut = load_mesh(tmp_path / "q.obj", quads="delaunay").F
    same = (np.sort(cut, axis=1) == np.sort(F, axis=1)).all(axis=1)
    assert same.mean() > 0.999  # a quad with two equal sums may go either way


L_SHAPE = [(2, 0), (2, 1), (1, 1), (1, 2), (0, 2), (0, 0)]
DART = [(0, 2), (-2, -1), (0, 0), (2, -1)]
COMB = [(0, 0), (5, 0), (5, 3), (4, 3), (4, 1), (3, 1), (3, 3), (2, 3), (2, 1), (1, 1), (0, 3)]
# Corners in the middle of edges: they take part in triangles, or the surface has a slit there.
STEPS = [(0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (1, 1.5), (1, 1), (0, 1), (0, 0.5)]


def polygon_obj(corners: list[tuple[float, float]], z: float = 0.0) -> str:
    rows = [f"v {x} {y} {z * x * y}" for x, y in corners]
    return "\n".join([*rows, "f " + " ".join(str(k + 1) for k in range(len(corners)))]) + "\n"


@pytest.mark.parametrize("z", [0.0, 0.1])
@pytest.mark.parametrize("first", range(10))
@pytest.mark.parametrize("corners", [L_SHAPE, DART, COMB, STEPS])
def test_a_concave_polygon_is_covered_once_whichever_corner_is_first(obj, corners, first, z):
    """Every triangle faces the same way, areas add up, every corner and border edge is used."""
    k = first % len(corners)
    mesh = load_obj(obj(polygon_obj(corners[k:] + corners[:k], z)))
    a, b, c = (mesh.V[mesh.F[:, i], :2] for i in range(3))
    area = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    x, y = np.array(corners, dtype=float).T
    whole = (x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2
    assert (area > -1e-12).all()
    assert area.sum() == pytest.approx(whole)
    assert len(mesh.F) == len(corners) - 2
    n = len(corners)
    edges = {edge for row in mesh.F.tolist() for edge in zip(row, row[1:] + row[:1], strict=True)}
    assert {(i, (i + 1) % n) for i in range(n)} == {(i, j) for i, j in edges if (j, i) not in edges}


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=hnp.arrays(float, (7, 3), elements=st.floats(-0.05, 0.05)))
def test_a_convex_polygon_is_cut_at_its_first_corner_however_it_moves(noise, tmp_path):
    angle = np.arange(7) * 2 * np.pi / 7
    V = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1) + noise
    rows = [f"v {x!r} {y!r} {z!r}" for x, y, z in V.tolist()]
    (tmp_path / "m.obj").write_text("\n".join([*rows, "f 1 2 3 4 5 6 7", ""]))
    fan = [[0, k, k + 1] for k in range(1, 6)]
    np.testing.assert_array_equal(load_obj(tmp_path / "m.obj").F, fan)


def test_on_request_indices_alone_decide(obj):
    mesh = load_mesh(obj(polygon_obj(L_SHAPE)), quads="index")
    np.testing.assert_array_equal(mesh.F, [[0, k, k + 1] for k in range(1, 5)])


def test_a_polygon_that_crosses_itself_is_said(obj):
    pentagram = [(np.cos(t), np.sin(t)) for t in np.arange(5) * 4 * np.pi / 5]
    with pytest.warns(UserWarning, match="1 polygons cross themselves .* polygon 0, counted"):
        load_mesh(obj(polygon_obj(pentagram)))


def test_a_corner_named_twice_makes_no_triangle_without_area(obj):
    mesh = load_obj(obj(HEAD + "f 1 2 3 3\nf 1 1 3 4\nf 1 3 4 1\nf 1 1 2\n"))
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3], [0, 2, 3], [0, 0, 1]])


def test_an_unknown_way_to_cut_quads(obj):
    with pytest.raises(ValueError, match="quads must be 'fan', 'delaunay' or 'index', got 'long'"):
        load_mesh(obj(HEAD + "f 1 2 3 4\n"), quads="long")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_comments_and_tabs_change_nothing(obj, end):
    text = (
        "# made by hand\n\nmtllib x.mtl\nvp 0.5 1\nvn 0 0 1\nl 1 2\no head\n"
        + HEAD
        + "  f\t1 2  3 # last\ng a#b\n\nf 1 3 4"
    )
    mesh = load_obj(obj(text.replace("\n", end)))
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(mesh.V[:, :2], [[0, 0], [1, 0], [1, 1], [0, 1]])


def test_a_byte_order_mark_and_names_in_any_encoding(obj):
    text = b"\xef\xbb\xbf# \xe9\x85\no t\xeate\n" + HEAD.encode() + b"f 1 2 3\n"
    assert len(load_obj(obj(text)).F) == 1
    assert len(load_obj(obj(text + b"f 1\xa02 \x1c3\n")).F) == 2  # no spaces to numpy


def test_a_continued_line(obj):
    mesh = load_obj(obj(HEAD + "f 1 2 \\\n 3 4\nf 1 \\\n2 \\\n3\n"))
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3], [0, 1, 2]])
    text = HEAD + "f 1 2 3" + " \\\n 4" * 400_000 + "\n"  # minutes, where time is quadratic
    assert len(load_obj(obj(text)).F) == 2


def test_relative_indices_count_from_the_line_they_stand_in(obj):
    text = "v 0 0 0\nv 1 0 0\nv 1 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nf -3/-3 -2/-2 -1/-1\n"
    mesh = load_obj(obj(text + "v 0 1 0\nvt 0 1\nf -4/-4 3/3 -1/-1\n"))
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(mesh.UV, mesh.V[:, :2])


def test_colours_as_shares_or_bytes(obj):
    shares = "v 0 0 0 1 0 0.5\nv 1 0 0 0 0 0\nv 1 1 0 0 1 0\nf 1 2 3\n"
    np.testing.assert_array_equal(load_obj(obj(shares)).colors[0], [1, 0, 0.5])
    as_bytes = "v 0 0 0 255 0 51\nv 1 0 0 0 0 0\nv 1 1 0 0 1 0\nf 1 2 3\n"
    np.testing.assert_array_equal(load_obj(obj(as_bytes)).colors[0], [1, 0, 0.2])


def test_a_vertex_without_a_colour_among_others_is_white(obj):
    rows = "v 0 0 0\nv 1 0 0 255 0 51\nv 1 1 0 1\nv 0 1 0 0 0 0 1\nf 1 2 3 4\n"
    with pytest.warns(UserWarning, match=r"2 vertices without a colour .* vertex 0\)"):
        mesh = load_mesh(obj(rows))
    np.testing.assert_array_equal(mesh.colors, [[1, 1, 1], [1, 0, 0.2], [1, 1, 1], [0, 0, 0]])


def test_what_meshkit_does_not_know_is_skipped_and_said_once(obj):
    with pytest.warns(UserWarning, match="skipped .first: 'v_id' in line 5; 3 in all") as caught:
        mesh = load_mesh(obj(HEAD + "v_id 3\nt crease 1/1\nend\nbevel on\nF 1 2 3\n"))
    assert len(caught) == 1
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2]])


def test_a_shorter_vt_ends_in_zeros(obj):
    text = HEAD + "vt 0.5\nVT 1 0.5\nvt 1 1 0\nf 1/1 2/2 3/3\n"
    np.testing.assert_array_equal(load_obj(obj(text)).UV[:3], [[0.5, 0], [1, 0.5], [1, 1]])


def test_a_weight_is_dropped_and_alpha_too(obj):
    assert load_obj(obj("v 0 0 0 1\nv 1 0 0 1\nv 1 1 0 1\nf 1 2 3\n")).colors is None
    mesh = load_obj(obj("v 0 0 0 1 0 0 1\nv 1 0 0 1 0 0 1\nv 1 1 0 0 0 1 1\nf 1 2 3\n"))
    np.testing.assert_array_equal(mesh.colors, [[1, 0, 0], [1, 0, 0], [0, 0, 1]])


def test_uv_per_vertex_where_equal_values_meet_though_rows_differ(obj):
    """Exporters repeat vt rows; only different values make a seam."""
    text = HEAD + "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 0\nvt 1 1\nvt 0 1\n"
    mesh = load_obj(obj(text + "f 1/1 2/2 3/3\nf 1/4 3/5 4/6\n"))
    np.testing.assert_array_equal(mesh.UV, [[0, 0], [1, 0], [1, 1], [0, 1]])
    assert mesh.UV_corner is None


def test_a_seam_keeps_the_rows_of_vt(obj):
    text = HEAD + "vt 0 0\nvt 1 0\nvt 1 1\nvt 0.5 0\nvt 1 1\nvt 0 1\n"
    mesh = load_obj(obj(text + "f 1/1 2/2 3/3\nf 1/4 3/5 4/6\n"))
    assert mesh.UV is None
    np.testing.assert_array_equal(mesh.F_uv, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(mesh.UV_corner[3], [0.5, 0])


def test_uv_of_some_corners_only_is_dropped_and_said(obj):
    path = obj(HEAD + "vt 0 0\nvt 1 0\nvt 1 1\nf 1/1 2/2 3/3\nf 1 3 4\n")
    with pytest.warns(UserWarning, match=r"some corners have none \(first: line 9\)"):
        mesh = load_mesh(path)
    assert mesh.UV is None
    assert mesh.UV_corner is None


corner_forms = st.sampled_from(
    ["{0}", "{0}/{1}", "{0}//7", "{0}/{1}/7", "{0}/{1}/", "{0}/", "{0}//"]
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=corner_forms,
    polygons=st.lists(
        st.lists(
            st.tuples(st.integers(1, 4), st.integers(1, 3)),
            min_size=3,
            max_size=4,
            unique_by=lambda corner: corner[0],
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_uniform_and_mixed_files_read_alike(form, polygons, tmp_path):
    """The fast path for one form of corners against the path for any (an odd last face)."""
    rows = [" ".join(form.format(*corner) for corner in polygon) for polygon in polygons]
    head = HEAD + "vt 0 0\nvt 1 0\nvt 0 1\nvn 0 0 1\n"
    plain, mixed = tmp_path / "plain.obj", tmp_path / "mixed.obj"
    plain.write_text(head + "".join(f"f {row}\n" for row in rows))
    last = "f 1/1/ 2/1/ 3/1/\n" if "{1}" in form else "f 1// 2// 3//\n"
    mixed.write_text(head + "".join(f"f {row}\n" for row in rows) + last)
    a, b = load_obj(plain, quads="index"), load_obj(mixed, quads="index")
    np.testing.assert_array_equal(a.F, b.F[:-1])
    expected = [
        [polygon[0][0], polygon[i][0], polygon[i + 1][0]]
        for polygon in polygons
        for i in range(1, len(polygon) - 1)
    ]
    np.testing.assert_array_equal(a.F + 1, expected)
    if "{1}" in form:
        UV = np.array([[0, 0], [1, 0], [0, 1]])
        corners = [
            [polygon[0][1], polygon[i][1], polygon[i + 1][1]]
            for polygon in polygons
            for i in range(1, len(polygon) - 1)
        ]
        seen = a.UV[a.F] if a.UV is not None else a.UV_corner[a.F_uv]
        np.testing.assert_array_equal(seen, UV[np.array(corners) - 1])
    else:
        assert a.UV is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "m.obj holds 4 vertices but no face"),
        ("f 1 2 3\n", "m.obj:1: vertex 1, but the file has 0"),
        (HEAD + "f 1 2\n", "m.obj:5: a face needs 3 corners, found 2"),
        (HEAD + "f 1 2 3\nf 1 2 5\n", "m.obj:6: vertex 5, but the file has 4"),
        (HEAD + "f 1 2 3\n\nf 0 1 2\n", "m.obj:7: '0' is no corner"),
        (HEAD + "f 1 2 -5\n", "m.obj:5: a relative index of a vertex reaches before"),
        (HEAD + "f 1/1 2/1 3/1\n", "m.obj:5: vt 1, but the file has 0"),
        (HEAD + "vt 0 0\nf 1/1 2/2 3/1\n", "m.obj:6: vt 2, but the file has 1"),
        (HEAD + "vt 0 0\nf 1/1 2/-2 3/1\n", "m.obj:6: a relative index of a vt reaches before"),
        (HEAD + "f 1/1/1/1 2 3\n", "m.obj:5: '1/1/1/1' is no corner"),
        (HEAD + "f 1 2 x\n", "m.obj:5: 'x' is no corner"),
        (HEAD + "f 1 2 3.5\n", "m.obj:5: '3.5' is no corner"),
        (HEAD + "f 1 2 1_0\n", "m.obj:5: '1_0' is no corner"),
        (HEAD + "f 1 2 99999999999999999999\n", "m.obj:5: '99999999999999999999' is no corner"),
        (HEAD + "f 1-2 3 4\n", "m.obj:5: '1-2' is no corner"),
        ("v 0 0\n", "m.obj:1: v needs 3 or 4 or 6 or 7 numbers, found 2"),
        (HEAD + "v 0 0 0 1 1\n", "m.obj:5: v needs 3 or 4 or 6 or 7 numbers, found 5"),
        ("v 0 0 0 1 nan 1\nv 1 0 0 1 1 1\nv 1 1 0 1 1 1\nf 1 2 3\n", "the colour of vertex 0 is"),
        (HEAD + "v 0 zero 0\n", "m.obj:5: v: 'zero' is not a number"),
        (HEAD + "v 0 1_0 0\n", "m.obj:5: v: '1_0' is not a number"),
        (HEAD + "vt 0,0\nf 1/1 2/1 3/1\n", "m.obj:5: vt: '0,0' is not a number"),
        (HEAD + "f 1 2 3\n0.5 1\n", "m.obj:6: unknown statement '0.5'"),
        ("hello world\n", "m.obj holds no vertex"),
        (HEAD + "f 1 2 3\\\n", "m.obj:6: expected"),
        ("v 0 0 0\n\0\n", "m.obj:2: a zero byte"),
        ("\n \n", "m.obj is empty"),
        ("# nothing\n", "m.obj holds no vertex"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(obj, text, message):
    if message.endswith("expected"):  # a continuation at the very end of the file
        text, message = text.rstrip("\n"), "m.obj:5: the file ends in a continued line"
    with pytest.raises(FileFormatError) as caught:
        load_obj(obj(text))
    assert message in str(caught.value)


def test_huge_files_are_read_in_blocks(obj, monkeypatch):
    """Blocks of rows must meet without loss, and a late error must keep its line number."""
    monkeypatch.setattr("meshkit.formats.text._CHUNK", 3)
    rows = "".join(f"v {k} 0 0\n" for k in range(11))
    np.testing.assert_array_equal(load_obj(obj(rows + "f 1 2 3\n")).V[:, 0], np.arange(11))
    with pytest.raises(FileFormatError, match=r"m\.obj:12: v: 'x' is not a number"):
        load_obj(obj(rows + "v 0 x 0\nf 1 2 3\n"))
    with pytest.raises(FileFormatError, match=r"m\.obj:12: v needs 3 or .* numbers, found 1"):
        load_obj(obj(rows + "v 0\nf 1 2 3\n"))


@given(st.lists(st.tuples(*[st.floats(allow_nan=False)] * 3), min_size=3, max_size=20))
def test_numbers_are_read_as_python_reads_them(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("obj") / "m.obj"
    words = [[repr(x) for x in row] for row in rows]
    path.write_text("".join(f"v {' '.join(row)}\n" for row in words) + "f 1 2 3\n")
    assert load_mesh(path).V.tolist() == [list(row) for row in rows]
