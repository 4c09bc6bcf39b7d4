"""What `meshkit render` does: open meshes, draw them in one frame, write one picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from meshkit.mesh import Mesh
    from meshkit.render import Backend, Frame, Mode


class Options(NamedTuple):
    """What the command line asks for, after the checks."""

    output: Path
    mode: "Mode"
    yaw: float
    pitch: float
    perspective: float | None
    size: tuple[int, int]
    field: str | None
    colormap: str | None
    limits: tuple[float, float] | None
    columns: int | None  # None: one picture without a label
    frames: int | None  # None: a still
    seconds: float
    backend: "Backend"


def draw_gallery(paths: tuple[Path, ...], options: Options) -> dict[str, Any]:
    """Draw the meshes of some files in one frame and write the picture; return the report."""
    from meshkit.render import contact_sheet, save_gif, save_png
    from meshkit.rendering.animation import frame_durations

    if options.frames is not None:
        frame_durations(options.frames, options.seconds)  # refuse before the work
    meshes = [_open(path) for path in paths]
    looks = [_look(path, mesh, options) for path, mesh in zip(paths, meshes, strict=True)]
    scale = _common_scale(looks, options)
    views, frame = _views(meshes, options)
    labels = [path.stem for path in paths]
    if len(set(labels)) < len(labels):
        labels = [str(path) for path in paths]
    pictures = []
    for view in views:
        tiles = [
            _tile(mesh, look, view, frame, options)
            for mesh, look in zip(meshes, looks, strict=True)
        ]
        whole = contact_sheet(tiles, options.columns, labels) if options.columns else tiles[0]
        pictures.append(_with_bar(whole, scale, options))
    written: dict[str, Any] = {}
    if options.frames is None:
        save_png(options.output, pictures[0])
    else:
        written["loop_seconds"] = save_gif(options.output, pictures, seconds=options.seconds)
    return {
        "inputs": list(map(str, paths)),
        "output": options.output,
        "mode": options.mode,
        "yaw": options.yaw,
        "pitch": options.pitch,
        "perspective": options.perspective,
        "size": list(options.size),
        "picture": list(pictures[0].shape[:2]),
        "frame": {"center": frame.center.tolist(), "half_extent": frame.half_extent},
        "frames": options.frames,
        **written,
        **scale,
        "backend": "plain" if options.backend == "auto" else options.backend,
        "vertices": [len(mesh.V) for mesh in meshes],
        "faces": [len(mesh.F) for mesh in meshes],
    }


def _views(meshes: "list[Mesh]", options: Options) -> "tuple[list[np.ndarray], Frame]":
    import numpy as np

    from meshkit.render import frame_around, frame_of, turntable, turntable_views

    # Vertices in no face are not seen, wherever they are.
    points = np.concatenate([mesh.V[np.unique(mesh.F)] for mesh in meshes])
    window: dict[str, Any] = {"size": options.size, "perspective": options.perspective}
    if options.frames is None:
        view = turntable(options.yaw, options.pitch)
        return [view], frame_of(points, view=view, **window)
    views = turntable_views(options.frames, options.yaw, options.pitch)
    return views, frame_around(points, views, **window)


def _open(path: Path) -> "Mesh":
    from meshkit.checks import check_mesh
    from meshkit.cli.messages import about
    from meshkit.io import load_mesh

    with about(path):
        mesh = load_mesh(path)
        check_mesh(mesh.V, mesh.F)
    return mesh


def _look(path: Path, mesh: "Mesh", options: Options) -> dict[str, Any]:
    """Return what the mode draws with."""
    from meshkit.cli.messages import about
    from meshkit.errors import MeshError
    from meshkit.rendering.fields import load_field

    with about(path):
        if options.mode in ("shaded", "wireframe"):
            return {"colors": mesh.colors}
        if options.mode == "uv-checker":
            if mesh.UV is not None:
                return {"UV": mesh.UV}
            if mesh.UV_corner is None:
                raise MeshError("there are no texture coordinates: meshkit uvmap makes them")
            return {"UV": mesh.UV_corner, "F_uv": mesh.F_uv}
        if options.field is not None:
            return {"field": load_field(options.field, mesh, path), "colormap": options.colormap}
    return {}


def _common_scale(looks: list[dict[str, Any]], options: Options) -> dict[str, Any]:
    """Give all fields one colour scale; return it for the report."""
    if options.field is None:
        return {}
    import numpy as np

    from meshkit.render import default_limits

    colormap = options.colormap or "viridis"
    values = np.concatenate([look["field"] for look in looks])
    limits = options.limits or default_limits(values, colormap)
    for look in looks:
        look["limits"] = limits
    extremes = [float(values.min()), float(values.max())]
    field = {"field": options.field, "colormap": colormap, "limits": list(limits)}
    return {**field, "field_range": extremes}


def _tile(
    mesh: "Mesh", look: dict[str, Any], view: "np.ndarray", frame: "Frame", options: Options
) -> "np.ndarray":
    from meshkit.render import render_mesh

    return render_mesh(
        mesh.V,
        mesh.F,
        size=options.size,
        mode=options.mode,
        view=view,
        frame=frame,
        perspective=options.perspective,
        backend=options.backend,
        **look,
    )


def _with_bar(picture: "np.ndarray", scale: dict[str, Any], options: Options) -> "np.ndarray":
    if options.field is None:
        return picture
    from meshkit.render import beside, color_bar

    low, high = scale["limits"]
    label = Path(options.field).stem if options.field.endswith(".npy") else options.field
    bar = color_bar(len(picture), (low, high), scale["colormap"], label=label)
    return beside(picture, bar)
