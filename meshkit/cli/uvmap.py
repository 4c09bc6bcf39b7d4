"""`meshkit uvmap`: flatten a disk."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.map_options import map_arguments, map_options
from meshkit.cli.parameters import (
    FILE,
    check_outputs,
    component_option,
    flag,
    json_option,
    output_option,
    parse_vertices,
    preview_option,
)
from meshkit.cli.streams import streams

if TYPE_CHECKING:
    from meshkit.flattening.cut import Cut
    from meshkit.mesh import Mesh
    from meshkit.param import Parameterization

SIZES = (64, 128, 256)  # for which the summary counts empty texels and vertices seen


@click.command()
@click.argument("template", type=FILE)
@output_option("TEMPLATE's stem + _uv.obj", more=", in any format that stores texture coordinates")
@map_options
@flag(
    "--fill-holes",
    "Fill holes while flattening, so that an image of the map has no empty texel. OUT keeps "
    "TEMPLATE's own faces.",
)
@flag(
    "--cut",
    "First cut a closed surface or handles open along a short seam. OUT keeps its vertices; "
    "those on the seam have several texture coordinates.",
)
@click.option(
    "--through",
    callback=parse_vertices,
    metavar="I,J,…",
    help="With --cut, for a surface without handles: vertices that the seam visits in this order, "
    "such as where it is least visible. It begins on the longest boundary loop, if there is one.  "
    "[default: closed surfaces open between two vertices far apart]",
)
@component_option
@preview_option
@json_option
@streams("template", output="output")
def uvmap(
    template: Path,
    output: Path | None,
    fill_holes: bool,
    cut: bool,
    through: list[int] | None,
    component: int | str | None,
    preview: Path | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Flatten TEMPLATE and write it with texture coordinates.

    TEMPLATE is a disk, with or without holes; with --cut it may be any surface of one component.
    The longest boundary loop is mapped to the boundary of the unit square, by arc length.

    Vertices and faces keep their order; --component keeps those of the component, and --ears may
    append vertices. Texture coordinates that the file already has are replaced.

    Example: meshkit uvmap face.obj --fill-holes --balance 64 --preview map.png
    """
    output = output or Path(f"{template.stem}_uv.obj")
    check_outputs([template], {"-o": output, "--preview": preview})
    from meshkit.cli.messages import about, print_report
    from meshkit.cli.source import CURED_BY_CUT, open_mesh, require_disk, say_added
    from meshkit.flattening.cut import cut_to_disk, split_cut_ears, uncut
    from meshkit.io import WITHOUT_UV
    from meshkit.param import parameterize
    from meshkit.repair import follow

    arguments = map_arguments(choices, cut=cut)
    if through is not None and not cut:
        raise click.UsageError("Add --cut: --through names vertices of its seam.")
    if output.suffix.lower() in WITHOUT_UV:
        raise click.UsageError(
            f"Choose another format for -o {output}: {output.suffix} stores no texture coordinates."
        )
    with about(template):
        mesh = open_mesh(template, component)
        require_disk(template, mesh, ignore=CURED_BY_CUT if cut else frozenset())
        given = len(mesh.V)
        opened = cut_to_disk(mesh.V, mesh.F, through=through) if cut else uncut(mesh.V, mesh.F)
        flat = parameterize(opened.V, opened.F, fill_holes=fill_holes, **arguments)
        if flat.repair is not None:
            whole, opened = split_cut_ears(mesh.V, mesh.F, opened, flat.repair)
            mesh = follow(replace(mesh, UV=None, UV_corner=None, F_uv=None), whole)
        report = _measure(mesh, opened, flat)
    shape = _shape(choices)
    _write(output, preview, (mesh, opened, flat), f"{template.name}: {shape}")
    files = {"input": template, "output": output, "preview": preview}
    asked = {"method": choices["method"], "boundary": shape, "ears": choices["ears"]}
    report = {**files, **asked, **report, "added_vertices": len(mesh.V) - given}
    if choices["ears"] == "auto":
        say_added(template, report["added_vertices"])
    if report["flips"] or report["zero_area"]:
        remedy = "--method slim" if choices["method"] in ("lscm", "arap") else "--weights auto"
        click.echo(
            f"warning: use {remedy} to avoid {report['flips']} flipped faces and "
            f"{report['zero_area']} without area in the map of {template}",
            err=True,
        )
    _say_unseen(template, report)
    print_report(report, _rows(report, fill_holes), as_json, files=(output, preview))


