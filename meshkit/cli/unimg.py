"""`meshkit unimg`: a geometry image becomes a mesh, a normal map, a height map."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import FILE, check_outputs, json_option, preview_option

if TYPE_CHECKING:
    import numpy as np

    from meshkit.images.image_files import ImageFile
    from meshkit.mesh import Mesh


@click.command()
@click.argument("image", type=FILE)
@click.option(
    "--template",
    type=FILE,
    metavar="MESH",
    help="Take this mesh's faces and texture coordinates; sample IMAGE at its vertices.",
)
@click.option(
    "--grid",
    is_flag=True,
    help="Make a regular grid, a vertex for each texel. The default without --template.",
)
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="OUT",
    help="Any mesh format. Default: IMAGE's stem + _mesh.obj in the current folder.",
)
@click.option(
    "--stitch/--no-stitch",
    default=True,
    help="Make border texels of a grid that coincide one vertex.  [default: stitch]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="LENGTH",
    help="How far apart texels that coincide may be.  [default: 1/32768 of the diagonal]",
)
@click.option(
    "--normal-map",
    type=FILE,
    metavar="OUT",
    help="Also write the unit normals of IMAGE's surface as an image (.npz .exr .png).",
)
@click.option(
    "--tangent-space",
    is_flag=True,
    help="Write the normal map in the frames of the template's surface, z along its normal.",
)
@click.option(
    "--height-map",
    type=FILE,
    metavar="OUT",
    help="Also write the signed distance of IMAGE's surface from the template's, along its normal.",
)
@preview_option
@json_option
def unimg(
    image: Path,
    template: Path | None,
    grid: bool,
    output: Path | None,
    stitch: bool,
    tolerance: float | None,
    normal_map: Path | None,
    tangent_space: bool,
    height_map: Path | None,
    preview: Path | None,
    as_json: bool,
) -> None:
    """Turn IMAGE, a geometry image as meshkit geomimg writes it, back into a mesh.

    With --template the mesh has the template's vertices, faces and texture coordinates, and a
    vertex on a seam is the mean over its coordinates. As a grid it has a vertex for each texel
    inside; borders that coincide (an image of a closed surface cut open) are stitched.

    Example: meshkit unimg face.exr --template face.obj -o back.obj
    """
    output = output or Path(f"{image.stem}_mesh.obj")
    outputs = {"-o": output, "--normal-map": normal_map, "--height-map": height_map}
    for source in filter(None, (image, template)):
        check_outputs(source, {**outputs, "--preview": preview})
    _check_options(template, grid, tolerance, tangent_space, normal_map, height_map)
    from meshkit.cli.messages import about, print_json
    from meshkit.images.image_files import check_suffix, load_image_file
    from meshkit.io import save_mesh

    for path in filter(None, (normal_map, height_map)):
        check_suffix(path)
    start = time.perf_counter()
    source_image = load_image_file(image)
    if source_image.image.shape[2] != 3:
        channels = source_image.image.shape[2]
        raise click.ClickException(f"{image}: positions have 3 channels, this has {channels}")
    with about(template or image):
        if template is None:
            mesh, found = _as_grid(source_image, stitch=stitch, tolerance=tolerance)
        else:
            mesh, found = _on_template(source_image, template)
        found |= _write_maps(source_image, template, normal_map, height_map, tangent_space)
        if preview is not None:
            _draw(preview, mesh)
        save_mesh(output, mesh)
    H, W = source_image.inside.shape
    report = {
        "input": image,
        "template": template,
        "output": output,
        "preview": preview,
        "normal_map": normal_map,
        "height_map": height_map,
        "size": [H, W],
        "texels": int(source_image.inside.sum()),
        "vertices": len(mesh.V),
        "faces": len(mesh.F),
        **found,
        "seconds": time.perf_counter() - start,
    }
    if as_json:
        print_json(report)
    else:
        _print(report)


def _check_options(
    template: Path | None,
    grid: bool,
    tolerance: float | None,
    tangent_space: bool,
    normal_map: Path | None,
    height_map: Path | None,
) -> None:
    """Refuse as a usage error what contradicts, or would have no effect."""
    if template is not None and grid:
        raise click.UsageError("--template and --grid are two ways: choose one")
    if template is not None and tolerance is not None:
        raise click.UsageError("--tolerance is about stitching a grid, not --template")
    if template is None and (height_map is not None or tangent_space):
        name = "--height-map" if height_map is not None else "--tangent-space"
        raise click.UsageError(f"{name} is measured from a surface: give --template")
    if tangent_space and normal_map is None:
        raise click.UsageError("--tangent-space is about --normal-map: give its name")


def _as_grid(
    source: "ImageFile", *, stitch: bool, tolerance: float | None
) -> "tuple[Mesh, dict[str, Any]]":
    from meshkit.images.stitch import mesh_of_texels
    from meshkit.mesh import Mesh

    made = mesh_of_texels(source.image, source.inside, stitch=stitch, tolerance=tolerance)
    if made.stitched:
        mesh = Mesh(made.V, made.F, UV_corner=made.UV_corner, F_uv=made.F_uv)
    else:
        mesh = Mesh(made.V, made.F, UV=made.UV_corner)
    return mesh, {"stitched": made.stitched}


def _on_template(source: "ImageFile", path: Path) -> "tuple[Mesh, dict[str, Any]]":
    import dataclasses

    import numpy as np

    from meshkit.cli.source import open_mesh
    from meshkit.geometry_image import vertices_from_image
    from meshkit.images.layout import file_layout

    if not source.inside.any():
        raise click.ClickException("the image has no texel inside")
    template = open_mesh(path, None)
    layout = file_layout(template, fill_holes=False, allow_seams=True)
    V = vertices_from_image(
        source.image,
        template.F,
        len(template.V),
        layout.UV,
        F_uv=layout.F_uv,
        inside=source.inside,
    )
    alone = np.isnan(V).any(axis=1)
    moved = np.linalg.norm(V - template.V, axis=1)[~alone]
    V[alone] = template.V[alone]  # a vertex in no face has no texel
    spread = {"mean": moved.mean(), "p95": np.percentile(moved, 95), "max": moved.max()}
    found = {
        "seam_vertices": len(layout.seam),
        "from_template": {name: float(value) for name, value in spread.items()},
    }
    return dataclasses.replace(template, V=V), found


def _write_maps(
    source: "ImageFile",
    template: Path | None,
    normal_map: Path | None,
    height_map: Path | None,
    tangent_space: bool,
) -> dict[str, Any]:
    """Write the maps that were asked for; return the heights' range."""
    import numpy as np

    from meshkit.images import image_maps
    from meshkit.images.image_files import save_image_file

    image, inside = source
    base, both = _template_image(template, inside) if template else (image, inside)
    if normal_map is not None:
        if tangent_space:
            frames = image_maps.tangent_frames(base, both)
            normals = image_maps.to_tangent_space(image_maps.image_normals(image, both), frames)
        else:
            normals = image_maps.image_normals(image, inside)
        save_image_file(normal_map, normals, (normals != 0).any(axis=2))
    if height_map is None:
        return {}
    found = image_maps.height_map(image, base, both)
    save_image_file(height_map, found.height[..., None], both)
    heights = found.height[both]
    return {
        "height": {"min": float(heights.min()), "max": float(heights.max())},
        "tangential": {"max": float(np.max(found.tangential[both]))},
    }


