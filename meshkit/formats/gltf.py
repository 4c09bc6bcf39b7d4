"""glTF 2.0 and GLB: the triangles of the default scene, in its coordinates, as one mesh.

Read: positions, indices, ``TEXCOORD_0``, ``COLOR_0``; node transforms are applied. Parts that share
their vertices (one mesh, several materials) stay joined, others are put one after the other. Bones,
morph targets (`meshkit.formats.gltf_morph` writes some), materials and normals are skipped. glTF
counts v from the top, meshkit from the bottom: v is flipped here, on both ways. glTF has one UV per
vertex, so a seam shows as two vertices at one place. Written in single precision, which is all that
glTF has.
"""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from meshkit.errors import FileFormatError
from meshkit.formats.gltf_buffers import Document, load_document, read_accessor
from meshkit.formats.gltf_writer import INDICES, VERTICES, Packer, one_mesh, write_container
from meshkit.formats.json_tree import JsonTree
from meshkit.formats.polygons import build_mesh, first_outside
from meshkit.mesh import Mesh

_TRIANGLES, _STRIP, _FAN = 4, 5, 6


class _Part(NamedTuple):
    """Vertices that belong together, and the triangles on them."""

    name: str
    V: Float[np.ndarray, "n 3"]
    UV: Float[np.ndarray, "n 2"] | None
    colors: Float[np.ndarray, "n 3"] | None
    F: list[Int[np.ndarray, "m 3"]]


def load_gltf(path: Path) -> Mesh:
    """Read ``.gltf`` (with its buffers) or ``.glb``.

    Raises
    ------
    FileFormatError
        The document is malformed, needs an extension that packs geometry, uses sparse accessors or
        triangle strips, or holds no triangle.
    """
    document = load_document(path)
    parts: list[_Part] = []
    for node, matrix in _placed_meshes(document.tree):
        parts += _parts(document, document.tree.at("meshes", node.integer("mesh")), matrix)
    if not parts:
        raise FileFormatError(f"{path} holds no triangle mesh in its scene")
    if len(parts) > 1:
        warnings.warn(
            f"{path}: {len(parts)} parts put into one mesh: {', '.join(p.name for p in parts)}",
            stacklevel=3,
        )
    first = np.cumsum([0, *(len(part.V) for part in parts)])
    F = np.concatenate([f + k for part, k in zip(parts, first[:-1], strict=True) for f in part.F])
    sizes = np.full(len(F), 3, dtype=np.int64)
    UV = _joined(path, [part.UV for part in parts], "texture coordinates")
    colors = _joined(path, [part.colors for part in parts], "colours")
    V = np.concatenate([part.V for part in parts])
    return build_mesh(path, V, F.reshape(-1), sizes, UV=UV, colors=colors)


def _joined(
    path: Path, arrays: list[Float[np.ndarray, "_ k"] | None], what: str
) -> Float[np.ndarray, "n k"] | None:
    present = [array for array in arrays if array is not None]
    if len(present) == len(arrays):
        return np.concatenate(present)
    if present:
        warnings.warn(f"{path}: {what} dropped, because some parts have none", stacklevel=4)
    return None


def _placed_meshes(tree: JsonTree) -> list[tuple[JsonTree, Float[np.ndarray, "4 4"]]]:
    """Return each node that shows a mesh, with its transform, in the order of the scene."""
    if "scenes" in tree:
        roots = _indices(tree.at("scenes", tree.integer("scene", 0)), "nodes")
    else:
        children = {k for node in tree.items("nodes") for k in _indices(node, "children")}
        roots = [k for k, _ in enumerate(tree.items("nodes")) if k not in children]
    placed, seen = [], set()
    stack = [(root, np.eye(4)) for root in reversed(roots)]
    while stack:
        index, outer = stack.pop()
        node = tree.at("nodes", index)
        if index in seen:
            raise node.error("a node occurs twice in the scene: it is no tree")
        seen.add(index)
        matrix = outer @ _matrix(node)
        if "mesh" in node:
            placed.append((node, matrix))
        stack += [(child, matrix) for child in reversed(_indices(node, "children"))]
    return placed


def _indices(tree: JsonTree, key: str) -> list[int]:
    values = [item.value for item in tree.items(key)]
    if any(type(value) is not int for value in values):
        raise tree[key].error("expected a list of integers")
    return values


def _matrix(node: JsonTree) -> Float[np.ndarray, "4 4"]:
    """Return the node's own transform: a matrix, or translation · rotation · scale."""
    if "matrix" in node:
        return np.array(node.numbers("matrix", 16)).reshape(4, 4).T  # columns first in the file
    M = np.eye(4)
    if "rotation" in node:
        from scipy.spatial.transform import Rotation

        quaternion = node.numbers("rotation", 4)
        if not abs(sum(x * x for x in quaternion) - 1) < 1e-3:
            raise node["rotation"].error("expected a unit quaternion")
        M[:3, :3] = Rotation.from_quat(quaternion).as_matrix()  # x, y, z, w in both
    if "scale" in node:
        M[:3, :3] = M[:3, :3] * np.array(node.numbers("scale", 3))
    if "translation" in node:
        M[:3, 3] = node.numbers("translation", 3)
    return M


