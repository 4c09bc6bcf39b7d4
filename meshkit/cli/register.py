"""`meshkit register`: a template onto a raw scan."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import FILE, check_outputs, json_option
from meshkit.files import check_target

if TYPE_CHECKING:
    from meshkit.mesh import Mesh
    from meshkit.registration.landmarks import Landmarks
    from meshkit.registration.quality import Quality
    from meshkit.registration.target import Target
    from meshkit.registration.template_fit import FitOptions, TemplateFit


@click.command()
@click.argument("template", type=FILE)
@click.argument("scans", type=FILE, nargs=-1, required=True, metavar="SCAN...")
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="OUT",
    help="Default: TEMPLATE's stem + _registered + its suffix, in the current folder. With "
    "--sequence a folder, which gets a file with the name of each SCAN.",
)
@click.option(
    "--landmarks",
    type=FILE,
    metavar="L.json",
    help="Points of TEMPLATE and where they lie on SCAN (docs/howto/registration.md). "
    "With --sequence: of the first SCAN, or a folder with a STEM.json for any of them.",
)
@click.option("--rigid", is_flag=True, help="Turn and move TEMPLATE, but do not bend it.")
@click.option("--scale", is_flag=True, help="Also find the size: for other units or proportions.")
@click.option(
    "--detail",
    type=click.FloatRange(min=0, min_open=True),
    metavar="LENGTH",
    help="Take what is finer than this from TEMPLATE, in SCAN's unit; raise it for a noisy scan.  "
    "[default: 4 % of TEMPLATE's radius]",
)
@click.option(
    "--sequence",
    is_flag=True,
    help="The SCANs are the frames of a movement, in order: each is fitted from the one before, "
    "then pulled towards its neighbours. Called again, an interrupted sequence goes on.",
)
@click.option(
    "--smoothness",
    type=click.FloatRange(min=0),
    metavar="WEIGHT",
    help="Of the pull towards neighbours, against that of a scan point; 0: none.  [default: 1]",
)
@click.option("--report", type=FILE, metavar="OUT.html", help="Also write a page with pictures.")
@json_option
def register(
    template: Path,
    scans: tuple[Path, ...],
    output: Path | None,
    landmarks: Path | None,
    rigid: bool,
    scale: bool,
    detail: float | None,
    sequence: bool,
    smoothness: float | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Fit TEMPLATE to SCAN and write it, with its own vertices and faces, in SCAN's coordinates.

    SCAN is a mesh with any holes and outliers, or a PLY of points alone. Three landmarks or more
    give the first pose; without them it is searched, which needs a scan of about the part that the
    template covers. Ten to twenty landmarks make corresponding vertices far more accurate.

    Example: meshkit register head.obj scan.ply --landmarks L.json --report fit.html

    Example: meshkit register head.obj scans/*.ply --sequence -o fits
    """
    if rigid and detail is not None:
        raise click.UsageError("--detail has no effect with --rigid")
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise click.UsageError(f"--report {report}: the report is an .html")
    for path in (report, None if sequence else output):
        if path is not None:
            check_target(path)
    if sequence:
        if rigid:
            raise click.UsageError("--rigid does not go with --sequence")
        if output is None:
            raise click.UsageError("--sequence needs -o FOLDER")
        from meshkit.cli.register_sequence import Request, print_sequence, register_sequence

        pull = 1.0 if smoothness is None else smoothness
        request = Request(template, scans, output, landmarks, scale, detail, pull, report)
        print_sequence(register_sequence(request), as_json)
        return
    if len(scans) > 1:
        raise click.UsageError(
            f"{len(scans)} scans: --sequence fits them as one movement; for scans of different "
            "people call once for each"
        )
    if smoothness is not None:
        raise click.UsageError("--smoothness has an effect with --sequence only")
    _register_one(template, scans[0], output, landmarks, rigid, scale, detail, report, as_json)


def _register_one(
    template: Path,
    scan: Path,
    output: Path | None,
    landmarks: Path | None,
    rigid: bool,
    scale: bool,
    detail: float | None,
    report: Path | None,
    as_json: bool,
) -> None:
    output = output or Path(f"{template.stem}_registered{template.suffix}")
    check_outputs(template, {"-o": output, "--report": report})
    check_outputs(scan, {"-o": output, "--report": report})
    from meshkit.cli.messages import about
    from meshkit.io import load_mesh
    from meshkit.registration.landmarks import load_landmarks
    from meshkit.registration.quality import measure_fit
    from meshkit.registration.scan_file import load_scan

    start = time.perf_counter()
    with about(template):
        mesh = load_mesh(template)
    with about(scan):
        target = load_scan(scan)
    marks = None
    if landmarks is not None:
        with about(landmarks):
            marks = load_landmarks(landmarks, len(mesh.V), mesh.F, target.V, target.F)
    with about(template):
        fit = _fit(mesh, target, marks, rigid=rigid, scale=scale, detail=detail)
        quality = measure_fit(mesh.V, mesh.F, fit, target, marks)
    values = {
        **{"template": template, "scan": scan, "landmarks_file": landmarks},
        **{"output": output, "report": report, "rigid": rigid},
        **_describe(fit, quality),
        "seconds": time.perf_counter() - start,
    }
    _write(output, report, mesh, fit, target, quality, values)
    _print(values, quality, as_json)


