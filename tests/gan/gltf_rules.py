"""The rules of glTF 2.0 that a file of one morphing mesh can break, checked strictly.

Section numbers are those of the specification. The official validator knows more; this one is at
hand in every test run.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}
_TYPES = {5125: np.dtype("<u4"), 5126: np.dtype("<f4")}


class Glb:
    """A file taken apart; whatever breaks a rule is an AssertionError that names it."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data)), "4.4.2 header"
        size, kind = struct.unpack_from("<II", data, 12)
        assert (size % 4, kind) == (0, 0x4E4F534A), "4.4.3 JSON chunk"
        self.tree: dict[str, Any] = json.loads(data[20 : 20 + size], parse_constant=_refuse)
        at = 20 + size
        size, kind = struct.unpack_from("<II", data, at)
        assert (size % 4, kind) == (0, 0x004E4942), "4.4.3 binary chunk"
        assert at + 8 + size == len(data), "4.4.3 nothing after the chunks"
        self.blob = data[at + 8 :]
        (buffer,) = self.tree["buffers"]
        assert 0 <= size - buffer["byteLength"] <= 3, "4.4.3.3 length of the buffer"
        self._used: set[int] = set()
        self._check_mesh()
        self._check_animation()
        assert self._used == set(range(len(self.tree["accessors"]))), "unused accessor"

    def array(self, index: int, kind: str, target: int | None) -> np.ndarray:
        """Return an accessor's elements, as it says they are."""
        accessor = self.tree["accessors"][index]
        view = self.tree["bufferViews"][accessor["bufferView"]]
        self._used.add(index)
        dtype, width = _TYPES[accessor["componentType"]], _WIDTHS[accessor["type"]]
        assert accessor["type"] == kind, "3.7.2 type of an attribute"
        assert view.get("target") == target, "3.6.1.3 target of a view"
        assert view["byteOffset"] % 4 == 0, "3.6.2.4 alignment"
        assert view["byteOffset"] + view["byteLength"] <= len(self.blob), "3.6.1.3 view"
        assert accessor["count"] * width * dtype.itemsize == view["byteLength"], "3.6.2.4 fit"
        flat = np.frombuffer(self.blob, dtype, accessor["count"] * width, view["byteOffset"])
        array = flat.reshape(-1, width)
        assert np.isfinite(array).all(), "3.6.2.2 finite"
        assert accessor["min"] == array.min(axis=0).tolist(), "3.6.2.5 bounds"
        assert accessor["max"] == array.max(axis=0).tolist(), "3.6.2.5 bounds"
        return array

    def _check_mesh(self) -> None:
        tree = self.tree
        assert tree["asset"]["version"] == "2.0", "3.2 asset"
        assert tree["scenes"][tree["scene"]]["nodes"] == [0], "3.5.1 scene"
        (node,), (mesh,) = tree["nodes"], tree["meshes"]
        assert node["mesh"] == 0, "3.7.2 mesh"
        (primitive,) = mesh["primitives"]
        assert primitive["material"] < len(tree["materials"]), "3.9 material"
        attributes = primitive["attributes"]
        self.position = self.array(attributes["POSITION"], "VEC3", 34962)
        self.normal = self.array(attributes["NORMAL"], "VEC3", 34962)
        self.UV = self.array(attributes["TEXCOORD_0"], "VEC2", 34962)
        n = len(self.position)
        assert len(self.normal) == len(self.UV) == n, "3.7.2.1 counts"
        length = np.linalg.norm(self.normal.astype(np.float64), axis=1)
        np.testing.assert_allclose(length, 1, atol=5e-4, err_msg="3.7.2.1 unit normals")
        index = self.array(primitive["indices"], "SCALAR", 34963)
        assert index.dtype == np.uint32, "3.7.2.1 indices"
        assert len(index) % 3 == 0, "3.7.2.1 triangles"
        assert index.max() < n, "3.7.2.1 range"
        self.F = index.reshape(-1, 3)
        self.targets = [
            {name: self.array(k, "VEC3", 34962) for name, k in target.items()}
            for target in primitive.get("targets", [])
        ]
        for target in self.targets:
            assert target.keys() <= attributes.keys(), "3.7.2.2 attributes of a target"
            assert {len(array) for array in target.values()} == {n}, "3.7.2.2 counts"
        if self.targets:
            assert len(mesh["weights"]) == len(self.targets), "3.7.2.2 weights"
            assert len(mesh["extras"]["targetNames"]) == len(self.targets), "3.7.2.2 names"
        self.names: list[str] = mesh.get("extras", {}).get("targetNames", [])
        self.scale: list[float] = node.get("scale", [1, 1, 1])

    def _check_animation(self) -> None:
        for animation in self.tree.get("animations", []):
            (channel,), (sampler,) = animation["channels"], animation["samplers"]
            assert channel == {"sampler": 0, "target": {"node": 0, "path": "weights"}}, "3.11"
            assert sampler["interpolation"] == "LINEAR", "3.11"
            self.times = self.array(sampler["input"], "SCALAR", None)[:, 0]
            assert (np.diff(self.times) > 0).all(), "3.11 increasing"
            assert self.times[0] >= 0, "3.11 increasing"
            output = self.array(sampler["output"], "SCALAR", None)
            assert len(output) == len(self.times) * len(self.targets), "3.11 counts"
            self.weights = output.reshape(len(self.times), -1)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
