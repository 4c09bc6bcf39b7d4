"""Meshes for the tests of files, and seeds for the fuzz tests; arrays are read-only."""

from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from meshkit.io import save_mesh
from meshkit.mesh import Mesh

MESH_SUFFIXES = (".obj", ".ply", ".off", ".stl", ".gltf", ".glb", ".npz")


def frozen(values: object, dtype: type = np.float64) -> np.ndarray:
    array = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


def square() -> Mesh:
    """Two triangles on the unit square, with UVs and colours that single precision holds."""
    V = frozen([[0, 0, 0], [1, 0, 0.25], [1, 1, 0], [0, 1, 0.5]])
    F = frozen([[0, 1, 2], [0, 2, 3]], np.int64)
    return Mesh(
        V, F, UV=frozen(V[:, :2]), colors=frozen([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    )


def seamed() -> Mesh:
    """The same square; vertices 0 and 2 have another UV in each triangle."""
    flat = square()
    UV_corner = frozen([[0, 0], [0.5, 0], [0.5, 0.5], [0.5, 0.5], [1, 1], [0.5, 1]])
    return Mesh(flat.V, flat.F, UV_corner=UV_corner, F_uv=frozen([[0, 1, 2], [3, 4, 5]], np.int64))


@st.composite
def meshes(draw: st.DrawFn) -> Mesh:
    """Any arrays a file may hold: unreferenced vertices, huge numbers, either kind of UV."""
    n = draw(st.integers(3, 9))
    number = st.floats(-1e300, 1e300, allow_nan=False)
    m = draw(st.integers(1, 8))
    V = draw(hnp.arrays(np.float64, (n, 3), elements=number))
    F = draw(hnp.arrays(np.int64, (m, 3), elements=st.integers(0, n - 1)))
    colors = draw(st.none() | hnp.arrays(np.uint8, (n, 3)).map(lambda c: c / 255))
    kind = draw(st.sampled_from(["none", "vertex", "corner"]))
    if kind == "vertex":
        return Mesh(V, F, UV=draw(hnp.arrays(np.float64, (n, 2), elements=number)), colors=colors)
    if kind == "corner":
        t = draw(st.integers(1, 6))
        UV_corner = draw(hnp.arrays(np.float64, (t, 2), elements=number))
        F_uv = draw(hnp.arrays(np.int64, (m, 3), elements=st.integers(0, t - 1)))
        return Mesh(V, F, UV_corner=UV_corner, F_uv=F_uv, colors=colors)
    return Mesh(V, F, colors=colors)


def corner_uv(mesh: Mesh) -> np.ndarray:
    """The UV at each corner of each face, whichever way the mesh stores it."""
    if mesh.UV is not None:
        return mesh.UV[mesh.F]
    assert mesh.UV_corner is not None
    assert mesh.F_uv is not None
    return mesh.UV_corner[mesh.F_uv]


def write_seed(folder: Path, suffix: str) -> Path:
    """A small sound file of each format, with everything that the format can hold."""
    path = folder / f"seed{suffix}"
    mesh = square() if suffix in (".off", ".stl") else seamed()
    if suffix in (".off", ".stl"):
        mesh = Mesh(mesh.V, mesh.F, colors=None if suffix == ".stl" else mesh.colors)
    save_mesh(path, mesh)
    return path
