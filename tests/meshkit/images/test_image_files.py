"""Geometry images in files: what comes back, which row is on top, what is refused."""

import io
import struct
import zlib

import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from meshkit.errors import FileFormatError
from meshkit.images.image_files import load_image_file, maps_path, save_image_file
from meshkit.images.png16 import read_png16, write_png16

SUFFIXES = [".npz", ".exr", ".png"]


def ramp(H: int = 3, W: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """An image in which every texel differs; the corner (0, 0) is outside."""
    v, u = np.meshgrid(np.arange(H) / H, np.arange(W) / W, indexing="ij")
    image = np.stack([u * 7 - 3, v + 100, u * v * 1e-3], axis=2)
    inside = np.ones((H, W), dtype=bool)
    inside[0, 0] = False
    image[0, 0] = 0
    return image, inside


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(SUFFIXES),
    image=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 2, 3, 4, 11])),
        elements=st.floats(-1e30, 1e30, allow_subnormal=False),
    ),
    data=st.data(),
)
def test_reading_back_errs_by_no_more_than_the_format_says(suffix, image, data, tmp_path):
    """Fails for a flipped row, a swapped channel, a lost mask, a wrong scale or offset."""
    inside = data.draw(hnp.arrays(np.bool_, image.shape[:2]))
    image = np.where(inside[..., None], image, 0.0)
    if suffix == ".png" and image.shape[2] not in (1, 3):
        says = rf"\.png holds 1 or 3 channels, the image has {image.shape[2]}: use \.npz or \.exr"
        with pytest.raises(ValueError, match=says):
            save_image_file(tmp_path / "g.png", image, inside)
        return
    save_image_file(tmp_path / f"g{suffix}", image, inside)
    back = load_image_file(tmp_path / f"g{suffix}")
    np.testing.assert_array_equal(back.inside, inside)
    if suffix == ".npz":
        np.testing.assert_array_equal(back.image, image)
    elif suffix == ".exr":
        np.testing.assert_array_equal(back.image, image.astype(np.float32))
    elif inside.any():
        box = np.ptp(image[inside], axis=0)
        tolerance = box / 65535 / 2 + 1e-15 * np.abs(image).max()  # half a step, and rounding
        assert (np.abs(back.image - image) <= tolerance).all()


@pytest.mark.parametrize("suffix", [".exr", ".png"])
def test_the_top_row_of_a_picture_is_the_last_of_the_array(suffix, tmp_path):
    """As other programs read it: their row 0 is v = 1."""
    image, inside = ramp()
    save_image_file(tmp_path / f"g{suffix}", image, inside)
    if suffix == ".exr":
        with OpenEXR.File(str(tmp_path / "g.exr"), separate_channels=True) as file:
            theirs = file.channels()["G"].pixels
            assert file.header()["meshkit:rows"] == "the top row is v = 1"
        np.testing.assert_array_equal(theirs, image[::-1, :, 1].astype(np.float32))
    else:
        with Image.open(tmp_path / "g.png") as picture:
            picture.load()
        assert picture.text["meshkit:rows"] == "the top row is v = 1"
        assert picture.mode == "RGBA"
        green = np.asarray(picture)[..., 1]  # Pillow reads 8 of the 16 bits
        assert green[0, 1] == 255
        assert green[-1, 1] == 0
        assert np.asarray(picture)[-1, 0, 3] == 0  # row 0, column 0 is outside


def test_a_full_image_has_no_alpha_in_png(tmp_path):
    image, inside = ramp()
    save_image_file(tmp_path / "g.png", image, np.ones_like(inside))
    with Image.open(tmp_path / "g.png") as picture:
        assert picture.mode == "RGB"
    assert load_image_file(tmp_path / "g.png").inside.all()


def test_maps_go_into_npz_and_beside_pictures(tmp_path):
    image, inside = ramp()
    maps = {"face_index": np.arange(12).reshape(3, 4)}
    assert save_image_file(tmp_path / "g.npz", image, inside, maps=maps) == [tmp_path / "g.npz"]
    written = save_image_file(tmp_path / "g.png", image, inside, maps=maps)
    assert written == [tmp_path / "g.png", tmp_path / "g_maps.npz"]
    for path in (tmp_path / "g.npz", maps_path(tmp_path / "g.png")):
        with np.load(path, allow_pickle=False) as arrays:
            np.testing.assert_array_equal(arrays["face_index"], maps["face_index"])


