"""Laws that hold for every mesh format; what is peculiar to one is in test_FORMAT.py."""

import warnings
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshkit.errors import FileFormatError, MeshError
from meshkit.formats.storable import SINGLE_PRECISION
from meshkit.io import WITHOUT_UV, load_mesh, save_mesh
from meshkit.mesh import Mesh
from meshkit.predicates import face_signs
from meshkit.primitives import hemisphere
from tests.mesh_files import MESH_SUFFIXES, corner_uv, meshes, seamed, square, write_seed

EXACT = (".obj", ".ply", ".off", ".npz")


def same(a: np.ndarray | None, b: np.ndarray | None) -> None:
    if a is None or b is None:
        assert a is b
    else:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def odd_types(draw: st.DrawFn, mesh: Mesh) -> Mesh:
    """The same mesh in other types of numbers, as callers have them; with alpha or without."""
    given_mesh = replace(mesh)
    kinds = st.sampled_from([np.float64, np.float32, np.float16])
    for name in ("V", "UV", "UV_corner"):
        array = getattr(mesh, name)
        if array is not None:
            with np.errstate(over="ignore"):
                cast = array.astype(draw(kinds))
            if np.isfinite(cast).all():
                object.__setattr__(given_mesh, name, cast)  # behind the back of the type checker
    for name in ("F", "F_uv"):
        if (array := getattr(mesh, name)) is not None:
            kind = draw(st.sampled_from([np.int64, np.int32, np.uint8]))
            object.__setattr__(given_mesh, name, array.astype(kind))
    if mesh.colors is not None:
        colors = np.rint(mesh.colors * 255).astype(np.uint8)
        colors = draw(st.sampled_from([colors, colors / 255]))
        if draw(st.booleans()):
            colors = np.concatenate([colors, colors[:, :1]], axis=1)
        object.__setattr__(given_mesh, "colors", colors)
    return given_mesh


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_reading_back_gives_the_same_numbers_or_saving_refuses(suffix, data, tmp_path):
    """Fails for lost digits, reordered vertices or faces, a flipped v, a UV at the wrong corner."""
    path = tmp_path / f"m{suffix}"
    single = suffix in SINGLE_PRECISION
    given_mesh = odd_types(data.draw, data.draw(meshes()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what is dropped: other tests
        try:
            save_mesh(path, given_mesh)
        except MeshError as error:
            assert single
            assert "too large" in str(error)  # noqa: PT017
            return
    back = load_mesh(path)
    V = given_mesh.V.astype(np.float64)
    F = given_mesh.F.astype(np.int64)
    if single:
        size = np.ptp(V, axis=0).max()
        tolerance = 1e-6 * size if suffix != ".stl" else 1e-7 * np.abs(V).max()
        np.testing.assert_allclose(back.V[back.F], V[F], rtol=0, atol=tolerance + 1e-44)
    else:
        same(back.V, V)
        same(back.F, F)
    UV = given_mesh.UV if given_mesh.UV is not None else given_mesh.UV_corner
    if UV is None or suffix in WITHOUT_UV:
        assert back.UV is None
        assert back.UV_corner is None
    else:
        wanted = corner_uv(given_mesh).astype(np.float64)
        tolerance = 1e-7 * (1 + np.abs(wanted).max()) if single else 0
        np.testing.assert_allclose(corner_uv(back), wanted, rtol=0, atol=tolerance)
    if given_mesh.colors is None or suffix == ".stl":
        assert back.colors is None
    else:
        colors = given_mesh.colors[:, :3]
        colors = colors / 255 if colors.dtype == np.uint8 else colors
        seen, wanted = (back.colors, colors) if not single else (back.colors[back.F], colors[F])
        np.testing.assert_allclose(seen, wanted, rtol=0, atol=1e-7 if single else 0)


V, F = square().V, square().F


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"F": F[:0]}, "needs vertices and faces, got 4 and 0"),
        ({"F": F + np.array([[0], [1]])}, r"face 1 = \[1, 3, 4\], but there are 4 vertices"),
        ({"F": F * 1.0}, r"F must be \(n, 3\) integers, got float64 \(2, 3\)"),
        ({"V": V[:, :2]}, r"V must be \(n, 3\) numbers, got float64 \(4, 2\)"),
        ({"V": V.astype(complex)}, "V must be .* got complex128"),
        ({"UV": V[:3, :2]}, r"UV must be \(4, 2\) numbers, got float64 \(3, 2\)"),
        ({"UV_corner": V[:, :2]}, "UV_corner and F_uv come together or not at all"),
        ({"UV_corner": V[:, :2], "F_uv": F + 2}, r"F_uv 0 = \[2, 3, 4\], but there are 4 texture"),
        ({"UV_corner": V[:, :2], "F_uv": F[:1]}, r"F_uv must be \(2, 3\) integers"),
        ({"UV": V[:, :2], "UV_corner": V[:, :2], "F_uv": F}, "per vertex or per corner, not both"),
        ({"colors": V[:3]}, r"colors must be \(4, 3\) numbers, got float64 \(3, 3\)"),
        ({"colors": V * np.nan}, r"the colour of vertex 0 = \[nan, nan, nan\] is outside 0 to 1"),
        ({"colors": V * 200}, "the colour of vertex 1 .* 0 to 255 must be of type uint8"),
        ({"colors": (V * 200).astype(int)}, "the colour of vertex 1 .* must be of type uint8"),
    ],
)
def test_a_mesh_that_could_not_be_read_back_is_refused(suffix, change, message, tmp_path):
    mesh = Mesh(V, F)
    for name, array in change.items():
        object.__setattr__(mesh, name, array)  # behind the back of the type checker
    with pytest.raises(MeshError, match=message):
        save_mesh(tmp_path / f"m{suffix}", mesh)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_gltf_carries_a_large_offset_in_its_node(suffix, tmp_path):
    offset = np.array([4.5e5, 5.1e6, 0.125])  # a survey's coordinates, in metres
    save_mesh(tmp_path / f"m{suffix}", Mesh(V / 3 + offset, F))
    back = load_mesh(tmp_path / f"m{suffix}")
    np.testing.assert_allclose(back.V, V / 3 + offset, rtol=0, atol=1e-7)


