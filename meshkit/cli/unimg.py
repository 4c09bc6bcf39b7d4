"""`meshkit unimg`: a geometry image becomes a mesh, a normal map, a height map."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import (
    FILE,
    check_outputs,
    file_option,
    flag,
    json_option,
    output_option,
    preview_option,
)

if TYPE_CHECKING:
    import numpy as np

    from meshkit.images.image_files import ImageFile
    from meshkit.mesh import Mesh


@click.command()
@click.argument("image", type=FILE)
@file_option(
    "--template",
    "MESH",
    "Use the faces and texture coordinates of this mesh, and sample IMAGE at its vertices.",
)
@flag("--grid", "Build a regular grid with one vertex per texel. The default without --template.")
@output_option("IMAGE's stem + _mesh.obj", more=", in any mesh format")
@click.option(
    "--stitch/--no-stitch",
    default=True,
    help="Merge boundary texels of a grid that coincide into one vertex.  [default: stitch]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="LENGTH",
    help="The largest distance at which texels are merged.  [default: 1/32768 of the diagonal]",
)
@file_option(
    "--normal-map",
    "OUT",
    "Also write the unit normals of IMAGE's surface as an image (.npz, .exr or .png).",
)
@flag(
    "--tangent-space",
    "Write the normal map relative to the template's surface, z along its normal.",
)
@file_option(
    "--height-map",
    "OUT",
    "Also write the signed distance of IMAGE's surface from the template's, along its normal.",
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

    With --template the mesh has the template's vertices, faces and texture coordinates; a vertex on
    a seam is the mean over its texture coordinates. As a grid it has one vertex per texel inside,
    and boundaries that coincide (of a closed surface that was cut) are stitched.

    Example: meshkit unimg face.exr --template face.obj -o back.obj
    """
    output = output or Path(f"{image.stem}_mesh.obj")
    outputs = {"-o": output, "--normal-map": normal_map, "--height-map": height_map}
    check_outputs(filter(None, (image, template)), {**outputs, "--preview": preview})
    _check_options(template, grid, tolerance, tangent_space, normal_map, height_map)
    from meshkit.cli.messages import about, print_report
    from meshkit.images.image_files import check_suffix, load_image_file
    from meshkit.images.texels import check_texels
    from meshkit.io import save_mesh
    from meshkit.render import render_mesh, save_png

    for path in filter(None, (normal_map, height_map)):
        check_suffix(path)
    source_image = load_image_file(image)
    if source_image.image.shape[2] != 3:
        channels = source_image.image.shape[2]
        raise click.ClickException(f"{image}: positions have 3 channels, this has {channels}")
    with about(image):
        check_texels(*source_image)
    with about(template or image):
        if template is None:
            mesh, facts = _as_grid(source_image, stitch=stitch, tolerance=tolerance)
        else:
            mesh, facts = _on_template(source_image, template)
        facts |= _write_maps(source_image, template, normal_map, height_map, tangent_space)
        if preview is not None:
            save_png(preview, render_mesh(mesh.V, mesh.F, size=(480, 480)))
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
        **facts,
    }
    print_report(report, _rows(report), as_json, files=(output, normal_map, height_map, preview))


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
        raise click.UsageError("Give either --template or --grid, not both.")
    if template is not None and tolerance is not None:
        raise click.UsageError("Give --tolerance without --template: it is for stitching a grid.")
    if template is None and (height_map is not None or tangent_space):
        name = "--height-map" if height_map is not None else "--tangent-space"
        raise click.UsageError(f"Add --template: {name} is relative to its surface.")
    if tangent_space and normal_map is None:
        raise click.UsageError("Add --normal-map: --tangent-space says how to write it.")


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
    return dataclasses.replace(template, V=V), {
        "seam_vertices": len(layout.seam),
        "from_template": {name: float(value) for name, value in spread.items()},
    }


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
    heights, tangential = image_maps.height_map(image, base, both)
    save_image_file(height_map, heights[..., None], both)
    heights = heights[both]
    return {
        "height": {"min": float(heights.min()), "max": float(heights.max())},
        "tangential": {"max": float(np.max(tangential[both]))},
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


def _rows(report: dict[str, Any]) -> dict[str, str]:
    H, W = report["size"]
    rows = {
        "image": f"{H} x {W} texels, {report['texels']} inside",
        "mesh": f"{report['vertices']} vertices, {report['faces']} faces",
    }
    if "stitched" in report:
        rows["stitched"] = f"{report['stitched']} texels share their vertex with another"
    if away := report.get("from_template"):
        rows["distance from the template"] = (
            f"mean {away['mean']:.3g}, 95 % up to {away['p95']:.3g}, largest {away['max']:.3g}"
        )
    if height := report.get("height"):
        rows["height"] = f"{height['min']:.3g} to {height['max']:.3g}"
        rows["not along the normal"] = f"up to {report['tangential']['max']:.3g}"
    return rows
