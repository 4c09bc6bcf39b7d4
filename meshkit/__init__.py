"""Mesh to geometry image and back: parameterize, rasterize, resample.

Read the modules in this order: `topology`, `laplacian` (then the room `operators`: masses,
gradients, spectra, geodesics, batches), `param` (disk to square; its borders, weights and guarantee
are in `flattening`), `raster` (its docstring is the pixel convention) and `geometry_image` (then
`images`: files, sub-samples, conventions); `distortion`, `primitives`, `mesh` and `io` (`formats`),
`diagnose` and `repair` (`doctor`, with `cut`), `registration`, `render` (`rendering`). `meshkit.nn`
holds the layers for torch.

A public name is imported when it is first asked for (PEP 562), so `import meshkit` costs nothing.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshkit.diagnose import diagnose
    from meshkit.distortion import Distortion, distortion
    from meshkit.doctor.cut import Cut, cut_to_disk, seam_uv
    from meshkit.errors import (
        DegenerateFaceError,
        FileFormatError,
        MeshError,
        SolveError,
        TopologyError,
    )
    from meshkit.flattening.balance import Balance, balance_uv
    from meshkit.flattening.boundary import circle_boundary, square_boundary
    from meshkit.flattening.convex_border import polygon_boundary, rectangle_boundary
    from meshkit.geometry_image import (
        geometry_image,
        mesh_from_image,
        round_trip_error,
        sampling_matrix,
        vertices_from_image,
    )
    from meshkit.images.charts import corner_average, overlapped_texels, rasterize_mesh
    from meshkit.images.dilate import dilate_image, dilate_raster
    from meshkit.images.image_maps import (
        displace,
        height_map,
        image_normals,
        tangent_frames,
        to_object_space,
        to_tangent_space,
    )
    from meshkit.images.stitch import mesh_of_texels
    from meshkit.images.supersample import averaged_matrix, supersampled_matrix
    from meshkit.images.visibility import Visibility, advised_size, visibility
    from meshkit.io import load_mesh, save_mesh
    from meshkit.laplacian import (
        cotangent_laplacian,
        lumped_mass,
        mean_value_laplacian,
        uniform_laplacian,
    )
    from meshkit.mesh import Mesh
    from meshkit.operators.differential import divergence, gradient
    from meshkit.operators.geodesics import HeatGeodesics, geodesic_distance
    from meshkit.operators.intrinsic import delaunay_laplacian, intrinsic_delaunay
    from meshkit.operators.laplacian_batch import CotangentStructure
    from meshkit.operators.mass import full_mass, voronoi_mass
    from meshkit.operators.robust import robust_laplacian
    from meshkit.operators.spectrum import eigenpairs
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
    "meshkit.operators.intrinsic": ["delaunay_laplacian", "intrinsic_delaunay"],
    "meshkit.operators.robust": ["robust_laplacian"],
    "meshkit.operators.mass": ["full_mass", "voronoi_mass"],
    "meshkit.operators.differential": ["divergence", "gradient"],
    "meshkit.operators.spectrum": ["eigenpairs"],
    "meshkit.operators.geodesics": ["HeatGeodesics", "geodesic_distance"],
    "meshkit.operators.laplacian_batch": ["CotangentStructure"],
    "meshkit.flattening.boundary": ["circle_boundary", "square_boundary"],
    "meshkit.flattening.convex_border": ["polygon_boundary", "rectangle_boundary"],
    "meshkit.flattening.balance": ["Balance", "balance_uv"],
    "meshkit.param": ["Parameterization", "flipped_faces", "harmonic_uv", "parameterize"],
    "meshkit.raster": ["UVRaster", "raster_matrix", "rasterize_uv", "vertices_seen"],
    "meshkit.geometry_image": [
        "geometry_image",
        "mesh_from_image",
        "round_trip_error",
        "sampling_matrix",
        "vertices_from_image",
    ],
    "meshkit.images.charts": ["corner_average", "overlapped_texels", "rasterize_mesh"],
    "meshkit.images.supersample": ["averaged_matrix", "supersampled_matrix"],
    "meshkit.images.dilate": ["dilate_image", "dilate_raster"],
    "meshkit.images.visibility": ["Visibility", "advised_size", "visibility"],
    "meshkit.images.image_maps": [
        "displace",
        "height_map",
        "image_normals",
        "tangent_frames",
        "to_object_space",
        "to_tangent_space",
    ],
    "meshkit.images.stitch": ["mesh_of_texels"],
    "meshkit.doctor.cut": ["Cut", "cut_to_disk", "seam_uv"],
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
