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
    from meshkit.flattening.ears import flip_ears, split_ears
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
    from meshkit.registration.deformation_transfer import DeformationTransfer, match_faces
    from meshkit.registration.icp import RigidFit, find_pose, rigid_icp
    from meshkit.registration.landmarks import Landmarks, load_landmarks, vertex_landmarks
    from meshkit.registration.procrustes import generalized_procrustes, procrustes
    from meshkit.registration.quality import Quality, measure_fit
    from meshkit.registration.scan_file import load_scan
    from meshkit.registration.sequence import fit_sequence
    from meshkit.registration.similarity import Similarity
    from meshkit.registration.target import Target
    from meshkit.registration.template_fit import (
        FitOptions,
        TemplateFit,
        find_start,
        fit_template,
    )
    from meshkit.render import (
        contact_sheet,
        frame_of,
        render_mesh,
        render_normals,
        save_gif,
        save_png,
        turntable_views,
        vertex_normals,
        visible_surface,
    )
    from meshkit.repair import (
        Repair,
        drop_duplicates,
        drop_unreferenced,
        fill_holes,
        keep_component,
        merge_coincident,
        orient_faces,
        split_nonmanifold,
    )
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
    "meshkit.flattening.ears": ["flip_ears", "split_ears"],
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
    "meshkit.repair": [
        "Repair",
        "drop_duplicates",
        "drop_unreferenced",
        "fill_holes",
        "keep_component",
        "merge_coincident",
        "orient_faces",
        "split_nonmanifold",
    ],
    "meshkit.registration.similarity": ["Similarity"],
    "meshkit.registration.procrustes": ["generalized_procrustes", "procrustes"],
    "meshkit.registration.target": ["Target"],
    "meshkit.registration.scan_file": ["load_scan"],
    "meshkit.registration.landmarks": ["Landmarks", "load_landmarks", "vertex_landmarks"],
    "meshkit.registration.icp": ["RigidFit", "find_pose", "rigid_icp"],
    "meshkit.registration.template_fit": [
        "FitOptions",
        "TemplateFit",
        "find_start",
        "fit_template",
    ],
    "meshkit.registration.sequence": ["fit_sequence"],
    "meshkit.registration.quality": ["Quality", "measure_fit"],
    "meshkit.registration.deformation_transfer": ["DeformationTransfer", "match_faces"],
    "meshkit.render": [
        "contact_sheet",
        "frame_of",
        "render_mesh",
        "render_normals",
        "save_gif",
        "save_png",
        "turntable_views",
        "vertex_normals",
        "visible_surface",
    ],
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
    "DeformationTransfer",
    "DegenerateFaceError",
    "Distortion",
    "FileFormatError",
    "FitOptions",
    "HeatGeodesics",
    "Landmarks",
    "Mesh",
    "MeshError",
    "Parameterization",
    "Quality",
    "Repair",
    "RigidFit",
    "Similarity",
    "SolveError",
    "Target",
    "TemplateFit",
    "TopologyError",
    "UVRaster",
    "Visibility",
    "advised_size",
    "averaged_matrix",
    "balance_uv",
    "boundary_loop",
    "boundary_loops",
    "circle_boundary",
    "contact_sheet",
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
    "drop_duplicates",
    "drop_unreferenced",
    "edges",
    "eigenpairs",
    "euler_characteristic",
    "fill_holes",
    "find_pose",
    "find_start",
    "fit_sequence",
    "fit_template",
    "flip_ears",
    "flipped_faces",
    "frame_of",
    "full_mass",
    "generalized_procrustes",
    "geodesic_distance",
    "geometry_image",
    "gradient",
    "harmonic_uv",
    "height_map",
    "image_normals",
    "intrinsic_delaunay",
    "keep_component",
    "load_landmarks",
    "load_mesh",
    "load_scan",
    "lumped_mass",
    "match_faces",
    "mean_value_laplacian",
    "measure_fit",
    "merge_coincident",
    "mesh_from_image",
    "mesh_of_texels",
    "orient_faces",
    "overlapped_texels",
    "parameterize",
    "polygon_boundary",
    "procrustes",
    "raster_matrix",
    "rasterize_mesh",
    "rasterize_uv",
    "rectangle_boundary",
    "render_mesh",
    "render_normals",
    "rigid_icp",
    "robust_laplacian",
    "round_trip_error",
    "sampling_matrix",
    "save_gif",
    "save_mesh",
    "save_png",
    "seam_uv",
    "split_ears",
    "split_nonmanifold",
    "square_boundary",
    "supersampled_matrix",
    "tangent_frames",
    "to_object_space",
    "to_tangent_space",
    "turntable_views",
    "uniform_laplacian",
    "vertex_landmarks",
    "vertex_normals",
    "vertices_from_image",
    "vertices_seen",
    "visibility",
    "visible_surface",
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