def _fit(
    mesh: "Mesh",
    target: "Target",
    marks: "Landmarks | None",
    *,
    rigid: bool,
    scale: bool,
    detail: float | None,
) -> "TemplateFit":
    from meshkit.checks import check_mesh
    from meshkit.cli.messages import progress_bar
    from meshkit.registration.template_fit import find_start, fit_template, place_template

    check_mesh(mesh.V, mesh.F)
    with progress_bar("fitting") as progress:
        pose = find_start(mesh.V, mesh.F, target, marks, scale=scale)
        if rigid:
            return place_template(mesh.V, mesh.F, target, pose=pose)
        options = fit_options(detail, mesh, pose.scale)
        return fit_template(
            mesh.V, mesh.F, target, marks, pose=pose, options=options, progress=progress
        )


def fit_options(detail: float | None, mesh: "Mesh", scale: float) -> "FitOptions":
    """Return the options of a fit whose template is scaled by so much."""
    from meshkit.registration.icp import radius
    from meshkit.registration.template_fit import FitOptions

    options = FitOptions()
    if detail is None:
        return options
    size = radius(mesh.V) * scale
    if detail > options.coarse * size:
        raise ValueError(
            f"--detail {detail:g} is larger than the template: its radius is {size:.3g}"
        )
    return FitOptions(fine=detail / size)


def _describe(fit: "TemplateFit", quality: "Quality") -> dict[str, Any]:
    from scipy.spatial.transform import Rotation

    vector = Rotation.from_matrix(fit.pose.R).as_rotvec(degrees=True)
    return {
        "vertices": len(fit.V),
        "pose": {
            "rotation": fit.pose.R.tolist(),
            "degrees": float((vector**2).sum() ** 0.5),
            "translation": fit.pose.t.tolist(),
            "scale": fit.pose.scale,
        },
        **quality.to_dict(),
    }


def _write(
    output: Path,
    report: Path | None,
    mesh: "Mesh",
    fit: "TemplateFit",
    target: "Target",
    quality: "Quality",
    values: dict[str, Any],
) -> None:
    from dataclasses import replace

    from meshkit.files import atomic_path
    from meshkit.io import save_mesh
    from meshkit.report.fit import save_report

    fitted = replace(mesh, V=fit.V)
    if report is None:
        save_mesh(output, fitted)
        return
    kind = "cloud of points" if target.F is None else f"{len(target.F)} faces"
    facts = {
        "template": f"{values['template']}: {len(mesh.V)} vertices, {len(mesh.F)} faces",
        "scan": f"{values['scan']}: {len(target.V)} points, {kind}",
        "landmarks": str(values["landmarks_file"] or "none"),
        "fit": "rigid" if values["rigid"] else "bent to the scan",
        "turned by": f"{values['pose']['degrees']:.1f}°",
        "scaled by": f"{values['pose']['scale']:.4g}",
    }
    title = f"{values['template'].name} on {values['scan'].name}"
    with atomic_path(output) as aside:  # both files or none
        save_mesh(aside, fitted)
        save_report(report, mesh.F, fit, target, quality, title=title, facts=facts)


def _print(values: dict[str, Any], quality: "Quality", as_json: bool) -> None:
    from meshkit.cli.messages import print_json, print_table

    if as_json:
        print_json(values)
        return

    def spread(distances: dict[str, float]) -> str:
        return (
            f"mean {distances['mean']:.3g}, median {distances['p50']:.3g}, "
            f"95 % up to {distances['p95']:.3g}, largest {distances['p100']:.3g}"
        )

    pose = values["pose"]
    rows = {
        "pose": f"turned by {pose['degrees']:.1f}°, scaled by {pose['scale']:.4g}",
        "fit to scan": spread(values["fit_to_scan"]),
        "scan to fit": spread(values["scan_to_fit"]),
        "with counterpart": f"{values['followed']:.1%} of {values['vertices']} vertices",
        "folded edges": str(values["folded_edges"]),
        "crossing faces": str(values["crossing_faces"]),
    }
    if quality.landmarks:
        worst = max(quality.landmarks, key=lambda name: quality.landmarks[name])
        rows["landmarks"] = (
            f"mean {values['landmark_mean']:.3g}, worst {worst}: {quality.landmarks[worst]:.3g}"
        )
    rows["written"] = ", ".join(str(values[k]) for k in ("output", "report") if values[k])
    rows["seconds"] = f"{values['seconds']:.2f}"
    print_table(f"{values['template']} on {values['scan']}", rows)