def test_if_the_maps_fail_there_is_no_picture_either(tmp_path):
    (tmp_path / "g_maps.npz").mkdir()
    image, inside = ramp()
    with pytest.raises(IsADirectoryError):
        save_image_file(tmp_path / "g.png", image, inside, maps={"a": image})
    assert [path.name for path in tmp_path.iterdir()] == ["g_maps.npz"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_cannot_be_written_is_refused_before_a_file_exists(suffix, tmp_path):
    image, inside = ramp()
    path = tmp_path / f"g{suffix}"
    image[2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="the image is not finite at row 2, column 1"):
        save_image_file(path, image, inside)
    inside[2, 1] = False  # outside, anything goes
    save_image_file(path, image, inside)
    assert (load_image_file(path).image[2, 1] == 0).all()
    path.unlink()
    with pytest.raises(ValueError, match=r"inside is \(2, 4\), the image \(3, 4, 3\)"):
        save_image_file(path, image, inside[:2])
    assert not list(tmp_path.iterdir())


def test_exr_refuses_what_single_precision_makes_infinite(tmp_path):
    image, inside = ramp()
    image[1, 1] = 1e39
    with pytest.raises(ValueError, match=r"too large for EXR.*use \.npz"):
        save_image_file(tmp_path / "g.exr", image, inside)
    assert not list(tmp_path.iterdir())


def test_unknown_suffixes(tmp_path):
    image, inside = ramp()
    with pytest.raises(ValueError, match=r"g\.tif: unknown suffix '\.tif'; .* \.npz \.exr \.png"):
        save_image_file(tmp_path / "g.tif", image, inside)
    with pytest.raises(FileFormatError, match=r"g: no suffix"):
        load_image_file(tmp_path / "g")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_truncation_is_refused_and_no_library_prints_on_stdout(suffix, tmp_path, capfd):
    image, inside = ramp()
    path = tmp_path / f"g{suffix}"
    save_image_file(path, image, inside)
    data = path.read_bytes()
    for length in range(0, len(data), max(1, len(data) // 150)):
        path.write_bytes(data[:length])
        with pytest.raises(FileFormatError, match=f"g{suffix}"):
            load_image_file(path)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_file_is_an_os_error(suffix, tmp_path):
    with pytest.raises(FileNotFoundError):
        load_image_file(tmp_path / f"g{suffix}")


def test_pictures_of_others_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "g.png")
    with pytest.raises(FileFormatError, match=r"depth 8, colour type 2.*expected 16-bit RGB"):
        load_image_file(tmp_path / "g.png")
    write_png16(tmp_path / "g.png", np.zeros((2, 2, 3), np.uint16), {"Title": "a cat"})
    with pytest.raises(FileFormatError, match="no geometry image of meshkit"):
        load_image_file(tmp_path / "g.png")
    text = {"meshkit:rows": "the top row is v = 1", "meshkit:offset": "0 0 0"}
    for scale in ("1 1", "1 1 x", "nan 1 1", "1e999 1_0 1", "1.1.1 1 1"):
        write_png16(
            tmp_path / "g.png", np.zeros((2, 2, 3), np.uint16), {**text, "meshkit:scale": scale}
        )
        with pytest.raises(FileFormatError, match="meshkit:scale is not 3 numbers"):
            load_image_file(tmp_path / "g.png")
    np.savez(tmp_path / "g.npz", image=np.zeros((2, 2)), inside=np.ones((2, 2), bool))
    with pytest.raises(
        FileFormatError, match=r"expected image \(H, W, c\) float .* got float64 \(2"
    ):
        load_image_file(tmp_path / "g.npz")
    np.savez(tmp_path / "g.npz", pixels=np.zeros((2, 2)))
    with pytest.raises(FileFormatError, match="holds no arrays 'image' and 'inside'"):
        load_image_file(tmp_path / "g.npz")
    with OpenEXR.File({}, {"RGB": np.zeros((2, 2, 3), np.float32)}) as file:
        file.write(str(tmp_path / "g.exr"))
    with pytest.raises(FileFormatError, match=r"no geometry image of meshkit: .* found B G R"):
        load_image_file(tmp_path / "g.exr")


def test_object_arrays_are_not_unpickled(tmp_path):
    """Loading a file must not run code."""
    arrays = {"image": np.array([print], dtype=object), "inside": np.ones((1, 1), bool)}
    np.savez(tmp_path / "g.npz", **arrays)
    with pytest.raises(FileFormatError, match="holds Python objects"):
        load_image_file(tmp_path / "g.npz")


# PNG itself


# Paeth: up and upper left are equally near (4 and 2 from 3), and up must win.
TIE = np.array([[[2] * 3, [4] * 3], [[1] * 3, [0] * 3]], np.uint16)


@example(codes=TIE, filters=[0, 4, 0, 0, 0])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    codes=hnp.arrays(
        np.uint16,
        st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from([3, 4])),
    ),
    filters=st.lists(st.integers(0, 4), min_size=5, max_size=5),
)
def test_all_five_filters_of_png_are_undone(codes, filters, tmp_path):
    """Other programs choose a filter per row; this encoder is written from the specification."""
    H, W, channels = codes.shape
    step = channels * 2
    raw = codes.astype(">u2").tobytes()
    rows = [raw[k * W * step : (k + 1) * W * step] for k in range(H)]
    packed = b""
    for k, row in enumerate(rows):
        above = rows[k - 1] if k else bytes(len(row))
        packed += bytes([filters[k]])
        for i, byte in enumerate(row):
            a = row[i - step] if i >= step else 0
            b, c = above[i], above[i - step] if i >= step else 0
            p = a + b - c
            nearest = min((a, b, c), key=lambda x: abs(p - x))  # the first of equal ones
            guess = (0, a, b, (a + b) // 2, nearest)[filters[k]]
            packed += bytes([(byte - guess) % 256])
    path = tmp_path / "p.png"
    write_png16(path, codes, {"key": "value"})
    data = path.read_bytes()
    start = data.index(b"IDAT") - 4
    body = b"IDAT" + zlib.compress(packed)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:start] + chunk + data[data.index(b"IEND") - 4 :])
    np.testing.assert_array_equal(read_png16(path)[0], codes)
    assert read_png16(path)[1] == {"key": "value"}
    Image.open(io.BytesIO(path.read_bytes())).load()  # Pillow agrees that it is a sound file


