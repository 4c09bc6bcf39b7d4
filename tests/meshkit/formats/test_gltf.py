"""glTF: scenes by hand, agreement with trimesh as an independent reader, every refusal."""

import base64
import json
import sys
from typing import Any

import numpy as np
import pytest
import trimesh

from meshkit.errors import FileFormatError
from meshkit.formats.gltf import load_gltf, split_seams
from meshkit.io import load_mesh, save_mesh
from meshkit.mesh import Mesh
from tests.mesh_files import seamed, square

POSITION = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], "<f4")
INDICES = np.array([0, 1, 2, 0, 2, 3], "<u2")
TEXCOORD = np.array([[0, 65535], [65535, 65535], [65535, 0], [0, 0]], "<u2")  # v from the top
COLOR = np.array([[255, 0, 0, 255]] * 4, "u1")


def scene() -> dict[str, Any]:
    blob = POSITION.tobytes() + INDICES.tobytes() + TEXCOORD.tobytes() + COLOR.tobytes()
    views, start = [], 0
    for array in (POSITION, INDICES, TEXCOORD, COLOR):
        views.append({"buffer": 0, "byteOffset": start, "byteLength": array.nbytes})
        start += array.nbytes
    uri = "data:application/octet-stream;base64," + base64.b64encode(blob).decode()
    whole = {"count": 4, "normalized": True}
    attributes = {"POSITION": 0, "TEXCOORD_0": 2, "COLOR_0": 3}
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"name": "face", "primitives": [{"attributes": attributes, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"},
            {**whole, "bufferView": 2, "componentType": 5123, "type": "VEC2"},
            {**whole, "bufferView": 3, "componentType": 5121, "type": "VEC4"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": len(blob), "uri": uri}],
    }


@pytest.fixture
def gltf(tmp_path):
    def write(tree: dict[str, Any]):
        path = tmp_path / "m.gltf"
        path.write_text(json.dumps(tree))
        return path

    return write


def test_by_hand_without_a_material(gltf):
    """General readers drop the UVs of a primitive that has no material."""
    mesh = load_gltf(gltf(scene()))
    np.testing.assert_array_equal(mesh.V, POSITION)
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_array_equal(mesh.UV, [[0, 0], [1, 0], [1, 1], [0, 1]])
    np.testing.assert_array_equal(mesh.colors, [[1, 0, 0]] * 4)


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_trimesh_reads_what_we_write(suffix, tmp_path):
    save_mesh(tmp_path / f"m{suffix}", square())
    theirs = trimesh.load(tmp_path / f"m{suffix}", process=False, force="mesh")
    np.testing.assert_array_equal(theirs.vertices, square().V)
    np.testing.assert_array_equal(theirs.faces, square().F)


def test_we_read_what_trimesh_writes(tmp_path):
    visual = trimesh.visual.TextureVisuals(
        uv=square().UV, material=trimesh.visual.material.PBRMaterial()
    )
    theirs = trimesh.Trimesh(square().V, square().F, visual=visual, process=False)
    theirs.export(tmp_path / "m.glb")
    mesh = load_mesh(tmp_path / "m.glb")
    np.testing.assert_array_equal(mesh.V, square().V)
    np.testing.assert_array_equal(mesh.F, square().F)
    np.testing.assert_array_equal(mesh.UV, square().UV)


def test_nodes_place_a_mesh_and_a_mirror_turns_its_faces(gltf):
    tree = scene()
    half = 0.5**0.5  # a quarter turn about z
    tree["nodes"] = [
        {"children": [1], "translation": [10, 0, 0], "rotation": [0, 0, half, half]},
        {"mesh": 0, "scale": [2, 1, -1]},
    ]
    mesh = load_gltf(gltf(tree))
    expected = [[10, 0, 0], [10, 2, 0], [9, 2, 0], [9, 0, 0]]
    np.testing.assert_allclose(mesh.V, expected, atol=1e-12)
    np.testing.assert_array_equal(mesh.F, [[2, 1, 0], [3, 2, 0]])
    matrix = [0, 2, 0, 0, -1, 0, 0, 0, 0, 0, -1, 0, 10, 0, 0, 1]  # the same, columns first
    tree["nodes"] = [{"mesh": 0, "matrix": matrix}]
    np.testing.assert_allclose(load_gltf(gltf(tree)).V, expected, atol=1e-12)


def test_materials_on_shared_vertices_stay_joined(gltf):
    tree = scene()
    first = tree["meshes"][0]["primitives"][0]
    tree["accessors"][1]["count"] = 3
    tree["accessors"].append({**tree["accessors"][1], "byteOffset": 6})
    tree["meshes"][0]["primitives"] = [first, {**first, "indices": 4, "material": 0}]
    mesh = load_gltf(gltf(tree))
    assert len(mesh.V) == 4
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])