@pytest.mark.parametrize(("suffix", "said"), [(".stl", True), (".glb", False), (".ply", False)])
def test_a_format_that_moves_vertices_far_from_the_origin_says_so(suffix, said, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        save_mesh(tmp_path / f"m{suffix}", Mesh(V / 3 + 5.1e6, F))
    message = "single precision moves vertices by up to 0.17, and the mesh is 0.33 long; .ply, .obj"
    assert [str(w.message).partition(message)[1] for w in caught] == ([message] if said else [])


@pytest.mark.parametrize(("suffix", "said"), [(".glb", True), (".ply", False), (".obj", False)])
def test_faces_of_a_map_that_single_precision_turns_over_are_counted(suffix, said, tmp_path):
    UV = np.array([[0.7, 0.1], [0.9, 0.3], [0.8 - 1e-10, 0.2], [0.7 + 1e-12, 0.1]])
    mesh = Mesh(V, F, UV=UV)
    before = face_signs(UV, F)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        save_mesh(tmp_path / f"m{suffix}", mesh)
    after = face_signs(load_mesh(tmp_path / f"m{suffix}").UV, F)
    turned, empty = int((before * after < 0).sum()), int((after == 0).sum())
    assert (turned + empty > 0) == said
    message = f"turns {turned} faces of the map over and leaves {empty} without area; .ply"
    assert [str(w.message).partition(message)[1] for w in caught] == ([message] if said else [])


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
@pytest.mark.parametrize("mesh", [square(), seamed()], ids=["square", "seamed"])
def test_gltf_keeps_corners_and_doubles_vertices_along_seams_only(suffix, mesh, tmp_path):
    path = tmp_path / f"m{suffix}"
    save_mesh(path, mesh)
    back = load_mesh(path)
    same(back.V[back.F], mesh.V[mesh.F])
    same(corner_uv(back), corner_uv(mesh))
    same(back.colors, mesh.colors)
    assert len(back.V) == (4 if mesh.UV is not None else 6)
    same(back.V[:4], mesh.V)  # doubles are appended: old indices keep their meaning


@pytest.mark.parametrize("suffix", [".off", ".stl"])
def test_a_format_without_uv_says_that_it_drops_them(suffix, tmp_path):
    with pytest.warns(UserWarning, match="holds no texture coordinates: dropped"):
        save_mesh(tmp_path / f"m{suffix}", Mesh(square().V, square().F, UV=square().UV))
    back = load_mesh(tmp_path / f"m{suffix}")
    same(back.V[back.F], square().V[square().F])
    assert back.UV is None


def test_stl_says_that_it_drops_colours(tmp_path):
    with pytest.warns(UserWarning, match="holds no colours: dropped"):
        save_mesh(tmp_path / "m.stl", Mesh(square().V, square().F, colors=square().colors))


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_templates_keep_every_vertex_and_face_in_place(faces, suffix, tmp_path):
    for name in ("ict", "makehuman"):
        mesh = load_mesh(faces / name / "template_holes.obj")
        with np.load(faces / name / f"{name}_face.npz") as model:
            np.testing.assert_allclose(mesh.V, model["mean"], atol=1e-5)  # 6 digits in the OBJ
            same(mesh.F, model["faces"].astype(np.int64))
        save_mesh(tmp_path / f"m{suffix}", mesh)
        back = load_mesh(tmp_path / f"m{suffix}")
        exact = suffix in EXACT
        P = mesh.V[mesh.F] if exact else mesh.V[mesh.F].astype(np.float32).astype(np.float64)
        same(back.V[back.F], P)
        assert len(back.V) == len(mesh.V)
        if suffix != ".stl":
            same(back.F, mesh.F)


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_an_empty_file_is_refused_by_name(suffix, tmp_path):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"")
    with pytest.raises(FileFormatError, match=f"m{suffix} is empty"):
        load_mesh(path)


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0 a picture", b"\0" * 200, b"{}", b"solid"])
def test_a_file_of_another_kind_is_refused_by_name(suffix, content, tmp_path):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=f"m{suffix}"):
        load_mesh(path)


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_every_truncation_is_refused_or_a_smaller_mesh_of_the_same_vertices(suffix, tmp_path):
    """A text file cut at the end of a face row is a sound file; nothing else may pass."""
    data = write_seed(tmp_path, suffix).read_bytes()
    whole = load_mesh(tmp_path / f"seed{suffix}")
    path = tmp_path / f"cut{suffix}"
    passed = 0
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # OBJ: the last corner lost its UV
                mesh = load_mesh(path)
        except FileFormatError as error:
            assert f"cut{suffix}" in str(error)  # noqa: PT017
        else:
            passed += 1
            same(mesh.V, whole.V)
    if suffix == ".obj":
        assert passed < 20  # after the first face row, and within the digits of the last index
    elif suffix in (".off", ".gltf"):
        assert passed <= 1  # the final line end
    else:
        assert passed == 0


