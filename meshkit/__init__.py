"""Mesh to geometry image and back: parameterize, rasterize, resample.

Read the modules in this order: `topology`, `laplacian`, `boundary` and `param` (disk to square),
`raster` (its docstring is the pixel convention), `geometry_image`; then `distortion`, `primitives`,
`mesh` and `io`, `diagnose`, `render`. `meshkit.nn` holds the layers for torch.

A public name is imported when it is first asked for (PEP 562), so `import meshkit` costs nothing.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshkit.boundary import circle_boundary, square_boundary
    from meshkit.diagnose import diagnose
    from meshkit.distortion import Distortion, distortion
    from meshkit.errors import (
        DegenerateFaceError,
        FileFormatError,
        MeshError,
        SolveError,
        TopologyError,
    )
    from meshkit.geometry_image import geometry_image, mesh_from_image, sampling_matrix
    from meshkit.io import load_mesh, save_mesh
    from meshkit.laplacian import (
        cotangent_laplacian,
        lumped_mass,
        mean_value_laplacian,
        uniform_laplacian,
    )
    from meshkit.mesh import Mesh
    from meshkit.param import Parameterization, flipped_faces, harmonic_uv, parameterize
    from meshkit.raster import UVRaster, raster_matrix, rasterize_uv, vertices_seen
    from meshkit.render import render_mesh
    from meshkit.topology import boundary_loop, boundary_loops, edges, euler_characteristic

_PUBLIC = {
    "meshkit.topology": ["boundary_loop", "boundary_loops", "edges", "euler_characteristic"],
    "meshkit.laplacian": [
        "cotangent_laplacian",
        "lumped_mass",
        "mean_value_laplacian",
        "uniform_laplacian",
    ],
    "meshkit.boundary": ["circle_boundary", "square_boundary"],
    "meshkit.param": ["Parameterization", "flipped_faces", "harmonic_uv", "parameterize"],
    "meshkit.raster": ["UVRaster", "raster_matrix", "rasterize_uv", "vertices_seen"],
    "meshkit.geometry_image": ["geometry_image", "mesh_from_image", "sampling_matrix"],
    "meshkit.distortion": ["Distortion", "distortion"],
    "meshkit.mesh": ["Mesh"],
    "meshkit.io": ["load_mesh", "save_mesh"],
    "meshkit.diagnose": ["diagnose"],
    "meshkit.render": ["render_mesh"],
    "meshkit.errors": [
        "DegenerateFaceError",
        "FileFormatError",
        "MeshError",
        "SolveError",
        "TopologyError",
    ],
}
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = [
    "DegenerateFaceError",
    "Distortion",
    "FileFormatError",
    "Mesh",
    "MeshError",
    "Parameterization",
    "SolveError",
    "TopologyError",
    "UVRaster",
    "boundary_loop",
    "boundary_loops",
    "circle_boundary",
    "cotangent_laplacian",
    "diagnose",
    "distortion",
    "edges",
    "euler_characteristic",
    "flipped_faces",
    "geometry_image",
    "harmonic_uv",
    "load_mesh",
    "lumped_mass",
    "mean_value_laplacian",
    "mesh_from_image",
    "parameterize",
    "raster_matrix",
    "rasterize_uv",
    "render_mesh",
    "sampling_matrix",
    "save_mesh",
    "square_boundary",
    "uniform_laplacian",
    "vertices_seen",
]


class _Package(ModuleType):
    """The package as a module in which a function wins over the submodule of the same name.

    Importing `meshkit.distortion` binds the submodule to the package. Without this,
    `meshkit.distortion(V, F, UV)` would work or not depending on what was imported before.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _HOME.get(name) == value.__name__:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'meshkit' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
