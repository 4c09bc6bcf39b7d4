"""NPZ archives of meshes: exact, and refused with a reason when they are damaged."""

import io
import zipfile

import numpy as np
import pytest

from meshkit.archive import read_archive
from meshkit.errors import FileFormatError
from meshkit.formats.npz import load_npz

V, F = np.eye(3), np.array([[0, 1, 2]])


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_other_number_types_are_widened(tmp_path):
    mesh = load_npz(save(tmp_path / "m.npz", V=V.astype(np.float16), F=F.astype(np.uint8)))
    assert mesh.V.dtype == np.float64
    assert mesh.F.dtype == np.int64


def test_fortran_order_and_foreign_byte_order(tmp_path):
    W = np.arange(9.0).reshape(3, 3)
    mesh = load_npz(save(tmp_path / "m.npz", V=np.asfortranarray(W), F=F.astype(">i4")))
    np.testing.assert_array_equal(mesh.V, W)
    np.testing.assert_array_equal(mesh.F, F)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"V": V}, "has no array 'F': it is no mesh archive"),
        ({"V": V, "F": F * 1.0}, r"F must be \(n, 3\) integers, got float64 \(1, 3\)"),
        ({"V": V[:, :2], "F": F}, r"V must be \(n, 3\) numbers, got float64 \(3, 2\)"),
        ({"V": V * 1j, "F": F}, r"V must be \(n, 3\) numbers, got complex128"),
        ({"V": V, "F": F + 1}, r"F\[0\] = \[1, 2, 3\], but V has 3 rows"),
        ({"V": V, "F": F, "UV": V[:2, :2]}, "UV has 2 rows, V 3"),
        ({"V": V, "F": F, "F_uv": F}, "UV_corner and F_uv come together or not at all"),
        ({"V": V, "F": F, "F_uv": F, "UV_corner": V[:2, :2]}, "but UV_corner has 2 rows"),
        ({"V": V, "F": F[:0]}, "holds 3 vertices but no face"),
        ({"V": V[:0], "F": F[:0]}, "holds no vertex"),
        ({"V": np.array([[print] * 3]), "F": F}, "holds Python objects"),
    ],
)
def test_what_is_wrong_in_an_archive(tmp_path, arrays, message):
    with pytest.raises(FileFormatError, match=message):
        load_npz(save(tmp_path / "m.npz", **arrays))


def test_a_header_that_promises_more_than_there_is(tmp_path):
    """Memory must not be taken on the word of a header."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        buffer, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 3)}
    )
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("V.npy", buffer.getvalue() + b"\0" * 72)
    with pytest.raises(FileFormatError, match=r"V\.npy is shorter than its header says"):
        read_archive(tmp_path / "m.npz")


@pytest.mark.parametrize(
    ("descr", "shape", "message"),
    [
        ("'<U0'", "(1000000000000, 3)", r"V\.npy holds items of no size"),
        ("'<f8'", "[" * 4000 + "]" * 4000, "not a sound NPZ archive"),
        ("'<f8'", "(" * 4000, "not a sound NPZ archive"),
        ("'<f8'", "(" * 300 + "3," + ")" * 300, "not a sound NPZ archive"),
    ],
)
def test_a_hostile_header_is_refused_in_one_short_line(tmp_path, descr, shape, message):
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    data = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("V.npy", data)
    with pytest.raises(FileFormatError, match=message) as caught:
        read_archive(tmp_path / "m.npz")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(tmp_path)) + 250


def test_an_archive_that_unfolds_past_the_limit(tmp_path, monkeypatch):
    path = tmp_path / "m.npz"
    np.savez_compressed(path, V=np.zeros((100_000, 3)), F=F)
    assert len(read_archive(path, {"F"})["F"]) == 1  # what is not asked for is not unpacked
    monkeypatch.setenv("MESHKIT_MAX_BYTES", "1000000")
    with pytest.raises(FileFormatError, match="more than 1000000 bytes; if you trust it, set MESH"):
        read_archive(path)
    monkeypatch.setenv("MESHKIT_MAX_BYTES", "3000000")
    assert len(read_archive(path)["V"]) == 100_000


def test_bytes_after_an_array(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, V)
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("V.npy", buffer.getvalue() + b"\0")
    with pytest.raises(FileFormatError, match="72 bytes promised, 73 found"):
        read_archive(tmp_path / "m.npz")
