"""`meshkit geomimg`: resample a mesh into an image."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshkit.cli.parameters import (
    FILE,
    check_outputs,
    component_option,
    json_option,
    parse_size,
    preview_option,
)
from meshkit.cli.streams import streams

if TYPE_CHECKING:
    import numpy as np

    from meshkit.images.layout import Layout
    from meshkit.mesh import Mesh
    from meshkit.raster import UVRaster

LARGEST = 16384  # samples along a side

# What a mesh with a map of its own must not have; it need not be a disk.
REFUSED = {"not-finite", "extreme-coordinates", "missing-vertices", "repeated-corners", "no-faces"}


@click.command()
@click.argument("mesh", type=FILE)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="OUT",
    help=".npz (exact), .exr (float32) or .png (16 bits, scale and offset in its text fields). "
    "Default: MESH's stem + _geomimg.npz in the current folder.",
)
@click.option(
    "--size",
    default="64",
    show_default=True,
    callback=parse_size,
    metavar="N|HxW",
    help="Texels.",
)
@click.option(
    "--maps",
    is_flag=True,
    help="Also write face_index, bary, F, UV and vertices_seen: into an .npz itself, beside a "
    "picture as OUT's stem + _maps.npz.",
)
@click.option(
    "--fill-holes/--no-fill-holes",
    default=True,
    help="Cover inner loops with faces, so that no texel inside is empty.  [default: fill]",
)
@click.option(
    "--samples",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="K",
    help="Average K x K points per texel instead of its centre alone: no vertex goes unseen.",
)
@click.option(
    "--dilate",
    type=click.IntRange(0, 1024),
    default=0,
    show_default=True,
    metavar="RINGS",
    help="Repeat the nearest texel in so many rings around the mesh, for texture filters; the "
    "texels filled count as inside.",
)
@click.option(
    "--visibility",
    is_flag=True,
    help="Also say how many texels a vertex gets, and the least size that shows 99 % of them.",
)
@click.option("--new-uv", is_flag=True, help="Make a map even if MESH has texture coordinates.")
@click.option("--allow-seams", is_flag=True, help="Take texture coordinates in several pieces.")
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
    """Write the positions of MESH's surface on a grid of texels over its texture coordinates.

    Without texture coordinates MESH is flattened onto the unit square first, like meshkit uvmap
    does. Row 0 of the image is v = 0; .exr and .png store the rows top down, v falling, so that
    viewers show v upwards. Texels outside are 0, and marked (inside; alpha).

    Example: meshkit geomimg face.obj --size 128 -o face.exr --preview look.png
    """
    output = output or Path(f"{mesh.stem}_geomimg.npz")
    from meshkit.images.image_files import check_suffix, maps_path

    check_outputs(mesh, {"-o": output, "--preview": preview})
    if maps and maps_path(output) != output:
        check_outputs(mesh, {"-o": output, "--maps": maps_path(output)})
    check_suffix(output)
    import numpy as np

    from meshkit.cli.geomimg_report import measure, rows
    from meshkit.cli.messages import about, print_json, print_table
    from meshkit.images.dilate import dilate_image
    from meshkit.images.supersample import averaged_matrix
    from meshkit.raster import rasterize_uv

    if size[0] * samples > LARGEST or size[1] * samples > LARGEST:
        raise click.UsageError(f"--size times --samples is at most {LARGEST} samples a side")
    start = time.perf_counter()
    with about(mesh):
        loaded, layout = _lay_out(
            mesh, component, fill_holes=fill_holes, new_uv=new_uv, allow_seams=allow_seams
        )
        fine = rasterize_uv(layout.UV, layout.F_uv, (size[0] * samples, size[1] * samples))
        S = averaged_matrix(layout.F, fine, len(loaded.V), samples)
        image, inside = (S @ loaded.V).reshape(*size, 3), np.diff(S.indptr).reshape(size) > 0
        report = measure(loaded, layout, S, image, inside, visible=visibility)
        image, inside = dilate_image(image, inside, dilate)
        arrays = _maps(layout, size, fine, samples, len(loaded.V)) if maps else None
        title = f"{mesh.name}: {size[0]} x {size[1]} texels"
        written = _write(output, preview, image, inside, arrays, title)
    report = {"input": mesh, "output": output, "files": written, "preview": preview, **report}
    report["samples"], report["dilated"] = samples, dilate
    report["seconds"] = time.perf_counter() - start
    if as_json:
        print_json(report)
    else:
        print_table(str(mesh), rows(report))


def _lay_out(
    path: Path, component: int | str | None, *, fill_holes: bool, new_uv: bool, allow_seams: bool
) -> "tuple[Mesh, Layout]":
    from meshkit.cli.source import open_mesh, require, require_disk
    from meshkit.images.layout import file_layout, made_layout
    from meshkit.param import parameterize

    mesh = open_mesh(path, component)
    if not new_uv and (mesh.UV is not None or mesh.UV_corner is not None):
        require(path, mesh, REFUSED)
        return mesh, file_layout(mesh, fill_holes=fill_holes, allow_seams=allow_seams)
    require_disk(path, mesh)
    return mesh, made_layout(parameterize(mesh.V, mesh.F, fill_holes=fill_holes))


def _maps(
    layout: "Layout", size: tuple[int, int], fine: "UVRaster", samples: int, n_vertices: int
) -> "dict[str, np.ndarray]":
    """Return what `meshkit.nn.GeometryMapping` and others need to make such images themselves."""
    from meshkit.raster import rasterize_uv, touched_vertices

    centres = fine if samples == 1 else rasterize_uv(layout.UV, layout.F_uv, size)
    return {
        "face_index": centres.face_index,
        "bary": centres.bary,
        "F": layout.F,
        "fill_mask": layout.fill_mask,
        "UV": layout.UV,
        "F_uv": layout.F_uv,
        "vertices_seen": touched_vertices(layout.F, fine, n_vertices),
    }


def _write(
    output: Path,
    preview: Path | None,
    image: "np.ndarray",
    inside: "np.ndarray",
    maps: "dict[str, np.ndarray] | None",
    title: str,
) -> list[Path]:
    import contextlib

    from meshkit.files import atomic_path
    from meshkit.images.image_files import save_image_file

    with contextlib.ExitStack() as stack:  # all files or none
        if preview is not None:
            from PIL import Image

            from meshkit.rendering.image_picture import draw_image_preview

            picture = draw_image_preview(image, inside, title)
            Image.fromarray(picture).save(stack.enter_context(atomic_path(preview)), format="PNG")
        return save_image_file(output, image, inside, maps=maps)
