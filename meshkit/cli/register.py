"""`meshkit register`: a template onto a raw scan."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.fitting import Request
from meshkit.cli.parameters import (
    FILE,
    check_outputs,
    file_option,
    flag,
    json_option,
    output_option,
)
from meshkit.files import check_target

if TYPE_CHECKING:
    from meshkit.mesh import Mesh
    from meshkit.registration.landmarks import Landmarks
    from meshkit.registration.quality import Quality
    from meshkit.registration.target import Target
    from meshkit.registration.template_fit import TemplateFit


@click.command()
@click.argument("template", type=FILE)
@click.argument("scans", type=FILE, nargs=-1, required=True, metavar="SCAN...")
@output_option(
    "TEMPLATE's stem + _registered + its suffix",
    more="; with --sequence, a folder for one file with the name of each SCAN",
)
@file_option(
    "--landmarks",
    "L.json",
    "Points of TEMPLATE and their places on SCAN; docs/howto/registration.md describes the "
    "format. Or places on SCAN alone, as .pp, .bnd, .lm3, .txt or .npy. With --sequence: those of "
    "the first SCAN, or a folder with a STEM.json for any SCAN.",
)
@file_option(
    "--template-landmarks",
    "T.json",
    "For --landmarks that are places on SCAN alone: the same on TEMPLATE, as vertices (.json) or "
    "places. They pair by name, or by order; 51 landmarks of a face are the last of 68.",
)
@flag("--rigid", "Rotate and translate TEMPLATE, but do not deform it.")
@flag("--scale", "Also estimate the scale, for other units or proportions.")
@click.option(
    "--detail",
    type=click.FloatRange(min=0, min_open=True),
    metavar="LENGTH",
    help="Keep TEMPLATE's own detail below this length, in SCAN's unit. Raise it if the scan is "
    "noisy.  [default: 4 % of TEMPLATE's radius]",
)
@file_option(
    "--unfitted",
    "V.json",
    "Vertices of TEMPLATE that follow their neighbours smoothly instead of SCAN, such as those of "
    "hair, ears or inner lips: a list of indices, or of landmarks.",
)
@flag(
    "--sequence",
    "Fit SCANs as the frames of a movement, in order: each starts from the one before, then "
    "is smoothed towards its neighbours. If interrupted, run the same command again to go on.",
)
@click.option(
    "--smoothness",
    type=click.FloatRange(min=0),
    metavar="WEIGHT",
    help="With --sequence: the weight of the neighbouring frames relative to that of a scan point; "
    "0 turns smoothing off.  [default: 1]",
)
@file_option(
    "--report", "OUT.html", "Also write a page with pictures and numbers.", ".html", ".htm"
)
@json_option
def register(
    template: Path,
    scans: tuple[Path, ...],
    output: Path | None,
    landmarks: Path | None,
    template_landmarks: Path | None,
    rigid: bool,
    scale: bool,
    detail: float | None,
    unfitted: Path | None,
    sequence: bool,
    smoothness: float | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Fit TEMPLATE to SCAN; the result keeps TEMPLATE's faces and lies in SCAN's coordinates.

    SCAN is a mesh, which may have holes and outliers, or a PLY of points alone. Give at least three
    landmarks to set the initial pose; without them it is searched, which works if the scan shows
    about the part that the template covers. Ten to twenty landmarks make corresponding vertices far
    more accurate.

    Example: meshkit register head.obj scan.ply --landmarks L.json --report fit.html

    Example: meshkit register head.obj scans/*.ply --sequence -o fits
    """
    _check_usage(len(scans), output, rigid, detail, sequence, smoothness)
    for path in (report, None if sequence else output):
        if path is not None:
            check_target(path)
    output = output or Path(f"{template.stem}_registered{template.suffix}")
    more = unfitted, template_landmarks
    request = Request(template, scans, output, landmarks, rigid, scale, detail, report, *more)
    if not sequence:
        check_outputs((template, *scans), {"-o": output, "--report": report})
        _register_one(request, as_json)
        return
    from meshkit.cli.register_sequence import print_sequence, register_sequence

    pull = 1.0 if smoothness is None else smoothness
    print_sequence(register_sequence(request, pull), as_json)


def _check_usage(
    n_scans: int,
    output: Path | None,
    rigid: bool,
    detail: float | None,
    sequence: bool,
    smoothness: float | None,
) -> None:
    """Refuse as a usage error what contradicts, or would have no effect."""
    if rigid and detail is not None:
        raise click.UsageError("Give either --rigid or --detail: a rigid fit keeps all detail.")
    if sequence and rigid:
        raise click.UsageError("Give either --sequence or --rigid, not both.")
    if sequence and output is None:
        raise click.UsageError("Add -o FOLDER: --sequence writes one file for each scan.")
    if not sequence and n_scans > 1:
        raise click.UsageError(
            f"Add --sequence to fit the {n_scans} scans as one movement; for scans of different "
            "people, run the command once for each."
        )
    if not sequence and smoothness is not None:
        raise click.UsageError("Add --sequence: --smoothness has no effect on a single scan.")


