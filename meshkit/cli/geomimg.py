"""`meshkit geomimg`: resample a mesh into an image."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshkit.cli.parameters import (
    FILE,
    MAX_SIDE,
    check_outputs,
    component_option,
    flag,
    json_option,
    output_option,
    parse_size,
    preview_option,
)
from meshkit.cli.streams import streams

if TYPE_CHECKING:
    import numpy as np

    from meshkit.images.layout import Layout
    from meshkit.mesh import Mesh
    from meshkit.raster import UVRaster

# What a mesh with a map of its own must not have; it need not be a disk.
REFUSED = {"not-finite", "extreme-coordinates", "missing-vertices", "repeated-corners", "no-faces"}


@click.command()
@click.argument("mesh", type=FILE)
@output_option(
    "MESH's stem + _geomimg.npz",
    more=", as .npz (exact), .exr (float32) or .png (16 bits; scale and offset in its text fields)",
)
@click.option(
    "--size",
    default="64",
    show_default=True,
    callback=parse_size,
    metavar="N|HxW",
    help="Height and width in texels.",
)
@flag(
    "--maps",
    "Also write face_index, bary, F, UV, vertices_seen and, if the map is symmetric, mirror (the "
    "vertex opposite each): into OUT if it is an .npz, else into a file beside it, OUT's stem + "
    "_maps.npz.",
)
@click.option(
    "--fill-holes/--no-fill-holes",
    default=True,
    help="Fill holes with faces, so that no texel inside is empty.  [default: fill]",
)
@click.option(
    "--samples",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="K",
    help="Average K x K samples per texel instead of taking its centre, so that more vertices "
    "contribute.",
)
@click.option(
    "--dilate",
    type=click.IntRange(0, 1024),
    default=0,
    show_default=True,
    metavar="RINGS",
    help="Extend the image by this many rings of texels around the mesh, for texture filters. They "
    "repeat the nearest texel and count as inside.",
)
@flag(
    "--visibility",
    "Also report how many texels a vertex gets, and the smallest size that samples 99 % of "
    "the vertices.",
)
@flag("--new-uv", "Flatten MESH even if it has texture coordinates.")
@flag("--allow-seams", "Accept texture coordinates in several charts.")
@component_option
@preview_option
@json_option
@streams("mesh")
def geomimg(
    mesh: Path,
    output: Path | None,
    size: tuple[int, int],
    maps: bool,
    fill_holes: bool,
    samples: int,
    dilate: int,
    visibility: bool,
    new_uv: bool,
    allow_seams: bool,
    component: int | str | None,
    preview: Path | None,
    as_json: bool,
) -> None:
    """Resample MESH into a geometry image: the positions of its surface on a grid over its UV.

    If MESH has no texture coordinates it is first flattened onto the unit square, as meshkit uvmap
    does. Row 0 of the image is v = 0; .exr and .png store the rows from the top, so that viewers
    show v upwards. Texels outside are 0 and marked as such (array inside, or alpha).

    Example: meshkit geomimg face.obj --size 128 -o face.exr --preview look.png
    """
    output = output or Path(f"{mesh.stem}_geomimg.npz")
    from meshkit.images.image_files import check_suffix, maps_path

    beside = maps_path(output) if maps and maps_path(output) != output else None
    check_outputs([mesh], {"-o": output, "--preview": preview, "--maps": beside})
    check_suffix(output)
    import numpy as np

    from meshkit.cli.geomimg_report import measure, rows
    from meshkit.cli.messages import about, print_report, say_unseen
    from meshkit.images.dilate import dilate_image
    from meshkit.images.supersample import averaged_matrix
    from meshkit.raster import rasterize_uv

    if max(size) * samples > MAX_SIDE:
        raise click.UsageError(
            f"Reduce --size or --samples: together they allow at most {MAX_SIDE} samples per side."
        )
    with about(mesh):
        loaded, layout = _lay_out(
            mesh, component, fill_holes=fill_holes, new_uv=new_uv, allow_seams=allow_seams
        )
        fine = rasterize_uv(layout.UV, layout.F_uv, (size[0] * samples, size[1] * samples))
        S = averaged_matrix(layout.F, fine, len(loaded.V), samples)
        image, inside = (S @ loaded.V).reshape(*size, 3), np.diff(S.indptr).reshape(size) > 0
        report = measure(loaded, layout, S, image, inside, visible=visibility)
        image, inside = dilate_image(image, inside, dilate)
        arrays = _maps(loaded, layout, size, fine, samples) if maps else None
        title = f"{mesh.name}: {size[0]} x {size[1]} texels"
        written = _write(output, preview, image, inside, arrays, title)
    report = {"input": mesh, "output": output, "files": written, "preview": preview, **report}
    report["samples"], report["dilated"] = samples, dilate
    remedy = "Use meshkit uvmap --balance first, a larger --size, or --samples K,"
    share = report["vertices_seen"].values()
    say_unseen(mesh, next(iter(share)), f"{size[0]} × {size[1]}", remedy)
    print_report(report, rows(report), as_json, files=(*written, preview))


def _lay_out(
    path: Path, component: int | str | None, *, fill_holes: bool, new_uv: bool, allow_seams: bool
) -> "tuple[Mesh, Layout]":
    from meshkit.cli.source import open_mesh, require, require_disk, say_added
    from meshkit.images.layout import file_layout, made_layout
    from meshkit.param import parameterize
    from meshkit.repair import follow

    mesh = open_mesh(path, component)
    if not new_uv and (mesh.UV is not None or mesh.UV_corner is not None):
        require(path, mesh, REFUSED)
        return mesh, file_layout(mesh, fill_holes=fill_holes, allow_seams=allow_seams)
    require_disk(path, mesh)
    flat = parameterize(mesh.V, mesh.F, fill_holes=fill_holes, ears="auto")
    if flat.repair is not None:
        say_added(path, len(flat.repair.V) - len(mesh.V))
        mesh = follow(mesh, flat.repair)
    return mesh, made_layout(flat)


def _maps(
    mesh: "Mesh", layout: "Layout", size: tuple[int, int], fine: "UVRaster", samples: int
) -> "dict[str, np.ndarray]":
    """Return what `meshkit.nn.GeometryMapping` and others need to make such images themselves."""
    from meshkit.raster import rasterize_uv, touched_vertices

    centres = fine if samples == 1 else rasterize_uv(layout.UV, layout.F_uv, size)
    mirror = layout.mirror(mesh)
    return {
        "face_index": centres.face_index,
        "bary": centres.bary,
        "F": layout.F,
        "fill_mask": layout.fill_mask,
        "UV": layout.UV,
        "F_uv": layout.F_uv,
        "vertices_seen": touched_vertices(layout.F, fine, len(mesh.V)),
        **({} if mirror is None else {"mirror": mirror}),
    }


def _write(
    output: Path,
    preview: Path | None,
    image: "np.ndarray",
    inside: "np.ndarray",
    maps: "dict[str, np.ndarray] | None",
    title: str,
) -> list[Path]:
    from meshkit.files import optional_path
    from meshkit.images.image_files import save_image_file
    from meshkit.render import save_png
    from meshkit.rendering.image_picture import draw_image_preview

    with optional_path(preview) as aside:  # all files or none
        if aside is not None:
            save_png(aside, draw_image_preview(image, inside, title))
        return save_image_file(output, image, inside, maps=maps)
