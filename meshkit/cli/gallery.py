"""What `meshkit render` does: open meshes, draw them in one frame, write one picture."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from meshkit.mesh import Mesh
    from meshkit.render import Backend, Frame, Mode


class Options(NamedTuple):
    """What the command line asks for, by the names of its options."""

    mode: "Mode"
    view: tuple[float, float]  # yaw, pitch in degrees
    perspective: float | None
    size: tuple[int, int] | None
    field: str | None
    colormap: str | None
    limits: tuple[float, float] | None
    sheet: int | None  # columns
    turntable: int | None  # frames; None: a still
    seconds: float | None
    backend: "Backend"


def draw_gallery(paths: tuple[Path, ...], output: Path, options: Options) -> dict[str, Any]:
    """Draw the meshes of some files in one frame and write the picture; return the report."""
    from meshkit.render import contact_sheet, render_mesh, save_gif, save_png
    from meshkit.rendering.animation import frame_durations

    seconds = 4.0 if options.seconds is None else options.seconds
    if options.turntable is not None:
        frame_durations(options.turntable, seconds)  # refuse before the work
    several = len(paths) > 1 or options.sheet is not None
    columns = options.sheet or round(len(paths) ** 0.5 + 0.499)
    size = options.size or ((256, 256) if several else (512, 512))
    window: dict[str, Any] = {"size": size, "perspective": options.perspective}
    meshes = [_open(path) for path in paths]
    looks = [_look(path, mesh, options) for path, mesh in zip(paths, meshes, strict=True)]
    scale = _common_scale(looks, options)
    views, frame = _views(meshes, options, window)
    labels = [path.stem for path in paths]
    if len(set(labels)) < len(labels):
        labels = [str(path) for path in paths]
    drawn: dict[str, Any] = {**window, "mode": options.mode, "backend": options.backend}
    pictures = []
    for view in views:
        tiles = [
            render_mesh(mesh.V, mesh.F, view=view, frame=frame, **drawn, **look)
            for mesh, look in zip(meshes, looks, strict=True)
        ]
        whole = contact_sheet(tiles, columns, labels) if several else tiles[0]
        pictures.append(_with_bar(whole, scale, options))
    loop: dict[str, Any] = {}
    if options.turntable is None:
        save_png(output, pictures[0])
    else:
        loop["loop_seconds"] = save_gif(output, pictures, seconds=seconds)
    return {
        "inputs": list(map(str, paths)),
        "output": output,
        "mode": options.mode,
        "yaw": options.view[0],
        "pitch": options.view[1],
        "perspective": options.perspective,
        "size": list(size),
        "picture": list(pictures[0].shape[:2]),
        "frame": {"center": frame.center.tolist(), "half_extent": frame.half_extent},
        "frames": options.turntable,
        **loop,
        **scale,
        "backend": "plain" if options.backend == "auto" else options.backend,
        "vertices": [len(mesh.V) for mesh in meshes],
        "faces": [len(mesh.F) for mesh in meshes],
    }


def _views(
    meshes: "list[Mesh]", options: Options, window: dict[str, Any]
) -> "tuple[list[np.ndarray], Frame]":
    import numpy as np

    from meshkit.render import frame_around, frame_of, turntable, turntable_views

    # Vertices in no face are not seen, wherever they are.
    points = np.concatenate([mesh.V[np.unique(mesh.F)] for mesh in meshes])
    if options.turntable is None:
        view = turntable(*options.view)
        return [view], frame_of(points, view=view, **window)
    views = turntable_views(options.turntable, *options.view)
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


def _with_bar(picture: "np.ndarray", scale: dict[str, Any], options: Options) -> "np.ndarray":
    if options.field is None:
        return picture
    from meshkit.render import beside, color_bar

    low, high = scale["limits"]
    label = Path(options.field).stem if options.field.endswith(".npy") else options.field
    bar = color_bar(len(picture), (low, high), scale["colormap"], label=label)
    return beside(picture, bar)
