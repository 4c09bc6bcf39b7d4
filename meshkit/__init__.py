"""Mesh to geometry image and back: parameterize, rasterize, resample.

Read the modules in this order: `topology`, `laplacian` (then `intrinsic`, `mass`, `operators`,
`spectrum`, `geodesics`), `boundary` and `param` (disk to square), `cut` (closed to disk),
`raster` (its docstring is the pixel convention; then `charts`, `supersample`, `dilate`,
`visibility`, `raster_conventions`), `geometry_image` (then `image_maps`, `stitch`); `distortion`,
`primitives`, `mesh` and `io`, `diagnose`, `render`. `meshkit.nn` holds the layers for torch.

A public name is imported when it is first asked for (PEP 562), so `import meshkit` costs nothing.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshkit.balance import Balance, balance_uv
    from meshkit.boundary import circle_boundary, square_boundary
    from meshkit.charts import corner_average, overlapped_texels, rasterize_mesh
    from meshkit.convex_border import polygon_boundary, rectangle_boundary
    from meshkit.cut import Cut, cut_to_disk, seam_uv
    from meshkit.diagnose import diagnose
    from meshkit.dilate import dilate_image, dilate_raster
    from meshkit.distortion import Distortion, distortion
    from meshkit.errors import (
        DegenerateFaceError,
        FileFormatError,
        MeshError,
        SolveError,
        TopologyError,
    )
    from meshkit.geodesics import HeatGeodesics, geodesic_distance
    from meshkit.geometry_image import (
        geometry_image,
        mesh_from_image,
        round_trip_error,
        sampling_matrix,
        vertices_from_image,
    )
    from meshkit.image_maps import (
        displace,
        height_map,
        image_normals,
        tangent_frames,
        to_object_space,
        to_tangent_space,
    )
    from meshkit.intrinsic import delaunay_laplacian, intrinsic_delaunay
    from meshkit.io import load_mesh, save_mesh
    from meshkit.laplacian import (
        cotangent_laplacian,
        lumped_mass,
        mean_value_laplacian,
        uniform_laplacian,
    )
    from meshkit.laplacian_batch import CotangentStructure
    from meshkit.mass import full_mass, voronoi_mass
    from meshkit.mesh import Mesh
    from meshkit.operators import divergence, gradient
    from meshkit.param import Parameterization, flipped_faces, harmonic_uv, parameterize
    from meshkit.raster import UVRaster, raster_matrix, rasterize_uv, vertices_seen
    from meshkit.render import render_mesh
    from meshkit.robust import robust_laplacian
    from meshkit.spectrum import eigenpairs
    from meshkit.stitch import mesh_of_texels
    from meshkit.supersample import averaged_matrix, supersampled_matrix
    from meshkit.topology import boundary_loop, boundary_loops, edges, euler_characteristic
    from meshkit.visibility import Visibility, advised_size, visibility

_PUBLIC = {
    "meshkit.topology": ["boundary_loop", "boundary_loops", "edges", "euler_characteristic"],
    "meshkit.laplacian": [
        "cotangent_laplacian",
        "lumped_mass",
        "mean_value_laplacian",
        "uniform_laplacian",
    ],
    "meshkit.intrinsic": ["delaunay_laplacian", "intrinsic_delaunay"],
    "meshkit.robust": ["robust_laplacian"],
    "meshkit.mass": ["full_mass", "voronoi_mass"],
    "meshkit.operators": ["divergence", "gradient"],
    "meshkit.spectrum": ["eigenpairs"],
    "meshkit.geodesics": ["HeatGeodesics", "geodesic_distance"],
    "meshkit.laplacian_batch": ["CotangentStructure"],
    "meshkit.boundary": ["circle_boundary", "square_boundary"],
    "meshkit.convex_border": ["polygon_boundary", "rectangle_boundary"],
    "meshkit.balance": ["Balance", "balance_uv"],
    "meshkit.param": ["Parameterization", "flipped_faces", "harmonic_uv", "parameterize"],
    "meshkit.raster": ["UVRaster", "raster_matrix", "rasterize_uv", "vertices_seen"],
    "meshkit.geometry_image": [
        "geometry_image",
        "mesh_from_image",
        "round_trip_error",
        "sampling_matrix",
        "vertices_from_image",
    ],
    "meshkit.charts": ["corner_average", "overlapped_texels", "rasterize_mesh"],
    "meshkit.supersample": ["averaged_matrix", "supersampled_matrix"],
    "meshkit.dilate": ["dilate_image", "dilate_raster"],
    "meshkit.visibility": ["Visibility", "advised_size", "visibility"],
    "meshkit.image_maps": [
        "displace",
        "height_map",
        "image_normals",
        "tangent_frames",
        "to_object_space",
        "to_tangent_space",
    ],
    "meshkit.stitch": ["mesh_of_texels"],
    "meshkit.cut": ["Cut", "cut_to_disk", "seam_uv"],
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
    "Balance",
    "CotangentStructure",
    "Cut",
    "DegenerateFaceError",
    "Distortion",
    "FileFormatError",
    "HeatGeodesics",
    "Mesh",
    "MeshError",
    "Parameterization",
    "SolveError",
    "TopologyError",
    "UVRaster",
    "Visibility",
    "advised_size",
    "averaged_matrix",
    "balance_uv",
    "boundary_loop",
    "boundary_loops",
    "circle_boundary",
    "corner_average",
    "cotangent_laplacian",
    "cut_to_disk",
    "delaunay_laplacian",
    "diagnose",
    "dilate_image",
    "dilate_raster",
    "displace",
    "distortion",
    "divergence",
    "edges",
    "eigenpairs",
    "euler_characteristic",
    "flipped_faces",
    "full_mass",
    "geodesic_distance",
    "geometry_image",
    "gradient",
    "harmonic_uv",
    "height_map",
    "image_normals",
    "intrinsic_delaunay",
    "load_mesh",
    "lumped_mass",
    "mean_value_laplacian",
    "mesh_from_image",
    "mesh_of_texels",
    "overlapped_texels",
    "parameterize",
    "polygon_boundary",
    "raster_matrix",
    "rasterize_mesh",
    "rasterize_uv",
    "rectangle_boundary",
    "render_mesh",
    "robust_laplacian",
    "round_trip_error",
    "sampling_matrix",
    "save_mesh",
    "seam_uv",
    "square_boundary",
    "supersampled_matrix",
    "tangent_frames",
    "to_object_space",
    "to_tangent_space",
    "uniform_laplacian",
    "vertices_from_image",
    "vertices_seen",
    "visibility",
    "voronoi_mass",
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
