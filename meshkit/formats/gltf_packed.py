"""Unpack what other libraries packed into glTF: Draco (DracoPy) and meshopt (meshoptimizer)."""

import importlib
from types import ModuleType

import numpy as np
from jaxtyping import Shaped

from meshkit.formats.json_tree import JsonTree
from meshkit.limits import check_size

DRACO = "KHR_draco_mesh_compression"
MESHOPT = "EXT_meshopt_compression"


def unpack_draco(
    packed: JsonTree, data: bytes
) -> tuple[Shaped[np.ndarray, "m 3"], dict[int, Shaped[np.ndarray, "n k"]]]:
    """Return the triangles of a Draco mesh, and its attributes by their numbers."""
    library = _library(packed, "DracoPy")
    try:
        mesh = library.decode(data)
        arrays = {a["unique_id"]: a["data"] for a in mesh.attributes}
        return np.asarray(mesh.faces, dtype="<u4").reshape(-1, 3), arrays
    except Exception as error:  # DracoPy's own are bare subclasses of it
        raise packed.error(f"not sound Draco data: {error}") from None


def unpack_meshopt(packed: JsonTree, buffer: bytes) -> bytes:
    """Return the bytes of a view that meshopt packed; `packed`: the extension's object."""
    library = _library(packed, "meshoptimizer")
    count, stride = packed.integer("count"), packed.integer("byteStride")
    start, size = packed.integer("byteOffset", 0), packed.integer("byteLength")
    if start + size > len(buffer):
        raise packed.error(f"bytes {start} to {start + size} of a buffer of {len(buffer)}")
    data, mode = buffer[start : start + size], packed.text("mode", "")
    check_size(packed.path, count * max(stride, 8))
    try:
        if mode == "ATTRIBUTES":
            rows = library.decode_vertex_buffer(count, stride, data, np.dtype(f"V{stride}"))
            if packed.text("filter", "NONE") == "EXPONENTIAL":
                rows = library.decode_filter_exp(rows, count, stride)
            return bytes(rows.tobytes())
        decode = {
            "TRIANGLES": library.decode_index_buffer,
            "INDICES": library.decode_index_sequence,
        }
        indices = decode[mode](count, 4, data)
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        raise packed.error(f"not sound meshopt data: {error}") from None
    return bytes(np.asarray(indices).astype({2: "<u2"}.get(stride, "<u4")).tobytes())


def _library(packed: JsonTree, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise packed.error(f"this is packed; to unpack it, run: pip install {name}") from None
