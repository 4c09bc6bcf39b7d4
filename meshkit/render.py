"""Pictures of meshes: shading, normals, wireframes, checkers, fields; stills, sheets, turntables.

The viewer looks along -z of the view, x to the right and y up: the picture of a face in the
project's frame (y up, looking to +z) is its front. A rotation `view` takes mesh coordinates to
view coordinates, ``P = V @ view.T``. Row 0 is the top of a picture; samples lie at the centres of
(sub)pixels and belong to the nearest face, of faces that are level to the lowest index.

Faces seen from behind are drawn, not culled: bluish in all modes that are lit, with a blue channel
below one half in "normals", so that a flipped face or an inside-out mesh is visible as what it is.

This module is the public one; the parts are in `meshkit.rendering`.
"""

from meshkit.normals import vertex_normals
from meshkit.rendering.animation import save_gif
from meshkit.rendering.camera import (
    YAW,
    Frame,
    View,
    frame_around,
    frame_of,
    turntable,
    turntable_views,
)
from meshkit.rendering.color_bar import beside, color_bar
from meshkit.rendering.colormaps import COLORMAPS, apply_colormap, default_limits
from meshkit.rendering.mesh_picture import (
    VisibleSurface,
    render_mesh,
    render_normals,
    visible_surface,
)
from meshkit.rendering.paint import MODES, Mode
from meshkit.rendering.sheets import contact_sheet, save_png
from meshkit.rendering.surface import checker
from meshkit.rendering.visibility import BACKENDS, Backend

__all__ = [
    "BACKENDS",
    "COLORMAPS",
    "MODES",
    "YAW",
    "Backend",
    "Frame",
    "Mode",
    "View",
    "VisibleSurface",
    "apply_colormap",
    "beside",
    "checker",
    "color_bar",
    "contact_sheet",
    "default_limits",
    "frame_around",
    "frame_of",
    "render_mesh",
    "render_normals",
    "save_gif",
    "save_png",
    "turntable",
    "turntable_views",
    "vertex_normals",
    "visible_surface",
]
