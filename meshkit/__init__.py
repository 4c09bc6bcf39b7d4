"""Mesh to geometry image and back: parameterize, rasterize, resample.

Read the modules in this order: `topology`, `laplacian`, `boundary` and `param` (disk to square),
`raster` (its docstring is the pixel convention), `geometry_image`; then `distortion`, `primitives`,
`mesh` and `io`, `diagnose`, `render`. `meshkit.nn` holds the layers for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

from meshkit.boundary import circle_boundary, square_boundary
from meshkit.distortion import Distortion, distortion
from meshkit.errors import (
    DegenerateFaceError,
    FileFormatError,
    MeshError,
    SolveError,
    TopologyError,
)
from meshkit.geometry_image import geometry_image, mesh_from_image, sampling_matrix
from meshkit.laplacian import (
    cotangent_laplacian,
    lumped_mass,
    mean_value_laplacian,
    uniform_laplacian,
)
from meshkit.mesh import Mesh
from meshkit.param import Parameterization, flipped_faces, harmonic_uv, parameterize
from meshkit.raster import UVRaster, raster_matrix, rasterize_uv, vertices_seen
from meshkit.topology import boundary_loop, boundary_loops, edges, euler_characteristic

if TYPE_CHECKING:
    from meshkit.diagnose import diagnose
    from meshkit.io import load_mesh, save_mesh
    from meshkit.render import render_mesh

# Loaded when first asked for (PEP 562): they are not needed for the mathematics.
_LAZY = {
    "diagnose": "meshkit.diagnose",
    "load_mesh": "meshkit.io",
    "render_mesh": "meshkit.render",
    "save_mesh": "meshkit.io",
}

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


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'meshkit' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
