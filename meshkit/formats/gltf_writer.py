"""The container side of writing glTF: arrays to accessors, a tree and its bytes to a file."""

import base64
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

VERTICES, INDICES = 34962, 34963  # what a buffer view is bound to: array, element array
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3"}


class Packer:
    """Lay arrays out one after the other in one buffer and describe them.

    Attributes
    ----------
    views, accessors
        For the document; accessor k is that of the k-th array.
    """

    def __init__(self) -> None:
        self.views: list[dict[str, int]] = []
        self.accessors: list[dict[str, object]] = []
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, array: Shaped[np.ndarray, "n *k"], target: int | None = VERTICES) -> int:
        """Append unsigned integers or floats, all of four bytes; return the accessor's index.

        A `target` of None: what is bound to none, as the numbers of an animation.
        """
        assert array.dtype.itemsize == 4  # so every offset is aligned as the format demands
        view = {"buffer": 0, "byteOffset": self._size, "byteLength": array.nbytes}
        self.views.append(view if target is None else {**view, "target": target})
        self.accessors.append(
            {
                "bufferView": len(self.views) - 1,
                "componentType": 5125 if array.dtype.kind == "u" else 5126,
                "count": len(array),
                "type": _KINDS[array.ndim if array.ndim == 1 else array.shape[1]],
                "min": np.atleast_1d(array.min(axis=0)).tolist(),
                "max": np.atleast_1d(array.max(axis=0)).tolist(),
            }
        )
        self._parts.append(array.tobytes())
        self._size += array.nbytes
        return len(self.accessors) - 1

    @property
    def blob(self) -> bytes:
        """The bytes of the buffer."""
        return b"".join(self._parts)


def one_mesh(
    packer: Packer, primitive: Mapping[str, Any], *, name: str | None = None, **rest: Any
) -> dict[str, Any]:
    """Return the document of one mesh of one primitive, whose arrays are packed; and the rest."""
    named = {} if name is None else {"name": name}
    return {
        "asset": {"version": "2.0", "generator": "meshkit"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, **named}],
        "meshes": [{**named, "primitives": [primitive]}],
        "accessors": packer.accessors,
        "bufferViews": packer.views,
        **rest,
    }


def write_container(path: Path, tree: Mapping[str, Any], blob: bytes) -> None:
    """Write a document with one buffer as ``.glb``, or as ``.gltf`` with the buffer inside."""
    if path.suffix.lower() == ".gltf":
        uri = "data:application/octet-stream;base64," + base64.b64encode(blob).decode()
        whole = {**tree, "buffers": [{"byteLength": len(blob), "uri": uri}]}
        path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        return
    path.write_bytes(pack_container(tree, blob))


def pack_container(tree: Mapping[str, Any], blob: bytes) -> bytes:
    """Return the bytes of a ``.glb`` file: a document with one buffer."""
    whole = {**tree, "buffers": [{"byteLength": len(blob)}]}
    text = json.dumps(whole, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    chunks += struct.pack("<II", len(blob), 0x004E4942) + blob
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
