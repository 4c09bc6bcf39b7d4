"""Where the vertices of a glTF scene are: transforms of nodes, bones, weights of morph targets."""

import numpy as np
from jaxtyping import Float

from meshkit.formats.gltf_buffers import Document, read_accessor
from meshkit.formats.json_tree import JsonTree


def placed_meshes(tree: JsonTree) -> list[tuple[JsonTree, Float[np.ndarray, "4 4"]]]:
    """Return each node that shows a mesh, with its transform, in the order of the scene."""
    if "scenes" in tree:
        roots = _indices(tree.at("scenes", tree.integer("scene", 0)), "nodes")
    else:
        roots = _roots(tree)
    placed = _walk(tree, roots)
    return [(tree.at("nodes", k), M) for k, M in placed.items() if "mesh" in tree.at("nodes", k)]


def _roots(tree: JsonTree) -> list[int]:
    children = {k for node in tree.items("nodes") for k in _indices(node, "children")}
    return [k for k, _ in enumerate(tree.items("nodes")) if k not in children]


def _walk(tree: JsonTree, roots: list[int]) -> dict[int, Float[np.ndarray, "4 4"]]:
    """Return the transforms of the nodes below the roots, in the order of the document's tree."""
    placed: dict[int, Float[np.ndarray, "4 4"]] = {}
    stack = [(root, np.eye(4)) for root in reversed(roots)]
    while stack:
        index, outer = stack.pop()
        node = tree.at("nodes", index)
        if index in placed:
            raise node.error("a node occurs twice in the scene: it is no tree")
        placed[index] = outer @ _matrix(node)
        stack += [(child, placed[index]) for child in reversed(_indices(node, "children"))]
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


def morphed(
    document: Document,
    node: JsonTree,
    mesh: JsonTree,
    primitive: JsonTree,
    V: Float[np.ndarray, "n 3"],
) -> Float[np.ndarray, "n 3"]:
    """Add the morph targets with their default weights: the node's, else the mesh's, else 0."""
    targets = list(primitive.items("targets"))
    owner = node if "weights" in node else mesh
    if not targets or "weights" not in owner:
        return V
    for weight, target in zip(owner.numbers("weights", len(targets)), targets, strict=True):
        if weight and "POSITION" in target:
            rows = read_accessor(document, target.integer("POSITION"), (3,))
            if len(rows) != len(V):
                raise target.error(f"POSITION has {len(rows)} entries, the mesh {len(V)}")
            V = V + weight * rows
    return V


def skinned(
    document: Document,
    node: JsonTree,
    names: JsonTree,
    V: Float[np.ndarray, "n 3"],
    matrix: Float[np.ndarray, "4 4"],
) -> Float[np.ndarray, "n 3"]:
    """Place vertices: by their bones as these stand in the file, else by the node's transform.

    With bones, the transform of the node itself has no effect (glTF 2.0, section 3.7.3.3).
    """
    if "skin" not in node:
        return V if (matrix == np.eye(4)).all() else V @ matrix[:3, :3].T + matrix[:3, 3]
    if "JOINTS_0" not in names or "WEIGHTS_0" not in names:
        return V
    skin = document.tree.at("skins", node.integer("skin"))
    joints = _indices(skin, "joints")
    if not document.placed:
        document.placed.update(_walk(document.tree, _roots(document.tree)))
    for joint in joints:
        if joint not in document.placed:
            raise skin["joints"].error(f"there is no node {joint}")
    bones = np.array([document.placed[joint] for joint in joints]).reshape(-1, 4, 4)
    if "inverseBindMatrices" in skin:
        rows = read_accessor(document, skin.integer("inverseBindMatrices"), (16,))
        if len(rows) < len(joints):
            raise skin.error(f"{len(rows)} inverse bind matrices for {len(joints)} joints")
        bones = bones @ rows[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1)
    moved, total = np.zeros_like(V), np.zeros((len(V), 1))
    k = 0
    while f"JOINTS_{k}" in names and f"WEIGHTS_{k}" in names:
        index = read_accessor(document, names.integer(f"JOINTS_{k}"), (4,)).astype(np.int64)
        weights = read_accessor(document, names.integer(f"WEIGHTS_{k}"), (4,)).astype(np.float64)
        if len(index) != len(V) or len(weights) != len(V) or index.max(initial=0) >= len(joints):
            raise names.error(f"JOINTS_{k} and WEIGHTS_{k} do not fit the vertices and the bones")
        for j, w in zip(index.T, weights.T, strict=True):
            M = bones[j]
            moved += w[:, None] * (np.einsum("nij,nj->ni", M[:, :3, :3], V) + M[:, :3, 3])
            total += w[:, None]
        k += 1
    return np.where(total > 0, moved / np.where(total > 0, total, 1), V)
