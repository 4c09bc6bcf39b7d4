"""`meshkit render`: pictures of meshes."""

from pathlib import Path
from typing import Any

import click

from meshkit.cli.gallery import Options
from meshkit.cli.parameters import FILE, check_outputs, json_option, output_option, parse_size
from meshkit.cli.streams import streams

# Written out: their home modules load numpy, and --help is to come at once. A test compares.
MODES = ("shaded", "normals", "wireframe", "uv-checker", "scalar", "geometry")
BACKENDS = ("auto", "plain", "open3d", "pytorch3d")
COLORMAPS = ("viridis", "coolwarm")
YAW = {"front": 0.0, "three-quarter": -38.0, "profile": -90.0}


def parse_view(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, float]:
    """Return (yaw, pitch) in degrees of a name or of ``YAW,PITCH``."""
    if value in YAW:
        return YAW[value], 0.0
    yaw, pitch = parse_pair(ctx, param, value, f" or one of {', '.join(YAW)}")
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
        raise click.BadParameter(f"Give two numbers A,B{other}, not {value!r}.")
    return numbers


@click.command()
@click.argument("meshes", nargs=-1, required=True, type=FILE, metavar="MESH...")
@output_option(
    "for a single MESH, its stem + _render.png or .gif", more=": a .png, or a .gif with --turntable"
)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    default="shaded",
    show_default=True,
    help="shaded: clay, or the file's vertex colours. normals: x, y, z as red, green, blue. "
    "wireframe: shaded, with visible edges. uv-checker: 16 x 16 squares on the file's texture "
    "coordinates. scalar: --field in colours. geometry: positions as red, green, blue.",
)
@click.option(
    "--view",
    default="front",
    show_default=True,
    callback=parse_view,
    metavar="front|three-quarter|profile|YAW,PITCH",
    help="The direction of view, in degrees: positive yaw turns the front (+z) to the right, "
    "positive pitch shows more of the top.",
)
@click.option(
    "--perspective",
    type=click.FloatRange(0.1, 170),
    metavar="FOV",
    help="Use a perspective camera with this vertical field of view, in degrees.  "
    "[default: orthographic]",
)
@click.option(
    "--size",
    callback=parse_size,
    metavar="N|HxW",
    help="Height and width of each picture in pixels.  [default: 512; in a sheet 256]",
)
@click.option(
    "--field",
    metavar="NAME|FILE.npy",
    help="With --mode scalar: one number per vertex or face, from a .npy file or an array of an "
    ".npz mesh, or one of x, y, z, valence, face-area, area-distortion, angle-distortion (the last "
    "two as log2).",
)
@click.option(
    "--colormap",
    type=click.Choice(COLORMAPS),
    help="With --mode scalar: the colours of --field.  [default: viridis]",
)
@click.option(
    "--limits",
    callback=parse_pair,
    metavar="LOW,HIGH",
    help="With --mode scalar: the values at the ends of the colour bar.  [default: the range of "
    "the field; for coolwarm plus and minus its largest magnitude]",
)
@click.option(
    "--sheet",
    type=click.IntRange(1, 100),
    metavar="COLUMNS",
    help="Lay the meshes out in so many columns, all at one scale.  [default: a square sheet]",
)
@click.option(
    "--turntable",
    type=click.IntRange(2, 720),
    metavar="FRAMES",
    help="Draw one full turn from --view, in so many frames, as a GIF that loops.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.04, 600),
    help="With --turntable: the duration of the turn.  [default: 4]",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="auto",
    show_default=True,
    help="What finds the visible faces. plain: numpy, open3d: Embree on the CPU (extra [scan]), "
    "pytorch3d: a GPU; auto is plain.",
)
@json_option
@streams("meshes")
def render(meshes: tuple[Path, ...], output: Path | None, as_json: bool, **choices: Any) -> None:
    """Draw MESH, or a labelled contact sheet of several meshes at one scale.

    Faces seen from behind are bluish.

    Example: meshkit render faces/*.obj --mode normals --sheet 4 -o sheet.png
    """
    options = Options(**choices)
    _check_usage(options)
    output = _output(meshes, output, options)
    from meshkit.cli.gallery import draw_gallery
    from meshkit.cli.messages import print_report

    report = draw_gallery(meshes, output, options)
    print_report(report, _rows(report), as_json, title=str(output))


def _check_usage(options: Options) -> None:
    if options.mode == "scalar" and options.field is None:
        raise click.UsageError("Add --field: --mode scalar needs to know what to draw.")
    for name in ("field", "colormap", "limits"):
        if options.mode != "scalar" and getattr(options, name) is not None:
            raise click.UsageError(f"Add --mode scalar: --{name} has no effect without it.")
    if options.turntable is None and options.seconds is not None:
        raise click.UsageError("Add --turntable: --seconds has no effect without it.")


def _output(meshes: tuple[Path, ...], output: Path | None, options: Options) -> Path:
    suffix = ".png" if options.turntable is None else ".gif"
    if output is None and len(meshes) > 1:
        raise click.UsageError(f"Add -o OUT{suffix} to name the picture of {len(meshes)} meshes.")
    output = output or Path(f"{meshes[0].stem}_render{suffix}")
    if output.suffix.lower() != suffix:
        kind = "a still picture" if options.turntable is None else "a turntable"
        raise click.UsageError(f"Give -o a name that ends in {suffix}, for {kind}: not {output}.")
    check_outputs(meshes, {"-o": output})
    return output


def _rows(report: dict[str, Any]) -> dict[str, str]:
    H, W = report["picture"]
    fov = report["perspective"]
    rows = {
        "meshes": f"{len(report['inputs'])}, {sum(report['faces'])} faces",
        "mode": report["mode"],
        "view": f"yaw {report['yaw']:g}°, pitch {report['pitch']:g}°, "
        + ("orthographic" if fov is None else f"perspective {fov:g}°"),
        "picture": f"{H} × {W} pixels",
        "backend": report["backend"],
    }
    if report["frames"] is not None:
        rows["turn"] = f"{report['frames']} frames in {report['loop_seconds']:g} s, looping"
    if "limits" in report:
        low, high = report["field_range"]
        rows["field"] = f"{report['field']}: {low:.4g} to {high:.4g}"
        rows["colours"] = "{}: {:.4g} to {:.4g}".format(report["colormap"], *report["limits"])
    return rows
