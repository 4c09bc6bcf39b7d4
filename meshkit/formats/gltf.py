"""glTF 2.0 and GLB: the triangles of the default scene, in its coordinates, as one mesh.

Read: positions, indices (triangles, strips, fans), ``TEXCOORD_0``, ``COLOR_0``; the transforms of
nodes, bones and default weights of morph targets are applied. Parts that share their vertices (one
mesh, several materials) stay joined, others are put one after the other. Materials and normals are
skipped. glTF
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
from meshkit.formats.gltf_buffers import Document, load_document, read_accessor, unpack_primitive
from meshkit.formats.gltf_scene import morphed, placed_meshes, skinned
from meshkit.formats.gltf_writer import INDICES, VERTICES, Packer, one_mesh, write_container
from meshkit.formats.json_tree import JsonTree
from meshkit.formats.polygons import build_mesh, first_outside, strip_triangles
from meshkit.formats.storable import offset_of
from meshkit.limits import check_size
from meshkit.mesh import Mesh

_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_MAX_NAMES = 8  # in a warning


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
        The document is malformed, needs an extension that is not read or whose library is not
        installed, unfolds to more than `meshkit.limits` allow, or holds no triangle.
    """
    document = load_document(path)
    parts: list[_Part] = []
    size = 0
    for node, matrix in placed_meshes(document.tree):
        added = _parts(document, node, matrix)
        size += sum(part.V.nbytes + sum(F.nbytes for F in part.F) for part in added)
        check_size(path, size)  # a mesh may be placed any number of times
        parts += added
    if not parts:
        raise FileFormatError(f"{path} holds no triangle mesh in its scene")
    if len(parts) > 1:
        names = ", ".join(part.name for part in parts[:_MAX_NAMES])
        names += ", …" if len(parts) > _MAX_NAMES else ""
        warnings.warn(f"{path}: {len(parts)} parts put into one mesh: {names}", stacklevel=3)
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


def _parts(document: Document, node: JsonTree, matrix: Float[np.ndarray, "4 4"]) -> list[_Part]:
    """Read the primitives of a node's mesh; those on the same vertices become one part."""
    mesh = document.tree.at("meshes", node.integer("mesh"))
    mirrored = "skin" not in node and np.linalg.det(matrix[:3, :3]) < 0
    parts: dict[tuple[int, ...], _Part] = {}
    for primitive in mesh.items("primitives"):
        if primitive.integer("mode", _TRIANGLES) not in (_TRIANGLES, _STRIP, _FAN):
            continue  # points and lines
        unpack_primitive(document, primitive)
        names = primitive["attributes"]
        key = tuple(
            names.integer(name) if name in names else -1
            for name in ("POSITION", "TEXCOORD_0", "COLOR_0")
        )
        if "targets" in primitive:
            key += (id(primitive.value),)
        if key not in parts:
            parts[key] = _vertices(document, node, mesh, primitive, matrix)
        F = _triangles(document, primitive, len(parts[key].V))
        if len(F):
            parts[key].F.append(F[:, ::-1] if mirrored else F)
    return [part for part in parts.values() if part.F]


def _vertices(
    document: Document,
    node: JsonTree,
    mesh: JsonTree,
    primitive: JsonTree,
    matrix: Float[np.ndarray, "4 4"],
) -> _Part:
    names = primitive["attributes"]
    V = read_accessor(document, names.integer("POSITION"), (3,)).astype(np.float64)
    V = morphed(document, node, mesh, primitive, V)
    V = skinned(document, node, names, V, matrix)

    def attribute(name: str, widths: tuple[int, ...]) -> Float[np.ndarray, "n k"] | None:
        if name not in names:
            return None
        rows = read_accessor(document, names.integer(name), widths).astype(np.float64)
        if len(rows) != len(V):
            raise names.error(f"{name} has {len(rows)} entries, POSITION {len(V)}")
        return rows

    UV, colors = attribute("TEXCOORD_0", (2,)), attribute("COLOR_0", (3, 4))
    return _Part(
        mesh.text("name", mesh.place),
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
    mode = primitive.integer("mode", _TRIANGLES)
    if mode == _STRIP:
        flat = strip_triangles(flat).reshape(-1)
    elif mode == _FAN:
        fan = [np.full(max(len(flat) - 2, 0), flat[0] if len(flat) else 0), flat[1:-1], flat[2:]]
        flat = np.stack(fan, axis=1).reshape(-1)
    if len(flat) % 3:
        raise primitive.error(f"{len(flat)} indices do not make whole triangles")
    sizes = np.full(len(flat) // 3, 3, dtype=np.int64)
    if outside := first_outside(flat, n, sizes):
        raise primitive.error(f"triangle {outside[0]} names vertex {outside[1]} of {n}")
    return flat.reshape(-1, 3).astype(np.int64)


def save_gltf(path: Path, mesh: Mesh) -> None:
    """Write ``.glb``, or ``.gltf`` with its buffer inside; vertices are doubled along UV seams.

    A doubled vertex is appended, so the mesh's own indices keep their meaning. Far from the origin,
    the node's translation carries the offset, which single precision would round.
    """
    V, F, UV, colors = mesh.V, mesh.F, mesh.UV, mesh.colors
    if mesh.UV_corner is not None and mesh.F_uv is not None:
        F, UV, origin = split_seams(mesh.F, mesh.F_uv, mesh.UV_corner, len(V))
        V, colors = V[origin], None if colors is None else colors[origin]
    offset = offset_of(V)
    arrays = {"POSITION": (V - offset).astype("<f4"), "indices": F.reshape(-1).astype("<u4")}
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
    tree = one_mesh(packer, primitive)
    if offset.any():
        tree["nodes"][0]["translation"] = offset.tolist()
    write_container(path, tree, packer.blob)


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
