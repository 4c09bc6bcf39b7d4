"""`meshkit register --sequence`: a template onto a moving scan, frame by frame."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meshkit.cli.collection import output_paths
from meshkit.cli.fitting import (
    Request,
    fit_options,
    in_unit_of,
    load_marks,
    load_template,
    load_unfitted,
)
from meshkit.cli.messages import about, percent, print_report, warnings_on
from meshkit.cli.progress import progress_bar

if TYPE_CHECKING:
    from meshkit.mesh import Mesh
    from meshkit.registration.kept_fits import KeptFits
    from meshkit.registration.landmarks import Landmarks
    from meshkit.registration.quality import Quality
    from meshkit.registration.target import Target
    from meshkit.registration.template_fit import TemplateFit

    _Targets = Sequence[Target]
else:
    _Targets = Sequence

KEPT = ".fits"  # the folder inside the output's


class Scans(_Targets):
    """The scans of a sequence, read when asked for; the last two stay at hand."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self.paths = paths
        self._recent: dict[int, Target] = {}

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, k: int) -> "Target":  # type: ignore[override]  # no slices
        if k not in self._recent:
            from meshkit.registration.scan_file import load_scan

            with about(self.paths[k]):
                self._recent[k] = load_scan(self.paths[k])
            while len(self._recent) > 2:
                del self._recent[next(iter(self._recent))]
        return self._recent[k]


def register_sequence(request: Request, smoothness: float) -> dict[str, Any]:
    """Fit all frames, write a mesh for each and the report; return what was done."""
    from meshkit.registration.sequence import fit_sequence
    from meshkit.registration.template_fit import find_start

    paths = output_paths(
        request.scans, request.output, request.template.suffix, beside=(request.template,)
    )
    mesh = load_template(request.template)
    scans = Scans(request.scans)
    files = _landmark_files(request)
    own = request.template_landmarks
    marks = [None if f is None else load_marks(f, mesh, scans[k], own) for k, f in enumerate(files)]
    mesh, _ = in_unit_of(request.scans[0], mesh, scans[0], marks[0], scale=request.scale)
    pose = None
    if request.detail is not None and request.scale:  # the size is not known before
        with about(request.scans[0]):
            pose = find_start(mesh.V, mesh.F, scans[0], marks[0], scale=True)
    with warnings_on(request.output):  # a damaged fit of an earlier call is computed anew
        kept = _kept(request, smoothness, files)
        fits_from_before = len(kept)
    with about(request.template), progress_bar() as progress:
        fits = fit_sequence(
            mesh.V,
            mesh.F,
            scans,
            marks,
            smoothness=smoothness,
            scale=request.scale,
            start=pose,
            unfitted=load_unfitted(request.unfitted, mesh),
            options=fit_options(request.detail, mesh, pose.scale if pose else 1.0),
            kept=kept,
            progress=progress,
        )
    qualities = _write(request, mesh, scans, marks, fits, paths)
    if request.report is not None:
        _report(request, smoothness, mesh, fits, qualities)
    frames = [
        {"scan": scan, "output": path, "landmarks_file": file, **quality.to_dict()}
        for scan, path, file, quality in zip(request.scans, paths, files, qualities, strict=True)
    ]
    return {
        "template": request.template,
        "output": request.output,
        "report": request.report,
        "smoothness": smoothness,
        "vertices": len(mesh.V),
        "fits_from_before": fits_from_before,
        "frames": frames,
    }


def print_sequence(values: dict[str, Any], as_json: bool) -> None:
    """Print what `register_sequence` returns."""
    frames = values["frames"]
    distances = [frame["fit_to_scan"] for frame in frames]
    worst = max(frames, key=lambda frame: frame["fit_to_scan"]["p95"])
    rows = {
        "frames": f"{len(frames)} of {values['vertices']} vertices",
        "fits from before": str(values["fits_from_before"] or ""),
        "fit to scan": f"median {max(d['p50'] for d in distances):.3g} at most, 95 % up to "
        f"{worst['fit_to_scan']['p95']:.3g} in {worst['scan'].name}",
        "with counterpart": f"{percent(min(frame['followed'] for frame in frames))} at least",
        "folded edges": str(sum(frame["folded_edges"] for frame in frames)),
        "crossing faces": str(sum(frame["crossing_faces"] for frame in frames)),
    }
    title = f"{values['template']} on a sequence"
    print_report(values, rows, as_json, title=title, files=(values["output"], values["report"]))


def _landmark_files(request: Request) -> list[Path | None]:
    """Return the landmark file of each frame."""
    source = request.landmarks
    if source is None or not source.is_dir():
        return [source, *[None] * (len(request.scans) - 1)]
    files = [source / f"{scan.stem}.json" for scan in request.scans]
    if not any(file.exists() for file in files):
        raise ValueError(f"{source} holds no {files[0].name}, nor one for any other scan")
    return [file if file.exists() else None for file in files]


def _kept(request: Request, smoothness: float, files: list[Path | None]) -> "KeptFits":
    """Open the fits of an earlier call; only those of the same files and settings count."""
    from importlib.metadata import version

    from meshkit.registration.kept_fits import KeptFits

    def digest(path: Path) -> bytes:
        return hashlib.sha256(path.read_bytes()).digest()

    asked = (version("meshkit-gan"), request.scale, request.detail, smoothness)
    settings = digest(request.template) + repr(asked).encode()
    for path in (request.unfitted, request.template_landmarks):
        if path is not None:
            settings += digest(path)
    inputs = [
        digest(scan) + (digest(file) if file is not None else b"")
        for scan, file in zip(request.scans, files, strict=True)
    ]
    return KeptFits(request.output / KEPT, settings, inputs)


def _write(
    request: Request,
    mesh: "Mesh",
    scans: Scans,
    marks: "list[Landmarks | None]",
    fits: "list[TemplateFit]",
    paths: list[Path],
) -> "list[Quality]":
    from dataclasses import replace

    from meshkit.io import save_mesh
    from meshkit.registration.quality import measure_fit

    qualities = []
    with progress_bar() as progress:
        for k, (fit, path) in enumerate(zip(fits, paths, strict=True)):
            save_mesh(path, replace(mesh, V=fit.V))
            qualities.append(measure_fit(mesh.V, mesh.F, fit, scans[k], marks[k]))
            progress("measuring", k + 1, len(fits))
    return qualities


def _report(
    request: Request,
    smoothness: float,
    mesh: "Mesh",
    fits: "list[TemplateFit]",
    qualities: "list[Quality]",
) -> None:
    from meshkit.report.sequence import save_sequence_report

    assert request.report is not None
    facts = {
        "template": f"{request.template}: {len(mesh.V)} vertices, {len(mesh.F)} faces",
        "frames": f"{len(fits)}, {request.scans[0]} to {request.scans[-1]}",
        "landmarks": str(request.landmarks or "none"),
        "smoothness": f"{smoothness:g}",
    }
    names = [scan.stem for scan in request.scans]
    title = f"{request.template.name} on {len(fits)} frames"
    save_sequence_report(request.report, mesh.F, fits, qualities, names, title=title, facts=facts)
