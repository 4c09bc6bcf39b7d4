"""Stanford PLY, ASCII and binary of either byte order.

Read: positions; UVs per vertex (``s t``, ``u v`` or ``texture_u texture_v``) or per corner (the
face's list ``texcoord``); colours per vertex; triangle strips. Other properties and elements are
stepped over. A file that is shorter than its header says is refused; what stands after its last
element is skipped with a warning. Written: binary little-endian; positions and UVs in double
precision, colours in 8 bits.
"""

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import Float

from meshkit.errors import FileFormatError
from meshkit.formats.ply_body import Lists, Table, read_body
from meshkit.formats.ply_header import Element, read_header
from meshkit.formats.polygons import build_mesh, first_outside, strip_triangles
from meshkit.mesh import Mesh

_UV_NAMES = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))
_COLOR_NAMES = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"))


def load_ply(path: Path, *, quads: str = "fan") -> Mesh:
    """Read the elements ``vertex`` and ``face``.

    Raises
    ------
    FileFormatError
        Header or data is malformed, positions or faces are missing, an index is past the end.
    """
    data = path.read_bytes()
    header = read_header(path, data)
    tables = read_body(path, data, header)
    vertex = tables.get("vertex", {})
    V = _columns(vertex, ("x", "y", "z"))
    if V is None:
        raise FileFormatError(f"{path}: the element 'vertex' with x, y and z is missing")
    lists = _face_lists(path, tables, len(V))
    _check_faces(path, lists, len(V))
    UV = next((uv for names in _UV_NAMES if (uv := _columns(vertex, names)) is not None), None)
    element = next(element for element in header.elements if element.name == "vertex")
    colors = _colors(path, vertex, element)
    texcoord = tables.get("face", {}).get("texcoord")
    if UV is None and isinstance(texcoord, Lists) and texcoord.values.size:
        if (texcoord.sizes == 2 * lists.sizes).all():
            UV_corner, corners_uv = np.unique(
                texcoord.values.astype(np.float64).reshape(-1, 2), axis=0, return_inverse=True
            )
            return build_mesh(
                path,
                V,
                lists.values,
                lists.sizes,
                UV_corner=UV_corner,
                corners_uv=corners_uv.reshape(-1),
                colors=colors,
                quads=quads,
            )
        face = int((texcoord.sizes != 2 * lists.sizes).argmax())
        warnings.warn(
            f"{path}: texture coordinates dropped, because some corners have none "
            f"(first: face {face})",
            stacklevel=3,
        )
    return build_mesh(path, V, lists.values, lists.sizes, UV=UV, colors=colors, quads=quads)


def _columns(table: Table, names: tuple[str, ...]) -> Float[np.ndarray, "n k"] | None:
    columns = [table.get(name) for name in names]
    arrays = [column for column in columns if isinstance(column, np.ndarray)]
    if len(arrays) < len(names):
        return None
    return np.stack(arrays, axis=1).astype(np.float64)


def _face_lists(path: Path, tables: dict[str, Table], n_vertices: int) -> Lists:
    for name in ("vertex_indices", "vertex_index"):
        lists = tables.get("face", {}).get(name)
        if isinstance(lists, Lists) and lists.values.dtype.kind == "i":
            return lists
    strips = tables.get("tristrips", {}).get("vertex_indices")
    if isinstance(strips, Lists) and strips.values.dtype.kind == "i":
        F = strip_triangles(strips.values)
        return Lists(np.full(len(F), 3, dtype=np.int64), F.reshape(-1))
    if "face" not in tables:
        raise FileFormatError(
            f"{path} holds {n_vertices} vertices but no face: it is a point cloud"
        )
    raise FileFormatError(f"{path} has no element 'face' with a list of integers 'vertex_indices'")


def _check_faces(path: Path, lists: Lists, n_vertices: int) -> None:
    if (lists.sizes < 3).any():
        face = int((lists.sizes < 3).argmax())
        raise FileFormatError(f"{path}: face {face} has {lists.sizes[face]} corners, needs 3")
    if outside := first_outside(lists.values, n_vertices, lists.sizes):
        raise FileFormatError(
            f"{path}: face {outside[0]} names vertex {outside[1]}, but the file has {n_vertices}"
        )


def _colors(path: Path, vertex: Table, element: Element) -> Float[np.ndarray, "n 3"] | None:
    names = next((names for names in _COLOR_NAMES if names[0] in vertex), _COLOR_NAMES[0])
    colors = _columns(vertex, names)
    if colors is None:
        return None
    kind = next(p.type for p in element.properties if p.name == names[0])
    if kind[0] == "f":
        return colors / 255 if (colors > 1).any() else colors  # both ranges are in use
    top = np.iinfo(np.dtype(kind)).max
    if ((colors < 0) | (colors > top)).any():
        bad = int(((colors < 0) | (colors > top)).any(axis=1).argmax())
        raise FileFormatError(f"{path}: the colour of vertex {bad} is outside 0..{top}")
    return np.asarray(colors / top)


def save_ply(path: Path, mesh: Mesh) -> None:
    """Write binary little-endian; per-corner UVs as the face's list ``texcoord``."""
    vertex: list[tuple[str, str]] = [(name, "<f8") for name in "xyz"]
    columns = [*mesh.V.T]
    if mesh.UV is not None:
        vertex += [("s", "<f8"), ("t", "<f8")]
        columns += [*mesh.UV.T]
    if mesh.colors is not None:
        vertex += [(name, "u1") for name in ("red", "green", "blue")]
        columns += [*np.rint(mesh.colors.clip(0, 1) * 255).T]
    face: list[tuple[str, str] | tuple[str, str, tuple[int]]]
    face = [("size", "u1"), ("corners", "<i4", (3,))]
    lists = ["property list uchar int vertex_indices"]
    if mesh.UV_corner is not None and mesh.F_uv is not None:
        face += [("uv size", "u1"), ("uv", "<f8", (6,))]
        lists.append("property list uchar double texcoord")
    vertices, faces = np.zeros(len(mesh.V), vertex), np.zeros(len(mesh.F), face)
    for (name, _), column in zip(vertex, columns, strict=True):
        vertices[name] = column
    faces["size"], faces["corners"] = 3, mesh.F
    if mesh.UV_corner is not None and mesh.F_uv is not None:
        faces["uv size"], faces["uv"] = 6, mesh.UV_corner[mesh.F_uv].reshape(-1, 6)
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(vertices)}",
        *(f"property {'uchar' if kind == 'u1' else 'double'} {name}" for name, kind in vertex),
        f"element face {len(faces)}",
        *lists,
        "end_header\n",
    ]
    path.write_bytes("\n".join(header).encode() + vertices.tobytes() + faces.tobytes())