def test_two_parts_are_joined_and_said(gltf):
    tree = scene()
    tree["nodes"] = [{"mesh": 0}, {"mesh": 0, "translation": [0, 0, 5]}]
    tree["scenes"][0]["nodes"] = [1, 0]
    with pytest.warns(UserWarning, match="2 parts put into one mesh: face, face"):
        mesh = load_gltf(gltf(tree))
    np.testing.assert_array_equal(mesh.V[[0, 4], 2], [5, 0])  # the order of the scene
    np.testing.assert_array_equal(mesh.F[2:], mesh.F[:2] + 4)


def test_a_buffer_in_a_file_of_its_own(gltf):
    tree = scene()
    blob = base64.b64decode(tree["buffers"][0]["uri"].partition("base64,")[2])
    tree["buffers"][0]["uri"] = "my%20data.bin"
    path = gltf(tree)
    (path.parent / "my data.bin").write_bytes(blob)
    np.testing.assert_array_equal(load_gltf(path).V, POSITION)
    (path.parent / "my data.bin").unlink()
    with pytest.raises(FileFormatError, match=r"uri: there is no file 'my data\.bin'"):
        load_gltf(path)
    for uri, message in (
        ("/dev/zero", "outside the folder"),
        ("../x.bin", "outside the folder"),
        ("x" * 300, "cannot read"),
    ):
        tree["buffers"][0]["uri"] = uri
        with pytest.raises(FileFormatError, match=message):
            load_gltf(gltf(tree))


def test_interleaved_attributes(gltf):
    tree = scene()
    rows = np.zeros(4, np.dtype([("p", "<f4", 3), ("t", "<f4", 2)]))
    rows["p"], rows["t"] = POSITION, [[0, 1], [1, 1], [1, 0], [0, 0]]
    blob = rows.tobytes() + INDICES.tobytes()
    tree["buffers"] = [
        {"byteLength": len(blob), "uri": "data:;base64," + base64.b64encode(blob).decode()}
    ]
    tree["bufferViews"] = [
        {"buffer": 0, "byteLength": 80, "byteStride": 20},
        {"buffer": 0, "byteOffset": 80, "byteLength": 12},
    ]
    tree["accessors"][2] = {
        **{"bufferView": 0, "byteOffset": 12, "componentType": 5126, "count": 4, "type": "VEC2"}
    }
    del tree["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"]
    mesh = load_gltf(gltf(tree))
    np.testing.assert_array_equal(mesh.V, POSITION)
    np.testing.assert_array_equal(mesh.UV, [[0, 0], [1, 0], [1, 1], [0, 1]])


def add_array(tree: dict[str, Any], array: np.ndarray, kind: str, component: int) -> int:
    """Append an array in a buffer of its own; return the number of its accessor."""
    uri = "data:;base64," + base64.b64encode(array.tobytes()).decode()
    tree["buffers"].append({"byteLength": array.nbytes, "uri": uri})
    view = {"buffer": len(tree["buffers"]) - 1, "byteLength": array.nbytes}
    tree["bufferViews"].append(view)
    row = {"bufferView": len(tree["bufferViews"]) - 1, "componentType": component, "type": kind}
    tree["accessors"].append({**row, "count": len(array)})
    return len(tree["accessors"]) - 1


@pytest.mark.parametrize(
    ("mode", "indices", "F"),
    [
        (5, [0, 1, 3, 2], [[0, 1, 3], [3, 1, 2]]),
        (5, [0, 1, 3, 3, 3, 1, 2], [[0, 1, 3], [3, 1, 2]]),  # joined by empty triangles
        (6, [0, 1, 2, 3], [[0, 1, 2], [0, 2, 3]]),
        (6, [0], None),
    ],
)
def test_strips_and_fans(gltf, mode, indices, F):
    tree = scene()
    array = np.array(indices, "<u2")
    place = {"mode": mode, "indices": add_array(tree, array, "SCALAR", 5123)}
    tree["meshes"][0]["primitives"][0] |= place
    if F is None:
        with pytest.raises(FileFormatError, match="holds no triangle mesh"):
            load_gltf(gltf(tree))
    else:
        np.testing.assert_array_equal(load_gltf(gltf(tree)).F, F)