def _say_unseen(template: Path, report: dict[str, Any]) -> None:
    from meshkit.cli.messages import say_unseen

    balance = report["balance"]
    if balance is None:
        size, remedy = f"{SIZES[0]} × {SIZES[0]}", f"Use --balance {SIZES[0]}, or larger images,"
        say_unseen(template, report["vertices_seen"][str(SIZES[0])], size, remedy)
    else:
        size = "{} × {}".format(*balance["size"])
        remedy = "Make larger images, or geomimg --samples K,"
        say_unseen(template, balance["seen_after"], size, remedy)


def _shape(choices: dict[str, Any]) -> str:
    if choices["method"] != "harmonic":
        return "free"
    return "polygon" if choices["polygon"] is not None else str(choices["boundary"])


def _measure(mesh: "Mesh", opened: "Cut", flat: "Parameterization") -> dict[str, Any]:
    import numpy as np

    from meshkit.distortion import percentiles
    from meshkit.images.texels import count_empty
    from meshkit.raster import rasterize_uv, vertices_seen

    empty, seen = {}, {}
    for n in SIZES:
        raster = rasterize_uv(flat.UV, flat.F, (n, n))
        empty[str(n)] = count_empty(flat.UV, flat.loops[0], raster)
        seen[str(n)] = vertices_seen(opened.vertex_map[flat.F], raster, len(mesh.V))
    spread = percentiles(flat.distortion)
    return {
        "vertices": len(mesh.V),
        "faces": len(mesh.F),
        "fill_faces": int(flat.fill_mask.sum()),
        "loops": [len(loop) for loop in flat.loops],
        "seam_edges": len(opened.seam),
        "seam_length": opened.length,
        "weights": flat.weights,
        "flips": len(flat.flips),
        "zero_area": len(flat.zero_area),
        "empty_texels": empty,
        "vertices_seen": seen,
        "angle": spread["angle"],
        "area": spread["area"],
        "mirror": None
        if flat.mirror is None
        else {"pairs": int((flat.mirror > np.arange(len(flat.mirror))).sum())},
        "balance": flat.balance
        and {name: x for name, x in flat.balance._asdict().items() if name != "UV"},
    }


def _write(
    output: Path,
    preview: Path | None,
    result: "tuple[Mesh, Cut, Parameterization]",
    title: str,
) -> None:
    from meshkit.files import optional_path
    from meshkit.flattening.cut import seam_uv
    from meshkit.io import save_mesh
    from meshkit.render import save_png
    from meshkit.rendering.uv_picture import draw_uv_preview

    mesh, opened, flat = result
    with optional_path(preview) as aside:  # both files or none
        if aside is not None:
            save_png(aside, draw_uv_preview(opened.V, opened.F, flat, title))
        save_mesh(output, seam_uv(mesh, opened, flat.UV))


def _rows(report: dict[str, Any], fill_holes: bool) -> dict[str, str]:
    from meshkit.cli.messages import percent, spread

    holes = len(report["loops"]) - 1
    state = f" (holes {'filled' if fill_holes else 'open'})" if holes else ""
    empty, seen = report["empty_texels"], report["vertices_seen"]
    return {
        "mesh": f"{report['vertices']} vertices, {report['faces']} faces",
        "boundary loops": ", ".join(map(str, report["loops"])) + state,
        "seam": f"{report['seam_edges']} edges, length {report['seam_length']:.4g}"
        if report["seam_edges"]
        else "",
        "boundary": report["boundary"],
        "method": report["method"] if report["method"] != "harmonic" else "",
        "weights": report["weights"],
        "vertices added": str(report["added_vertices"] or ""),
        "mirror symmetry": f"{report['mirror']['pairs']} pairs of vertices"
        if report["mirror"]
        else "",
        "balanced": _balance_in_words(report["balance"]),
        "flipped faces": str(report["flips"]),
        "faces without area": str(report["zero_area"]),
        "angle distortion": spread(report["angle"]),
        "area distortion": spread(report["area"]),
        "empty texels": ", ".join(f"{n} at {size}²" for size, n in empty.items()),
        "vertices in a texel": ", ".join(
            f"{percent(share)} at {size}²" for size, share in seen.items()
        ),
    }


def _balance_in_words(balance: dict[str, Any] | None) -> str:
    from meshkit.cli.messages import percent

    if balance is None:
        return ""
    H, W = balance["size"]
    return (
        f"{percent(balance['seen_before'])} -> {percent(balance['seen_after'])} of the vertices in "
        f"{H} × {W} texels, 95th percentile of angle {balance['angle_before']:.2f} -> "
        f"{balance['angle_after']:.2f}"
    )
