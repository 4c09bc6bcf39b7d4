"""`meshkit render`: pictures of meshes."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.gallery import Options, draw_gallery
from meshkit.cli.parameters import FILE, check_outputs, json_option, parse_size
from meshkit.cli.streams import streams

if TYPE_CHECKING:
    from meshkit.render import Backend, Mode

# Written out: their home modules load numpy, and --help is to come at once. A test compares.
MODES = ("shaded", "normals", "wireframe", "uv-checker", "scalar", "geometry")
BACKENDS = ("auto", "plain", "open3d", "pytorch3d")
COLORMAPS = ("viridis", "coolwarm")
YAW = {"front": 0.0, "three-quarter": -38.0, "profile": -90.0}


def parse_view(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, float]:
    """Return (yaw, pitch) in degrees of a name or of ``YAW,PITCH``."""
    if value in YAW:
        return YAW[value], 0.0
    yaw, pitch = parse_pair(ctx, param, value, f" nor one of {', '.join(YAW)}")
    return yaw, pitch


def parse_pair(
    ctx: click.Context, param: click.Parameter, value: str | None, other: str = ""
) -> Any:
    """Return two finite numbers separated by a comma, or None."""
    if value is None:
        return None
    try:
        numbers = tuple(float(word) for word in value.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 2 or not all(abs(number) < float("inf") for number in numbers):
        kind = "neither two numbers A,B" if other else "not two numbers A,B"
        raise click.BadParameter(f"{value!r} is {kind}{other}")
    return numbers


@click.command()
@click.argument("meshes", nargs=-1, required=True, type=FILE, metavar="MESH...")
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="OUT",
    help=".png, or .gif with --turntable. Default for one mesh: its stem + _render.png or .gif "
    "in the current folder.",
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="shaded",
    show_default=True,
    help="wireframe: shaded, with the edges that are seen. uv-checker: 16 x 16 squares on the "
    "file's texture coordinates. scalar: --field in colours. geometry: x, y, z as red, green, "
    "blue over the mesh's extent.",
)
@click.option(
    "--view",
    default="front",
    show_default=True,
    callback=parse_view,
    metavar="front|three-quarter|profile|YAW,PITCH",
    help="In degrees: positive yaw turns the front (+z) to the right, positive pitch shows more "
    "of the top.",
)
@click.option(
    "--perspective",
    type=click.FloatRange(0.1, 170),
    metavar="FOV",
    help="Vertical field of view in degrees.  [default: orthographic]",
)
@click.option(
    "--size",
    callback=lambda ctx, param, value: None if value is None else parse_size(ctx, param, value),
    metavar="N|HxW",
    help="Pixels of each picture.  [default: 512; in a sheet 256]",
)
@click.option(
    "--field",
    metavar="NAME|FILE.npy",
    help="One number per vertex or per face: a .npy file, an array of a .npz mesh, or x, y, z, "
    "valence, face-area, area-distortion, angle-distortion (these two: log2).",
)
@click.option("--colormap", type=click.Choice(COLORMAPS), help="[default: viridis]")
@click.option(
    "--limits",
    callback=parse_pair,
    metavar="LOW,HIGH",
    help="Values at the ends of the colour bar.  [default: the field's; for coolwarm +-largest]",
)
@click.option(
    "--sheet",
    type=click.IntRange(1, 100),
    metavar="COLUMNS",
    help="Columns of the contact sheet of several meshes, all in one frame.  [default: square]",
)
@click.option(
    "--turntable",
    type=click.IntRange(2, 720),
    metavar="FRAMES",
    help="One full turn from --view as a GIF that loops.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.04, 600),
    help="Duration of the turn.  [default: 4]",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="auto",
    show_default=True,
    help="What finds the visible faces: plain is numpy, open3d Embree on the CPU (extra [scan]), "
    "pytorch3d a GPU. auto is plain.",
)
@json_option
@streams("meshes")
def render(
    meshes: tuple[Path, ...],
    output: Path | None,
    mode: "Mode",
    view: tuple[float, float],
    perspective: float | None,
    size: tuple[int, int] | None,
    field: str | None,
    colormap: str | None,
    limits: tuple[float, float] | None,
    sheet: int | None,
    turntable: int | None,
    seconds: float | None,
    backend: "Backend",
    as_json: bool,
) -> None:
    """Draw MESH, or a labelled contact sheet of several in one common frame.

    Faces seen from behind are bluish. Vertex colours of the file are used by shaded and wireframe.

    Example: meshkit render faces/*.obj --mode normals --sheet 4 -o sheet.png
    """
    start = time.perf_counter()
    _check_usage(mode, field, colormap, limits, turntable, seconds)
    several = len(meshes) > 1 or sheet is not None
    options = Options(
        _output(meshes, output, turntable),
        mode,
        *view,
        perspective,
        size or ((256, 256) if several else (512, 512)),
        field,
        colormap,
        limits,
        (sheet or round(len(meshes) ** 0.5 + 0.499)) if several else None,
        turntable,
        4.0 if seconds is None else seconds,
        backend,
    )
    _print({**draw_gallery(meshes, options), "seconds": time.perf_counter() - start}, as_json)


def _check_usage(
    mode: str,
    field: str | None,
    colormap: str | None,
    limits: object,
    turntable: int | None,
    seconds: float | None,
) -> None:
    if mode == "scalar" and field is None:
        raise click.UsageError("--mode scalar needs --field")
    given = {"--field": field, "--colormap": colormap, "--limits": limits}
    for name, value in given.items():
        if mode != "scalar" and value is not None:
            raise click.UsageError(f"{name} has no effect in --mode {mode}: add --mode scalar")
    if turntable is None and seconds is not None:
        raise click.UsageError("--seconds has no effect without --turntable")


def _output(meshes: tuple[Path, ...], output: Path | None, turntable: int | None) -> Path:
    suffix = ".png" if turntable is None else ".gif"
    if output is None and len(meshes) > 1:
        raise click.UsageError(f"name the picture of {len(meshes)} meshes with -o OUT{suffix}")
    output = output or Path(f"{meshes[0].stem}_render{suffix}")
    if output.suffix.lower() != suffix:
        kind = "a still picture" if turntable is None else "a turntable"
        raise click.UsageError(f"-o {output}: {kind} is a {suffix}")
    for mesh in meshes:
        check_outputs(mesh, {"-o": output})
    return output


def _print(report: dict[str, Any], as_json: bool) -> None:
    from meshkit.cli.messages import print_json, print_table

    if as_json:
        print_json(report)
        return
    H, W = report["picture"]
    fov = report["perspective"]
    rows = {
        "meshes": f"{len(report['inputs'])}, {sum(report['faces'])} faces",
        "mode": report["mode"],
        "view": f"yaw {report['yaw']:g}°, pitch {report['pitch']:g}°, "
        + ("orthographic" if fov is None else f"perspective {fov:g}°"),
        "picture": f"{H} × {W} pixels",
    }
    if report["frames"] is not None:
        rows["turn"] = f"{report['frames']} frames in {report['loop_seconds']:g} s, looping"
    if "limits" in report:
        low, high = report["field_range"]
        rows["field"] = f"{report['field']}: {low:.4g} to {high:.4g}"
        rows["colours"] = "{}: {:.4g} to {:.4g}".format(report["colormap"], *report["limits"])
    rows |= {"back end": report["backend"], "seconds": f"{report['seconds']:.2f}"}
    print_table(str(report["output"]), rows)