def test_a_sparse_accessor_replaces_rows_of_its_view_or_of_zeros(gltf):
    tree = scene()
    index = add_array(tree, np.array([2, 0], "<u2"), "SCALAR", 5123)
    value = add_array(tree, np.array([[5, 5, 5], [7, 7, 7]], "<f4"), "VEC3", 5126)
    view = {k: tree["accessors"][k]["bufferView"] for k in (index, value)}
    tree["accessors"][0]["sparse"] = {
        "count": 2,
        "indices": {"bufferView": view[index], "componentType": 5123},
        "values": {"bufferView": view[value]},
    }
    expected = POSITION.copy()
    expected[[2, 0]] = [[5, 5, 5], [7, 7, 7]]
    np.testing.assert_array_equal(load_gltf(gltf(tree)).V, expected)
    del tree["accessors"][0]["bufferView"]
    expected[[1, 3]] = 0
    np.testing.assert_array_equal(load_gltf(gltf(tree)).V, expected)
    tree["accessors"][0]["count"] = 2
    with pytest.raises(FileFormatError, match="an index is outside the 2 rows"):
        load_gltf(gltf(tree))


def test_default_weights_of_morph_targets_are_applied(gltf):
    tree = scene()
    move = add_array(tree, np.array([[0, 0, 2]] * 4, "<f4"), "VEC3", 5126)
    mesh = tree["meshes"][0]
    mesh["primitives"][0]["targets"] = [{"POSITION": move}]
    np.testing.assert_array_equal(load_gltf(gltf(tree)).V, POSITION)
    mesh["weights"] = [0.5]
    np.testing.assert_array_equal(load_gltf(gltf(tree)).V, POSITION + np.array([0, 0, 1]))
    tree["nodes"][0]["weights"] = [2]  # the node's come before the mesh's
    np.testing.assert_array_equal(load_gltf(gltf(tree)).V, POSITION + np.array([0, 0, 4]))


def test_bones_place_a_mesh_and_its_node_does_not(gltf):
    tree = scene()
    half = 0.5**0.5
    tree["nodes"] = [
        {"mesh": 0, "skin": 0, "translation": [99, 0, 0], "scale": [-1, 1, 1]},
        {"children": [2], "scale": [2, 2, 2]},
        {"translation": [0, 0, 3], "rotation": [0, 0, half, half]},  # a quarter turn about z
    ]
    inverse = np.eye(4, dtype="<f4").reshape(1, 16).repeat(2, axis=0)
    inverse[1, 12] = -1  # columns first: first moved by -1 along x
    tree["skins"] = [
        {"joints": [1, 2], "inverseBindMatrices": add_array(tree, inverse, "MAT4", 5126)}
    ]
    attributes = tree["meshes"][0]["primitives"][0]["attributes"]
    joints = np.array([[0, 1, 0, 0]] * 4, "u1")
    weights = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]], "<f4")
    attributes["JOINTS_0"] = add_array(tree, joints, "VEC4", 5121)
    attributes["WEIGHTS_0"] = add_array(tree, weights, "VEC4", 5126)
    mesh = load_gltf(gltf(tree))
    expected = [[0, 0, 0], [0, 0, 6], [0, 1, 3], [0, 1, 0]]  # (2, 2, 0) and (-2, 0, 6), halved
    np.testing.assert_allclose(mesh.V, expected, atol=1e-6)
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])
    tree["skins"][0]["joints"] = [1, 9]
    with pytest.raises(FileFormatError, match=r"skins\[0\].joints: there is no node 9"):
        load_gltf(gltf(tree))