def test_a_large_picture_of_paeth_rows_is_read_in_bands_without_delay(tmp_path, monkeypatch):
    """Pixel by pixel in Python, this takes half a minute."""
    H = W = 1500
    path = tmp_path / "g.png"
    write_png16(path, np.zeros((H, W, 3), np.uint16), {})
    rows = np.zeros((H, 1 + W * 6), np.uint8)
    rows[:, 0] = 4
    rows[0, 1] = 7  # Paeth carries the first byte of the first pixel into every other
    path.write_bytes(rewrite(path.read_bytes(), b"IDAT", zlib.compress(rows.tobytes())))
    monkeypatch.setattr("meshkit.images.png16._BAND", 100 * W)
    codes, _ = read_png16(path)
    np.testing.assert_array_equal(codes, np.broadcast_to([7 * 256, 0, 0], codes.shape))


def test_a_picture_past_the_limit_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("meshkit.limits._RATIO", 1)
    monkeypatch.setenv("MESHKIT_MAX_BYTES", "100000")
    for suffix in SUFFIXES:
        path = tmp_path / f"g{suffix}"
        save_image_file(path, np.zeros((200, 200, 3)), np.ones((200, 200), bool))
        with pytest.raises(FileFormatError, match="unfolds to more than 100000 bytes"):
            load_image_file(path)


@pytest.mark.parametrize("suffix", [".npz", ".exr"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_texel_that_is_no_number_is_refused_inside_and_zero_outside(tmp_path, suffix, number):
    path = tmp_path / f"g{suffix}"
    image, inside = ramp()
    image[1, 2, 0] = image[0, 0, 1] = number
    if suffix == ".npz":
        np.savez(path, image=image, inside=inside)
    else:
        planes = image[::-1].transpose(2, 0, 1).astype(np.float32)
        channels = dict(zip("RGB", map(np.ascontiguousarray, planes), strict=True))
        channels["A"] = np.ascontiguousarray(inside[::-1], dtype=np.float32)
        with OpenEXR.File({"meshkit:rows": "the top row is v = 1"}, channels) as file:
            file.write(str(path))
    with pytest.raises(FileFormatError, match="not finite at row 1, column 2"):
        load_image_file(path)
    image[1, 2, 0] = 0
    np.savez(tmp_path / "g.npz", image=image, inside=inside)
    assert (load_image_file(tmp_path / "g.npz").image[0, 0] == 0).all()


def rewrite(data: bytes, name: bytes, body: bytes) -> bytes:
    """Replace a chunk's body, with a sound checksum."""
    at = data.index(name) - 4
    (size,) = struct.unpack_from(">I", data, at)
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data[:at] + chunk + data[at + 12 + size :]


def test_damage_with_and_without_a_sound_checksum(tmp_path):
    path = tmp_path / "p.png"
    write_png16(path, np.zeros((2, 2, 3), np.uint16), {})
    data = path.read_bytes()
    for start, message in ((b"\x88PNG", "is no PNG file"), (b"\x89PNG", "chunk b'IHDX' at byte 8")):
        path.write_bytes(start + data[4:].replace(b"IHDR", b"IHDX"))
        with pytest.raises(FileFormatError, match=message):
            read_png16(path)
    huge = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 2, 0, 0, 0)
    for name, body, message in (
        (b"IHDR", b"short", "has no IHDR chunk of 13 bytes"),
        (b"IHDR", huge, "packed bytes cannot hold 2147483647 rows"),
        (
            b"IHDR",
            huge[:12] + b"\1",
            "expected 16-bit RGB or grey, with alpha or without, not interlaced",
        ),
        (b"IHDR", struct.pack(">IIBBBBB", 0, 2, 16, 2, 0, 0, 0), "0×2 pixels"),
        (b"IDAT", b"no deflate stream", "damaged pixel data"),
        (b"IDAT", zlib.compress(b"\0" * 25), "25 bytes of pixels, expected 26"),
        (b"IDAT", zlib.compress(b"\5" + b"\0" * 25), "row 0 has the unknown filter 5"),
    ):
        path.write_bytes(rewrite(data, name, body))
        with pytest.raises(FileFormatError) as caught:
            read_png16(path)
        assert message in str(caught.value)


def test_png_needs_one_to_four_channels(tmp_path):
    for channels in (0, 5):
        with pytest.raises(ValueError, match="needs pixels of 1 to 4 channels"):
            write_png16(tmp_path / "p.png", np.zeros((2, 2, channels), np.uint16), {})
