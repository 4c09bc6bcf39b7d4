"""The bytes behind a glTF document: chunks, buffers, views, accessors; every range is checked."""

import base64
import binascii
import struct
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
from jaxtyping import Shaped

from meshkit.errors import FileFormatError
from meshkit.formats.gltf_packed import DRACO, MESHOPT, unpack_draco, unpack_meshopt
from meshkit.formats.json_tree import JsonTree
from meshkit.formats.text import shorten
from meshkit.limits import check_size

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_FLOAT = 5126
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
# Extensions that a reader of bare geometry may ignore even where a file requires them.
_HARMLESS = ("KHR_materials_", "KHR_texture_", "EXT_texture_", "KHR_lights_")
_HARMLESS_NAMES = {"KHR_mesh_quantization", DRACO, MESHOPT}  # these are read


class Document(NamedTuple):
    """The JSON tree, the bytes of its buffers; accessors unpacked and nodes placed on the way."""

    tree: JsonTree
    buffers: list[bytes]
    unpacked: dict[int, np.ndarray]
    placed: dict[int, np.ndarray]


def load_document(path: Path) -> Document:
    """Read the container and all buffers.

    Raises
    ------
    FileFormatError
        Not glTF 2, a chunk or a buffer is missing or shorter than stated, a required extension is
        unknown.
    """
    data = path.read_bytes()
    if not data.strip():
        raise FileFormatError(f"{path} is empty")
    text, binary = _chunks(path, data) if data[:4] == b"glTF" else (data, None)
    tree = JsonTree.parse(path, text)
    version = tree["asset"].text("version", "")
    if version.split(".")[0] != "2":
        raise tree["asset"].error(f"version {version!r}; only glTF 2 is read")
    for extension in tree.items("extensionsRequired"):
        name = str(extension.value)
        if not name.startswith(_HARMLESS) and name not in _HARMLESS_NAMES:
            raise FileFormatError(f"{path} needs the extension {name}, which meshkit does not read")
    buffers = [_buffer(path, buffer, k, binary) for k, buffer in enumerate(tree.items("buffers"))]
    return Document(tree, buffers, {}, {})


def _chunks(path: Path, data: bytes) -> tuple[bytes, bytes | None]:
    """Return the JSON chunk of a GLB file and its binary chunk, if it has one."""
    if len(data) < 20:
        raise FileFormatError(f"{path}: {len(data)} bytes are too few for a GLB file")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2 or length > len(data):
        raise FileFormatError(
            f"{path}: GLB version {version} of {length} bytes announced, the file has {len(data)}"
        )
    chunks: dict[int, bytes] = {}
    at = 12
    while at + 8 <= length:
        size, kind = struct.unpack_from("<II", data, at)
        if at + 8 + size > length:
            raise FileFormatError(f"{path}: a chunk at byte {at} runs past the end of the file")
        chunks.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size
    if 0x4E4F534A not in chunks:
        raise FileFormatError(f"{path}: the GLB file has no JSON chunk")
    return chunks[0x4E4F534A], chunks.get(0x004E4942)


def _buffer(path: Path, buffer: JsonTree, index: int, binary: bytes | None) -> bytes:
    size = buffer.integer("byteLength")
    if "uri" not in buffer:
        if "extensions" in buffer and MESHOPT in buffer["extensions"]:
            return b""  # stands for what is packed in another one
        if binary is None or index != 0:
            raise buffer.error("neither a 'uri' nor a binary chunk")
        data = binary
    elif (uri := buffer.text("uri", "")).startswith("data:"):
        try:
            data = base64.b64decode(uri.partition(";base64,")[2], validate=True)
        except (binascii.Error, ValueError):
            raise buffer["uri"].error("not base64") from None
    elif "\0" in unquote(uri):
        raise buffer["uri"].error("a file name cannot hold a zero byte")
    else:
        data = _read_beside(path, buffer["uri"], unquote(uri))
    if len(data) < size:
        raise buffer.error(f"{size} bytes announced, {len(data)} found")
    return data[:size]


def _read_beside(path: Path, uri: JsonTree, name: str) -> bytes:
    """Read a buffer's file: a regular one (a document may name /dev/zero), below its own folder."""
    try:
        target = path.parent / name
        if not target.resolve().is_relative_to(path.parent.resolve()):
            raise uri.error(f"{shorten(name)} lies outside the folder of the document")
        if not target.is_file():
            raise uri.error(f"there is no file {shorten(name)}")
        return target.read_bytes()
    except OSError as error:
        raise uri.error(f"cannot read {shorten(name)}: {error.strerror}") from None