def _parts(document: Document, mesh: JsonTree, matrix: Float[np.ndarray, "4 4"]) -> list[_Part]:
    """Read a mesh's primitives; those on the same vertices become one part."""
    parts: dict[tuple[int, ...], _Part] = {}
    for primitive in mesh.items("primitives"):
        mode = primitive.integer("mode", _TRIANGLES)
        if mode in (_STRIP, _FAN):
            raise primitive.error("triangle strips and fans are not supported; save triangles")
        if mode != _TRIANGLES:
            continue  # points and lines
        names = primitive["attributes"]
        key = tuple(
            names.integer(name) if name in names else -1
            for name in ("POSITION", "TEXCOORD_0", "COLOR_0")
        )
        if key not in parts:
            parts[key] = _vertices(document, names, key, matrix, mesh.text("name", mesh.place))
        F = _triangles(document, primitive, len(parts[key].V))
        if len(F):
            parts[key].F.append(F[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else F)
    return [part for part in parts.values() if part.F]


def _vertices(
    document: Document,
    names: JsonTree,
    key: tuple[int, ...],
    matrix: Float[np.ndarray, "4 4"],
    name: str,
) -> _Part:
    position, texcoord, color = key
    if position < 0:
        raise names.error("'POSITION' is missing")
    V = read_accessor(document, position, (3,)).astype(np.float64)
    if not (matrix == np.eye(4)).all():
        V = V @ matrix[:3, :3].T + matrix[:3, 3]
    UV = read_accessor(document, texcoord, (2,)).astype(np.float64) if texcoord >= 0 else None
    colors = read_accessor(document, color, (3, 4)).astype(np.float64) if color >= 0 else None
    for what, array in (("TEXCOORD_0", UV), ("COLOR_0", colors)):
        if array is not None and len(array) != len(V):
            raise names.error(f"{what} has {len(array)} entries, POSITION {len(V)}")
    return _Part(
        name,
        V,
        None if UV is None else flip_v(UV),
        None if colors is None else colors[:, :3],
        [],
    )


def _triangles(document: Document, primitive: JsonTree, n: int) -> Int[np.ndarray, "m 3"]:
    if "indices" in primitive:
        flat = read_accessor(document, primitive.integer("indices"), (1,)).reshape(-1)
        if flat.dtype.kind != "i":
            raise primitive["indices"].error("indices must be integers")
    else:
        flat = np.arange(n)
    if len(flat) % 3:
        raise primitive.error(f"{len(flat)} indices do not make whole triangles")
    sizes = np.full(len(flat) // 3, 3, dtype=np.int64)
    if outside := first_outside(flat, n, sizes):
        raise primitive.error(f"triangle {outside[0]} names vertex {outside[1]} of {n}")
    return flat.reshape(-1, 3).astype(np.int64)


def save_gltf(path: Path, mesh: Mesh) -> None:
    """Write ``.glb``, or ``.gltf`` with its buffer inside; vertices are doubled along UV seams.

    A doubled vertex is appended, so the mesh's own indices keep their meaning.
    """
    V, F, UV, colors = mesh.V, mesh.F, mesh.UV, mesh.colors
    if mesh.UV_corner is not None and mesh.F_uv is not None:
        F, UV, origin = split_seams(mesh.F, mesh.F_uv, mesh.UV_corner, len(V))
        V, colors = V[origin], None if colors is None else colors[origin]
    arrays = {"POSITION": V.astype("<f4"), "indices": F.reshape(-1).astype("<u4")}
    if UV is not None:
        arrays["TEXCOORD_0"] = flip_v(UV).astype("<f4")
    if colors is not None:
        arrays["COLOR_0"] = colors.astype("<f4")
    packer = Packer()
    index = {
        name: packer.add(array, INDICES if name == "indices" else VERTICES)
        for name, array in arrays.items()
    }
    indices = index.pop("indices")
    primitive = {"attributes": index, "indices": indices}
    write_container(path, one_mesh(packer, primitive), packer.blob)


def flip_v(UV: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    """Count v from the other end: glTF's is at the top, meshkit's at the bottom."""
    return UV * (1, -1) + (0, 1)


def split_seams(
    F: Int[np.ndarray, "m 3"],
    F_uv: Int[np.ndarray, "m 3"],
    UV_corner: Float[np.ndarray, "t 2"],
    n: int,
) -> tuple[Int[np.ndarray, "m 3"], Float[np.ndarray, "k 2"], Int[np.ndarray, " k"]]:
    """Double the vertices that have several UVs: new faces, UV per new vertex, its old vertex.

    Vertex v keeps its number for one of its UVs; the doubles follow after n.
    """
    pairs, inverse = np.unique(
        np.stack([F.reshape(-1), F_uv.reshape(-1)], axis=1), axis=0, return_inverse=True
    )
    extra = np.zeros(len(pairs), dtype=bool)
    extra[1:] = pairs[1:, 0] == pairs[:-1, 0]
    number = np.where(extra, n - 1 + np.cumsum(extra), pairs[:, 0])
    origin = np.concatenate([np.arange(n), pairs[extra, 0]])
    UV = np.zeros((len(origin), 2))
    UV[number] = UV_corner[pairs[:, 1]]
    return number[inverse.reshape(-1, 3)], UV, origin