def _register_one(request: Request, as_json: bool) -> None:
    from meshkit.cli.fitting import in_unit_of, load_marks, load_template, say_problems
    from meshkit.cli.messages import about, print_report
    from meshkit.registration.quality import measure_fit
    from meshkit.registration.scan_file import load_scan

    mesh = load_template(request.template)
    with about(request.scans[0]):
        target = load_scan(request.scans[0])
    marks = load_marks(request.landmarks, mesh, target, request.template_landmarks)
    mesh, unit = in_unit_of(request.scans[0], mesh, target, marks, scale=request.scale)
    with about(request.template):
        fit = _fit(request, mesh, target, marks)
        quality = measure_fit(mesh.V, mesh.F, fit, target, marks)
    values = {
        "template": request.template,
        "scan": request.scans[0],
        "landmarks_file": request.landmarks,
        "output": request.output,
        "report": request.report,
        "rigid": request.rigid,
        **_describe(fit, unit),
        **quality.to_dict(),
        "problems": quality.problems(mesh.V, mesh.F, rigid=request.rigid),
    }
    _write(request, mesh, fit, target, quality, values["pose"], values["problems"])
    print_report(
        values,
        _rows(values),
        as_json,
        title=f"{request.template} on {request.scans[0]}",
        files=(request.output, request.report),
    )
    say_problems(request.output, values["problems"])


def _fit(
    request: Request, mesh: "Mesh", target: "Target", marks: "Landmarks | None"
) -> "TemplateFit":
    from meshkit.cli.fitting import fit_options, load_unfitted
    from meshkit.cli.progress import progress_bar
    from meshkit.registration.template_fit import find_start, fit_template, place_template

    with progress_bar() as progress:
        pose = find_start(mesh.V, mesh.F, target, marks, scale=request.scale)
        if request.rigid:
            return place_template(mesh.V, mesh.F, target, pose=pose)
        options = fit_options(request.detail, mesh, pose.scale)
        return fit_template(
            mesh.V,
            mesh.F,
            target,
            marks,
            pose=pose,
            options=options,
            unfitted=load_unfitted(request.unfitted, mesh),
            progress=progress,
        )


def _describe(fit: "TemplateFit", unit: float) -> dict[str, Any]:
    import numpy as np
    from scipy.spatial.transform import Rotation

    return {
        "vertices": len(fit.V),
        "unit": unit,
        "pose": {
            "rotation": fit.pose.R.tolist(),
            "degrees": float(np.rad2deg(Rotation.from_matrix(fit.pose.R).magnitude())),
            "translation": fit.pose.t.tolist(),
            "scale": fit.pose.scale * unit,
        },
    }


def _write(
    request: Request,
    mesh: "Mesh",
    fit: "TemplateFit",
    target: "Target",
    quality: "Quality",
    pose: dict[str, Any],
    problems: list[str],
) -> None:
    from dataclasses import replace

    from meshkit.files import optional_path
    from meshkit.io import save_mesh
    from meshkit.report.fit import save_report

    scan = request.scans[0]
    kind = "point cloud" if target.F is None else f"{len(target.F)} faces"
    facts = {
        "template": f"{request.template}: {len(mesh.V)} vertices, {len(mesh.F)} faces",
        "scan": f"{scan}: {len(target.V)} points, {kind}",
        "landmarks": str(request.landmarks or "none"),
        "fit": "rigid" if request.rigid else "deformed to the scan",
        "rotated by": f"{pose['degrees']:.1f}°",
        "scaled by": f"{pose['scale']:.4g}",
        "problems": "; ".join(problems) or "none found",
    }
    title = f"{request.template.name} on {scan.name}"
    with optional_path(request.report) as aside:  # both files or none
        if aside is not None:
            save_report(aside, mesh.F, fit, target, quality, title=title, facts=facts)
        save_mesh(request.output, replace(mesh, V=fit.V))


def _rows(values: dict[str, Any]) -> dict[str, str]:
    from meshkit.cli.messages import percent

    def spread(distances: dict[str, float]) -> str:
        return (
            f"mean {distances['mean']:.3g}, median {distances['p50']:.3g}, "
            f"95 % up to {distances['p95']:.3g}, largest {distances['p100']:.3g}"
        )

    pose, errors = values["pose"], values["landmarks"]
    worst = max(errors, key=lambda name: errors[name], default=None)
    return {
        "pose": f"rotated by {pose['degrees']:.1f}°, scaled by {pose['scale']:.4g}",
        "fit to scan": spread(values["fit_to_scan"]),
        "scan to fit": spread(values["scan_to_fit"]),
        "with counterpart": f"{percent(values['followed'])} of {values['vertices']} vertices",
        "folded edges": str(values["folded_edges"]),
        "crossing faces": str(values["crossing_faces"]),
        "problems": "; ".join(values["problems"]),
        "landmarks": f"mean {values['landmark_mean']:.3g}, worst {worst}: {errors[worst]:.3g}"
        if worst is not None
        else "",
    }
