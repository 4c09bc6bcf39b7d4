"""`meshkit geomimg`: resample a mesh into an image."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import (
    FILE,
    check_outputs,
    component_option,
    json_option,
    parse_size,
    preview_option,
)

if TYPE_CHECKING:
    from meshkit.layout import Layout
    from meshkit.mesh import Mesh
    from meshkit.raster import UVRaster

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
@click.option("--new-uv", is_flag=True, help="Make a map even if MESH has texture coordinates.")
@click.option("--allow-seams", is_flag=True, help="Take texture coordinates in several pieces.")
@component_option
@preview_option
@json_option
def geomimg(
    mesh: Path,
    output: Path | None,
    size: tuple[int, int],
    maps: bool,
    fill_holes: bool,
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
    """
    output = output or Path(f"{mesh.stem}_geomimg.npz")
    from meshkit.image_files import check_suffix, maps_path

    check_outputs(mesh, {"-o": output, "--preview": preview})
    if maps and maps_path(output) != output:
        check_outputs(mesh, {"-o": output, "--maps": maps_path(output)})
    check_suffix(output)
    from meshkit.cli.messages import about
    from meshkit.raster import rasterize_uv

    start = time.perf_counter()
    with about(mesh):
        loaded, layout = _lay_out(
            mesh, component, fill_holes=fill_holes, new_uv=new_uv, allow_seams=allow_seams
        )
        raster = rasterize_uv(layout.UV, layout.F_uv, size)
        report = _measure(loaded, layout, raster)
        title = f"{mesh.name}: {size[0]} × {size[1]} texels".replace("×", "x")
        written = _write(output, preview, loaded, layout, raster, maps=maps, title=title)
    report = {"input": mesh, "output": output, "files": written, "preview": preview, **report}
    _print({**report, "seconds": time.perf_counter() - start}, as_json)


def _lay_out(
    path: Path, component: int | str | None, *, fill_holes: bool, new_uv: bool, allow_seams: bool
) -> "tuple[Mesh, Layout]":
    from meshkit.cli.source import open_mesh, require, require_disk
    from meshkit.layout import file_layout, made_layout
    from meshkit.param import parameterize

    mesh = open_mesh(path, component)
    if not new_uv and (mesh.UV is not None or mesh.UV_corner is not None):
        require(path, mesh, REFUSED)
        return mesh, file_layout(mesh, fill_holes=fill_holes, allow_seams=allow_seams)
    require_disk(path, mesh)
    return mesh, made_layout(parameterize(mesh.V, mesh.F, fill_holes=fill_holes))


def _measure(mesh: "Mesh", layout: "Layout", raster: "UVRaster") -> dict[str, Any]:
    from meshkit.distortion import percentiles
    from meshkit.raster import vertices_seen

    H, W = raster.face_index.shape
    size = str(H) if H == W else f"{H}x{W}"
    spread = percentiles(layout.distortion)
    return {
        "size": [H, W],
        "uv": "file" if layout.weights is None else "made",
        "weights": layout.weights,
        "vertices": len(mesh.V),
        "faces": len(mesh.F),
        "fill_faces": int(layout.fill_mask.sum()),
        "unfilled": layout.unfilled or None,
        "loops": list(layout.loops),
        "seam_vertices": len(layout.seam),
        "flips": len(layout.flips),
        "zero_area": len(layout.zero_area),
        "empty_texels": {size: int((raster.face_index < 0).sum())},
        "vertices_seen": {size: vertices_seen(layout.F, raster, len(mesh.V))},
        "angle": spread["angle"],
        "area": spread["area"],
    }


def _write(
    output: Path,
    preview: Path | None,
    mesh: "Mesh",
    layout: "Layout",
    raster: "UVRaster",
    *,
    maps: bool,
    title: str,
) -> list[Path]:
    import contextlib

    from meshkit.files import atomic_path
    from meshkit.geometry_image import geometry_image
    from meshkit.image_files import save_image_file
    from meshkit.texels import touched_vertices

    image = geometry_image(mesh.V, layout.F, raster)
    inside = raster.face_index >= 0
    arrays = {
        "face_index": raster.face_index,
        "bary": raster.bary,
        "F": layout.F,
        "fill_mask": layout.fill_mask,
        "UV": layout.UV,
        "F_uv": layout.F_uv,
        "vertices_seen": touched_vertices(layout.F, raster, len(mesh.V)),
    }
    with contextlib.ExitStack() as stack:  # all files or none
        if preview is not None:
            from PIL import Image

            from meshkit.image_picture import draw_image_preview

            picture = draw_image_preview(image, inside, title)
            Image.fromarray(picture).save(stack.enter_context(atomic_path(preview)), format="PNG")
        return save_image_file(output, image, inside, maps=arrays if maps else None)


def _print(report: dict[str, Any], as_json: bool) -> None:
    from meshkit.cli.messages import print_json, print_table, spread

    if as_json:
        print_json(report)
        return
    H, W = report["size"]
    holes = len(report["loops"]) - 1
    filled = "filled" if report["fill_faces"] else "open"
    if report["unfilled"]:
        filled = f"open: {report['unfilled']}"
    rows = {
        "mesh": f"{report['vertices']} vertices, {report['faces']} faces",
        "border loops": (", ".join(map(str, report["loops"])) or "none")
        + (f" (inner loops {filled})" if holes > 0 else ""),
        "map": "the file's texture coordinates"
        if report["weights"] is None
        else f"made: square, {report['weights']} weights",
        "seam": f"{report['seam_vertices']} vertices with several texture coordinates",
        "flipped faces": str(report["flips"]),
        "faces without area": str(report["zero_area"]),
        "angle distortion": spread(report["angle"]),
        "area distortion": spread(report["area"]),
        "empty texels": f"{next(iter(report['empty_texels'].values()))} of {H * W}",
        "vertices in a texel": f"{next(iter(report['vertices_seen'].values())):.0%}",
        "written": ", ".join(map(str, [*report["files"], *filter(None, [report["preview"]])])),
        "seconds": f"{report['seconds']:.2f}",
    }
    if not report["seam_vertices"]:
        del rows["seam"]
    print_table(str(report["input"]), rows)
