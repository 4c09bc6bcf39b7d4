"""PNG with 16 bits a channel and text fields; Pillow reads such files with 8 bits and writes none.

Only what a lossless carrier needs: grey or RGB, each with alpha or without, no interlacing, no
palette.
"""

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt16

from meshkit.errors import FileFormatError
from meshkit.limits import check_size

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 4: 2, 2: 3, 6: 4}  # colour type -> channels: grey, RGB, each with alpha
_UP, _PAETH = 2, 4  # the filter written: each byte minus the one above; the last of all
_BAND = 1 << 24  # pixels


def write_png16(path: Path, codes: UInt16[np.ndarray, "H W c"], text: Mapping[str, str]) -> None:
    """Write grey (1), grey and alpha (2), RGB (3) or RGBA (4); row 0 is the top.

    `text` becomes tEXt chunks (Latin-1).

    Raises
    ------
    ValueError
        Not 1 to 4 channels, or no pixel.
    """
    H, W, channels = codes.shape
    kind = {count: kind for kind, count in _CHANNELS.items()}.get(channels)
    if kind is None or H == 0 or W == 0:
        raise ValueError(f"a 16-bit PNG needs pixels of 1 to 4 channels, got {codes.shape}")
    rows = np.ascontiguousarray(codes.astype(">u2")).view(np.uint8).reshape(H, -1)
    filtered = np.full((H, rows.shape[1] + 1), _UP, dtype=np.uint8)
    filtered[:, 1:] = rows
    filtered[1:, 1:] -= rows[:-1]
    header = struct.pack(">IIBBBBB", W, H, 16, kind, 0, 0, 0)
    with path.open("wb") as file:
        file.write(_SIGNATURE + _chunk(b"IHDR", header))
        for key, value in text.items():
            file.write(_chunk(b"tEXt", key.encode("latin-1") + b"\0" + value.encode("latin-1")))
        file.write(_chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6)) + _chunk(b"IEND", b""))


def read_png16(path: Path) -> tuple[UInt16[np.ndarray, "H W c"], dict[str, str]]:
    """Return the pixels, row 0 at the top, and the tEXt fields.

    Raises
    ------
    FileFormatError
        No PNG, another pixel format, a damaged or missing chunk.
    """
    data = path.read_bytes()
    if data[:8] != _SIGNATURE:
        raise FileFormatError(f"{path} is {'no PNG file' if data else 'empty'}")
    text: dict[str, str] = {}
    packed: list[bytes] = []
    header = b""
    for name, body in _chunks(path, data):
        if name == b"IHDR":
            header = body
        elif name == b"IDAT":
            packed.append(body)
        elif name == b"tEXt":
            key, _, value = body.partition(b"\0")
            text[key.decode("latin-1")] = value.decode("latin-1")
    if len(header) != 13:
        raise FileFormatError(f"{path} has no IHDR chunk of 13 bytes")
    W, H, depth, kind, *methods = struct.unpack(">IIBBBBB", header)
    if depth != 16 or kind not in _CHANNELS or any(methods) or H == 0 or W == 0:
        raise FileFormatError(
            f"{path}: {W}×{H} pixels, depth {depth}, colour type {kind}, methods {methods}: "
            "expected 16-bit RGB or grey, with alpha or without, not interlaced"
        )
    rows = _inflate(path, b"".join(packed), H, 1 + W * _CHANNELS[kind] * 2)
    pixels = _unfilter(path, rows, _CHANNELS[kind] * 2)
    return pixels.view(">u2").astype(np.uint16).reshape(H, W, _CHANNELS[kind]), text


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _chunks(path: Path, data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        if at + 12 + size > len(data):
            break
        (crc,) = struct.unpack_from(">I", data, at + 8 + size)
        if crc != zlib.crc32(name + body):
            raise FileFormatError(f"{path}: the checksum of chunk {name!r} at byte {at} is wrong")
        yield name, body
        if name == b"IEND":
            return
        at += 12 + size
    raise FileFormatError(f"{path} ends before its IEND chunk")


def _inflate(path: Path, packed: bytes, H: int, width: int) -> UInt8[np.ndarray, "H w"]:
    # Deflate packs at most 1032:1; a header that promises more is not worth the memory.
    if H * width > 1040 * (len(packed) + 1):
        raise FileFormatError(f"{path}: {len(packed)} packed bytes cannot hold {H} rows of {width}")
    check_size(path, H * (width - 1) * 4)  # as floats
    try:
        raw = zlib.decompressobj().decompress(packed, H * width)
    except zlib.error as error:
        raise FileFormatError(f"{path}: damaged pixel data: {error}") from None
    if len(raw) != H * width:
        raise FileFormatError(f"{path}: {len(raw)} bytes of pixels, expected {H * width}")
    return np.frombuffer(raw, np.uint8).reshape(H, width)


def _unfilter(path: Path, rows: UInt8[np.ndarray, "H w"], step: int) -> UInt8[np.ndarray, "H w-1"]:
    """Undo the filter of each row (PNG specification, section 9); `step`: bytes per pixel.

    Filters work on each byte of a pixel alone, so each is a picture of 8 bits, which Pillow reads,
    fast. It takes them in bands, since it takes large pictures for an attack; the row before a band
    goes first.
    """
    from PIL import Image

    if (wrong := rows[:, 0] > _PAETH).any():
        k = int(wrong.argmax())
        raise FileFormatError(f"{path}: row {k} has the unknown filter {rows[k, 0]}")
    H, W = len(rows), (rows.shape[1] - 1) // step
    out = np.empty((H, W, step), np.uint8)
    band = max(1, _BAND // W)
    for start in range(0, H, band):
        part = rows[start : start + band]
        planes = part[:, 1:].reshape(len(part), W, step)
        for j in range(step):
            filtered = np.zeros((len(part) + 1, W + 1), np.uint8)
            filtered[1:, 0], filtered[1:, 1:] = part[:, 0], planes[..., j]
            filtered[0, 1:] = out[start - 1, :, j] if start else 0
            header = struct.pack(">IIBBBBB", W, len(filtered), 8, 0, 0, 0, 0)
            packed = zlib.compress(filtered.tobytes(), 0)
            picture = _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed)
            with Image.open(io.BytesIO(picture + _chunk(b"IEND", b""))) as image:
                out[start : start + band, :, j] = np.asarray(image)[1:]
    return out.reshape(H, -1)
