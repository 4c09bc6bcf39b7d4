"""glTF with morph targets: one mesh and the shapes it can take, mixed by weights in the viewer.

A target is stored as displacements of positions and of normals, which viewers add with the weight:
halfway to a target, the shading is halfway, too. Names go where every viewer looks for them,
``extras.targetNames`` of the mesh. Viewers offer weights from 0 to 1: what can be gone along both
ways takes two targets.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from meshkit.errors import MeshError
from meshkit.files import atomic_path
from meshkit.formats.gltf import flip_v, split_seams
from meshkit.formats.gltf_writer import INDICES, Packer, one_mesh, write_container
from meshkit.formats.storable import offset_of, storable
from meshkit.mesh import Mesh
from meshkit.normals import vertex_normals

# Without a material of its own, a mesh is shown as metal: black where nothing is mirrored.
_MATERIAL = {
    "name": "clay",
    "pbrMetallicRoughness": {
        "baseColorFactor": [0.8, 0.74, 0.68, 1.0],
        "metallicFactor": 0.0,
        "roughnessFactor": 0.75,
    },
    "doubleSided": True,  # a face is an open surface: its inside shows through the mouth
}


class MorphTarget(NamedTuple):
    """A shape that a mesh can take: its vertices where the weight is 1."""

    name: str
    V: Float[np.ndarray, "n 3"]


class WeightAnimation(NamedTuple):
    """How the weights of the targets go in time, straight from one row to the next.

    Attributes
    ----------
    times : s
        Increasing, from 0.
    weights : 1
        A row for each time, a column for each target; they may be negative.
    """

    times: Float[np.ndarray, " t"]
    weights: Float[np.ndarray, "t k"]


def save_morphs(
    path: Path | str,
    mesh: Mesh,
    targets: Sequence[MorphTarget],
    *,
    animation: WeightAnimation | None = None,
    name: str = "mesh",
    meters: float = 1.0,
) -> None:
    """Write ``.glb`` or ``.gltf`` with normals, UVs and morph targets, whole or not at all.

    Parameters
    ----------
    mesh
        With all weights 0. Its colours are not written.
    meters : m
        One unit of the vertices: glTF is in metres, and 0.001 stands for millimetres. It becomes
        the scale of the node; the vertices are stored as they are.

    Raises
    ------
    ValueError
        The animation has other rows than times, or other columns than targets; the suffix is
        another; two targets have one name; a target has another number of vertices.
    MeshError
        The mesh cannot be stored, or a coordinate is not finite.
    OSError
        The folder is missing or cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".glb", ".gltf"):
        raise ValueError(f"{path}: morph targets are written to .glb or .gltf")
    mesh = storable(mesh, path.suffix.lower())
    _check_targets(mesh, targets)
    if animation is not None:
        _check_animation(animation, len(targets))
    tree, blob = _document(mesh, targets, name, animation)
    if meters != 1:
        tree["nodes"][0]["scale"] = [meters] * 3
    if (offset := offset_of(mesh.V)).any():
        tree["nodes"][0]["translation"] = (meters * offset).tolist()
    with atomic_path(path) as aside:
        write_container(aside, tree, blob)


def _check_targets(mesh: Mesh, targets: Sequence[MorphTarget]) -> None:
    names: set[str] = set()
    for target in targets:
        if target.name in names:
            raise ValueError(f"two morph targets are called {target.name!r}")
        names.add(target.name)
        if target.V.shape != mesh.V.shape:
            raise ValueError(
                f"morph target {target.name!r} has {len(target.V)} vertices, the mesh {len(mesh.V)}"
            )
    for what, V in (("the mesh", mesh.V), *((repr(t.name), t.V) for t in targets)):
        # The square root: displacements must fit into single precision as well.
        if not (np.abs(V) < np.sqrt(np.finfo(np.float32).max)).all():
            raise MeshError(f"{what} has a coordinate that is not finite, or too large for glTF")


def _check_animation(animation: WeightAnimation, k: int) -> None:
    times, weights = animation
    if weights.shape != (len(times), k) or not len(times) or not k:
        raise ValueError(f"{len(times)} times and {k} targets do not fit weights {weights.shape}")
    if times[0] != 0 or not (np.diff(times) > 0).all() or not np.isfinite(weights).all():
        raise ValueError("times must increase from 0, and weights be finite")


def _document(
    mesh: Mesh, targets: Sequence[MorphTarget], name: str, animation: WeightAnimation | None
) -> tuple[dict[str, Any], bytes]:
    F, UV, origin = mesh.F, mesh.UV, np.arange(len(mesh.V))
    if mesh.UV_corner is not None and mesh.F_uv is not None:
        F, UV, origin = split_seams(mesh.F, mesh.F_uv, mesh.UV_corner, len(mesh.V))
    # Normals of the unsplit mesh: the shading does not break along a seam.
    N = _normals(mesh.V, mesh)
    packer = Packer()
    primitive: dict[str, Any] = {
        "attributes": {
            "POSITION": packer.add((mesh.V - offset_of(mesh.V))[origin].astype("<f4")),
            "NORMAL": packer.add(N[origin].astype("<f4")),
        },
        "indices": packer.add(F.reshape(-1).astype("<u4"), INDICES),
        "material": 0,
    }
    if UV is not None:
        primitive["attributes"]["TEXCOORD_0"] = packer.add(flip_v(UV).astype("<f4"))
    if targets:
        primitive["targets"] = [
            {
                "POSITION": packer.add((target.V - mesh.V)[origin].astype("<f4")),
                "NORMAL": packer.add((_normals(target.V, mesh) - N)[origin].astype("<f4")),
            }
            for target in targets
        ]
    tree = one_mesh(packer, primitive, name=name, materials=[_MATERIAL])
    if targets:
        tree["meshes"][0] |= {
            "weights": [0.0] * len(targets),
            "extras": {"targetNames": [target.name for target in targets]},
        }
    if animation is not None:
        sampler = {
            "input": packer.add(animation.times.astype("<f4"), None),
            "output": packer.add(animation.weights.reshape(-1).astype("<f4"), None),
            "interpolation": "LINEAR",
        }
        channel = {"sampler": 0, "target": {"node": 0, "path": "weights"}}
        tree["animations"] = [{"name": name, "samplers": [sampler], "channels": [channel]}]
    return tree, packer.blob


def _normals(V: Float[np.ndarray, "n 3"], mesh: Mesh) -> Float[np.ndarray, "n 3"]:
    """Return unit normals; where there is none (no face, faces that cancel), one along z."""
    N = vertex_normals(V.astype(np.float64), mesh.F)
    N[(N == 0).all(axis=1)] = (0.0, 0.0, 1.0)  # the format allows no other length than 1
    return N