def draco_scene() -> dict[str, Any]:
    import DracoPy

    tree = scene()
    packed = DracoPy.encode(
        POSITION,
        INDICES.reshape(-1, 3).astype(np.uint32),
        preserve_order=True,
        tex_coord=(TEXCOORD / 65535).astype(np.float64),
    )
    array = np.frombuffer(packed, "u1")
    view = tree["accessors"][add_array(tree, array, "SCALAR", 5121)]["bufferView"]
    ids = {a["attribute_type"]: a["unique_id"] for a in DracoPy.decode(packed).attributes}
    place = {"bufferView": view, "attributes": {"POSITION": ids[0], "TEXCOORD_0": ids[3]}}
    primitive = tree["meshes"][0]["primitives"][0]
    primitive["extensions"] = {"KHR_draco_mesh_compression": place}
    del primitive["attributes"]["COLOR_0"]
    tree["accessors"][2] |= {"componentType": 5126, "normalized": False}
    for k in range(3):
        del tree["accessors"][k]["bufferView"]
    tree["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    return tree


def test_draco_is_unpacked_or_the_library_named(gltf, monkeypatch):
    path = gltf(draco_scene())
    mesh = load_gltf(path)
    np.testing.assert_allclose(mesh.V, POSITION, atol=1e-4)
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])
    np.testing.assert_allclose(mesh.UV, POSITION[:, :2], atol=1e-3)
    tree = draco_scene()
    tree["buffers"][-1]["uri"] = "data:;base64," + base64.b64encode(b"x" * 500).decode()
    with pytest.raises(FileFormatError, match="not sound Draco data"):
        load_gltf(gltf(tree))
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    with pytest.raises(FileFormatError, match="to unpack it, run: pip install DracoPy"):
        load_gltf(gltf(tree))


def meshopt_scene(encoder: Any) -> dict[str, Any]:
    """The same scene with positions and indices packed; the buffer for them unpacked is empty."""
    tree = scene()
    packed = {
        0: ("ATTRIBUTES", 12, 4, encoder.encode_vertex_buffer(POSITION, 4, 12)),
        1: ("TRIANGLES", 2, 6, encoder.encode_index_buffer(INDICES.astype(np.uint32), 6, 4)),
    }
    for k, (mode, stride, count, data) in packed.items():
        accessor = add_array(tree, np.frombuffer(data, "u1"), "SCALAR", 5121)
        place = {"buffer": tree["bufferViews"][tree["accessors"][accessor]["bufferView"]]["buffer"]}
        place |= {"byteLength": len(data), "mode": mode, "byteStride": stride, "count": count}
        tree["bufferViews"][k]["buffer"] = 3
        tree["bufferViews"][k]["extensions"] = {"EXT_meshopt_compression": place}
    tree["buffers"].append(
        {"byteLength": 100, "extensions": {"EXT_meshopt_compression": {"fallback": True}}}
    )
    tree["extensionsRequired"] = ["EXT_meshopt_compression"]
    return tree


class _Nothing:
    """An encoder that packs to bytes which no decoder takes."""

    def encode_vertex_buffer(self, *_: object) -> bytes:
        return b"nothing"

    encode_index_buffer = encode_vertex_buffer


def test_meshopt_is_unpacked_where_its_library_is_installed(gltf):
    meshoptimizer = pytest.importorskip("meshoptimizer")
    mesh = load_gltf(gltf(meshopt_scene(meshoptimizer)))
    np.testing.assert_array_equal(mesh.V, POSITION)
    np.testing.assert_array_equal(mesh.F, [[0, 1, 2], [0, 2, 3]])
    with pytest.raises(FileFormatError, match="not sound meshopt data"):
        load_gltf(gltf(meshopt_scene(_Nothing())))


def test_meshopt_names_the_library_where_it_is_not(gltf, monkeypatch):
    monkeypatch.setitem(sys.modules, "meshoptimizer", None)
    with pytest.raises(FileFormatError, match="to unpack it, run: pip install meshoptimizer"):
        load_gltf(gltf(meshopt_scene(_Nothing())))


def test_a_mesh_placed_many_times_does_not_fill_the_memory(gltf, monkeypatch):
    tree = scene()
    tree["nodes"] = [{"mesh": 0}] * 200
    tree["scenes"][0]["nodes"] = list(range(200))
    monkeypatch.setenv("MESHKIT_MAX_BYTES", "10000")
    monkeypatch.setattr("meshkit.limits._RATIO", 0)
    with pytest.raises(FileFormatError, match=r"unfolds to more than \d+ bytes; if you trust it"):
        load_gltf(gltf(tree))