def _template_image(template: Path, inside: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Return the template's own geometry image, and the texels that both images have."""
    from meshkit.geometry_image import geometry_image
    from meshkit.images.charts import rasterize_mesh
    from meshkit.io import load_mesh

    mesh = load_mesh(template)
    raster = rasterize_mesh(mesh, (inside.shape[0], inside.shape[1]))
    both = inside & (raster.face_index >= 0)
    if not both.any():
        raise click.ClickException("no texel lies inside both the image and the template's map")
    return geometry_image(mesh.V, mesh.F, raster), both


def _draw(path: Path, mesh: "Mesh") -> None:
    from meshkit.render import render_mesh, save_png

    save_png(path, render_mesh(mesh.V, mesh.F, size=(480, 480)))


def _print(report: dict[str, Any]) -> None:
    from meshkit.cli.messages import print_table

    H, W = report["size"]
    rows = {
        "image": f"{H} x {W} texels, {report['texels']} inside",
        "mesh": f"{report['vertices']} vertices, {report['faces']} faces",
    }
    if "stitched" in report:
        rows["stitched"] = f"{report['stitched']} texels share their vertex with another"
    if "from_template" in report:
        away = report["from_template"]
        rows["away from the template"] = (
            f"mean {away['mean']:.3g}, 95 % up to {away['p95']:.3g}, largest {away['max']:.3g}"
        )
    if "height" in report:
        height = report["height"]
        rows["height"] = f"{height['min']:.3g} to {height['max']:.3g}"
        rows["not along the normal"] = f"up to {report['tangential']['max']:.3g}"
    names = ("output", "normal_map", "height_map", "preview")
    rows["written"] = ", ".join(str(report[name]) for name in names if report[name])
    rows["seconds"] = f"{report['seconds']:.2f}"
    print_table(str(report["input"]), rows)