@pytest.mark.parametrize("name", ["m.xyz", "m"])
def test_an_unknown_suffix_names_the_known_ones(name, tmp_path):
    with pytest.raises(FileFormatError, match=r"known are \.glb \.gltf \.npz \.obj"):
        load_mesh(tmp_path / name)
    with pytest.raises(FileFormatError, match=r"known are \.glb \.gltf \.npz \.obj"):
        save_mesh(tmp_path / name, square())
    assert not list(tmp_path.iterdir())


def test_the_suffix_may_be_in_capitals(tmp_path):
    save_mesh(tmp_path / "M.OBJ", square())
    same(load_mesh(tmp_path / "M.OBJ").V, square().V)


def test_a_missing_file_and_a_folder_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_mesh(tmp_path / "m.obj")
    (tmp_path / "d.obj").mkdir()
    with pytest.raises(IsADirectoryError):
        load_mesh(tmp_path / "d.obj")
    with pytest.raises(IsADirectoryError):
        save_mesh(tmp_path / "d.obj", square())


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_a_failed_save_leaves_the_old_file_and_nothing_else(suffix, tmp_path, monkeypatch):
    path = write_seed(tmp_path, suffix)
    old = path.read_bytes()
    mesh = load_mesh(path)

    def fail(self: Path, target: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_mesh(path, mesh)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".stl", ".glb"])
def test_a_position_beyond_single_precision_is_refused_not_made_infinite(suffix, tmp_path):
    V = square().V.copy()
    V[2, 1] = 1e39
    with pytest.raises(MeshError, match=r"vertex 2 = .* too large .* use \.obj or \.ply"):
        save_mesh(tmp_path / f"m{suffix}", Mesh(V, square().F))


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_saving_twice_gives_the_same_bytes(suffix, tmp_path):
    first = write_seed(tmp_path, suffix).read_bytes()
    assert write_seed(tmp_path, suffix).read_bytes() == first


def test_nan_is_loaded_because_the_doctor_reports_it(tmp_path):
    V = square().V.copy()
    V[1, 2] = np.nan
    for suffix in MESH_SUFFIXES:
        save_mesh(tmp_path / f"m{suffix}", Mesh(V, square().F))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            back = load_mesh(tmp_path / f"m{suffix}")
        np.testing.assert_array_equal(back.V[back.F], V[square().F])


def test_a_mesh_has_no_field_that_files_forget():
    """Fails when Mesh gains a field: then the formats must learn it."""
    assert [f.name for f in fields(Mesh)] == ["V", "F", "UV", "UV_corner", "F_uv", "colors"]


def test_a_folder_is_called_one(tmp_path):
    with pytest.raises(FileFormatError, match="is a folder; give the name of a mesh file"):
        load_mesh(tmp_path)


def test_positions_alone_take_faces_of_their_topology(tmp_path):
    V, F = hemisphere(3)
    np.save(tmp_path / "v.npy", V.astype(np.float32))
    np.testing.assert_array_equal(load_mesh(tmp_path / "v.npy", faces=F).V, V.astype(np.float32))
    with pytest.raises(FileFormatError, match="positions without faces"):
        load_mesh(tmp_path / "v.npy")
    np.save(tmp_path / "v.npy", V[None])
    with pytest.raises(FileFormatError, match=r"\(1, 37, 3\), expected positions \(n, 3\)"):
        load_mesh(tmp_path / "v.npy", faces=F)