def change(tree: dict[str, Any], place: str, value: Any) -> None:
    *steps, last = [int(word) if word.isdigit() else word for word in place.split(".")]
    target: Any = tree
    for step in steps:
        target = target[step]
    if value is None:
        del target[last]
    else:
        target[last] = value


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("asset.version", "1.0", "asset: version '1.0'; only glTF 2 is read"),
        ("asset", None, "top: 'asset' is missing"),
        ("extensionsRequired", ["EXT_new_geometry"], "needs the extension EXT_new_geometry"),
        ("scene", 3, "top: scenes[3] does not exist"),
        ("nodes.0", {"children": [0]}, "nodes[0]: a node occurs twice"),
        ("nodes.0.mesh", 7, "meshes[7] does not exist"),
        ("nodes.0.mesh", None, "holds no triangle mesh in its scene"),
        ("nodes.0.matrix", [1, 2], "nodes[0].matrix: expected 16 numbers"),
        ("nodes.0.rotation", [1, 1, 1, 1], "nodes[0].rotation: expected a unit quaternion"),
        ("nodes.0.scale", [1, 1, "2"], "nodes[0].scale: expected 3 finite numbers"),
        ("meshes.0.primitives.0.mode", 1, "holds no triangle mesh in its scene"),
        ("meshes.0.primitives.0.attributes.POSITION", None, "'POSITION' is missing"),
        ("meshes.0.primitives.0.indices", 0, "rows of 3 of type 5126, expected 1 per row"),
        ("meshes.0.primitives.0.indices", None, "4 indices do not make whole triangles"),
        ("accessors.0.count", 5, "accessors[0]: 5 rows of 12 bytes do not fit a view of 48"),
        ("accessors.0.count", -1, "accessors[0].count: expected a non-negative integer"),
        ("accessors.0.count", 3, "TEXCOORD_0 has 4 entries, POSITION 3"),
        ("accessors.0.sparse", {"count": 1}, "accessors[0].sparse: 'indices' is missing"),
        ("accessors.0.bufferView", 9, "bufferViews[9] does not exist"),
        ("accessors.1.count", 5, "5 indices do not make whole triangles"),
        ("accessors.1.componentType", 5126, "accessors[1]: 6 rows of 4 bytes do not fit a view"),
        ("bufferViews.0.byteLength", 10**6, "bufferViews[0]: bytes 0 to 1000000 of a buffer"),
        ("buffers.0.byteLength", 10**6, "buffers[0]: 1000000 bytes announced"),
        ("buffers.0.uri", "data:;base64,???", "buffers[0].uri: not base64"),
        ("buffers.0.uri", None, "buffers[0]: neither a 'uri' nor a binary chunk"),
        ("buffers.0.uri", "a%00b", "a file name cannot hold a zero byte"),
        ("nodes", {}, "nodes[0] does not exist"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(gltf, place, value, message):
    tree = scene()
    change(tree, place, value)
    with pytest.raises(FileFormatError) as caught:
        load_gltf(gltf(tree))
    assert message in str(caught.value)


def test_an_index_past_the_end(gltf):
    tree = scene()
    for accessor in (0, 2, 3):
        tree["accessors"][accessor]["count"] = 3
    with pytest.raises(FileFormatError, match="triangle 1 names vertex 3 of 3"):
        load_gltf(gltf(tree))


def test_damaged_containers(tmp_path):
    path = tmp_path / "m.glb"
    save_mesh(path, square())
    data = path.read_bytes()
    for cut, message in (
        (data[:15], "15 bytes are too few for a GLB file"),
        (data[:4] + b"\1" + data[5:], "GLB version 1"),
        (data[:-4], "announced, the file has"),
        (data[:12] + b"\xff\xff\xff\x0f" + data[16:], "a chunk at byte 12 runs past the end"),
        (data[:16] + b"XXXX" + data[20:], "the GLB file has no JSON chunk"),
        (data[:20] + b"[" + data[21:], "not a JSON document"),
        (b"[]", "expected an object"),
    ):
        path.write_bytes(cut)
        with pytest.raises(FileFormatError) as caught:
            load_gltf(path)
        assert message in str(caught.value)


def test_seams_are_split_without_renumbering():
    mesh = seamed()
    F, UV, origin = split_seams(mesh.F, mesh.F_uv, mesh.UV_corner, 4)
    np.testing.assert_array_equal(origin, [0, 1, 2, 3, 0, 2])
    np.testing.assert_array_equal(origin[F], mesh.F)
    np.testing.assert_array_equal(UV[F], mesh.UV_corner[mesh.F_uv])


def test_an_unused_vertex_survives_a_seam(tmp_path):
    mesh = seamed()
    V = np.concatenate([mesh.V, [[9, 9, 9]]])
    save_mesh(tmp_path / "m.glb", Mesh(V, mesh.F, UV_corner=mesh.UV_corner, F_uv=mesh.F_uv))
    np.testing.assert_array_equal(load_mesh(tmp_path / "m.glb").V[4], [9, 9, 9])