def unpack_primitive(document: Document, primitive: JsonTree) -> None:
    """Unpack a primitive whose accessors have no data of their own, into `document.unpacked`.

    Raises
    ------
    FileFormatError
        DracoPy is not installed, or the packed data is damaged.
    """
    names = primitive["attributes"]
    if "extensions" not in primitive or DRACO not in primitive["extensions"]:
        return
    if "bufferView" in document.tree.at("accessors", names.integer("POSITION")):
        return  # the same mesh stands there unpacked
    packed = primitive["extensions"][DRACO]
    view = document.tree.at("bufferViews", packed.integer("bufferView"))
    rows = _read_rows(document, packed, np.dtype("u1"), view.integer("byteLength"), 1)
    faces, arrays = unpack_draco(packed, rows.tobytes())
    document.unpacked[primitive.integer("indices")] = faces.reshape(-1, 1)
    for name, accessor in names.value.items():
        key = packed["attributes"].integer(name) if name in packed["attributes"] else -1
        if key in arrays and type(accessor) is int:
            document.unpacked[accessor] = arrays[key]


def read_accessor(
    document: Document, index: int, widths: tuple[int, ...]
) -> Shaped[np.ndarray, "n k"]:
    """Return the rows of an accessor: floats, or integers as int64 unless they are normalised.

    Raises
    ------
    FileFormatError
        The accessor is of another width, or reaches past its view or buffer.
    """
    accessor = document.tree.at("accessors", index)
    kind = accessor.integer("componentType")
    width = _WIDTHS.get(accessor.text("type", ""), 0)
    if kind not in _COMPONENTS or width not in widths:
        wanted = " or ".join(map(str, widths))
        raise accessor.error(f"rows of {width} of type {kind}, expected {wanted} per row")
    dtype, count = np.dtype(_COMPONENTS[kind]), accessor.integer("count")
    if index in document.unpacked:
        rows = document.unpacked[index]
        if rows.shape != (count, width):
            raise accessor.error(f"{count} rows of {width} promised, Draco holds {rows.shape}")
    elif "bufferView" in accessor:
        rows = _read_rows(document, accessor, dtype, count, width)
    else:  # all zero, but for the sparse ones
        check_size(document.tree.path, count * width * 8)
        rows = np.zeros((count, width), dtype)
    if "sparse" in accessor:
        rows = _replace_sparse(document, accessor["sparse"], rows)
    if dtype.kind == "f":
        return rows.astype(np.float64)
    if accessor["normalized"].value if "normalized" in accessor else False:
        return np.maximum(rows / np.iinfo(dtype).max, -1.0)
    return rows.astype(np.int64)


def _read_rows(
    document: Document, place: JsonTree, dtype: np.dtype, count: int, width: int
) -> Shaped[np.ndarray, "n k"]:
    """Return what the view named at `place` holds, after the offset that is named there."""
    tree = document.tree
    view = tree.at("bufferViews", place.integer("bufferView"))
    tree.at("buffers", view.integer("buffer"))
    data = document.buffers[view.integer("buffer")]
    start, size = view.integer("byteOffset", 0), view.integer("byteLength")
    if start + size > len(data) and "extensions" in view and MESHOPT in view["extensions"]:
        packed = view["extensions"][MESHOPT]  # there is no buffer with the same, unpacked
        tree.at("buffers", packed.integer("buffer"))
        data, start = unpack_meshopt(packed, document.buffers[packed.integer("buffer")]), 0
        size = min(size, len(data))
    if start + size > len(data):
        raise view.error(f"bytes {start} to {start + size} of a buffer of {len(data)}")
    offset = place.integer("byteOffset", 0)
    row = width * dtype.itemsize
    stride = view.integer("byteStride", row) or row
    if stride < row or (count and offset + (count - 1) * stride + row > size):
        raise place.error(f"{count} rows of {stride} bytes do not fit a view of {size}")
    return np.ndarray((count, width), dtype, data, start + offset, (stride, dtype.itemsize))


def _replace_sparse(
    document: Document, sparse: JsonTree, rows: Shaped[np.ndarray, "n k"]
) -> Shaped[np.ndarray, "n k"]:
    """Return the rows with those replaced that a sparse accessor lists."""
    count, kind = sparse.integer("count"), sparse["indices"].integer("componentType")
    if kind not in _COMPONENTS or kind == _FLOAT:
        raise sparse["indices"].error(f"indices of type {kind}, expected integers")
    index = _read_rows(document, sparse["indices"], np.dtype(_COMPONENTS[kind]), count, 1)[:, 0]
    values = _read_rows(document, sparse["values"], rows.dtype, count, rows.shape[1])
    if count and not 0 <= index.min() <= index.max() < len(rows):
        raise sparse["indices"].error(f"an index is outside the {len(rows)} rows")
    rows = rows.copy()
    rows[index] = values
    return rows
