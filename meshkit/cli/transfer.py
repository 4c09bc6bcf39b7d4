"""`meshkit transfer`: poses of one mesh on another."""

import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.collection import folder_option, load_like, output_paths
from meshkit.cli.parameters import FILE, json_option

if TYPE_CHECKING:
    import numpy as np

    from meshkit.mesh import Mesh
    from meshkit.registration.deformation_transfer import DeformationTransfer


@click.command()
@click.argument("source_neutral", type=FILE)
@click.argument("target_neutral", type=FILE)
@click.argument("source_poses", type=FILE, nargs=-1, required=True, metavar="SOURCE_POSE...")
@folder_option
@click.option(
    "--correspondence",
    default="none",
    metavar="none|closest|fit|FACES.npy",
    help="none: one topology, face i is face i. closest: the two neutral meshes lie on each other. "
    "fit: SOURCE_NEUTRAL is fitted to TARGET_NEUTRAL first. Or the source face of each target face "
    "as written by --save-correspondence.  [default: none]",
)
@click.option(
    "--landmarks",
    type=FILE,
    metavar="L.json",
    help="For fit: points of SOURCE_NEUTRAL (template) and TARGET_NEUTRAL (scan), as in "
    "meshkit register.",
)
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    metavar="RATIO",
    help="How far the target moves as a whole for a unit of the source; 1 where both travel in "
    "one space.  [default: the ratio of their sizes]",
)
@click.option(
    "--save-correspondence",
    "saved",
    type=FILE,
    metavar="FACES.npy",
    help="Also write the source face of each target face.",
)
@json_option
def transfer(
    source_neutral: Path,
    target_neutral: Path,
    source_poses: tuple[Path, ...],
    output: Path,
    correspondence: str,
    landmarks: Path | None,
    scale: float | None,
    saved: Path | None,
    as_json: bool,
) -> None:
    """Deform TARGET_NEUTRAL as each SOURCE_POSE deforms SOURCE_NEUTRAL (Sumner and Popović 2004).

    The poses have the vertices of SOURCE_NEUTRAL. One file for each comes into FOLDER, with the
    name of the pose and TARGET_NEUTRAL's format, faces and texture coordinates. Many poses cost
    little more than one.

    Example: meshkit transfer anna.obj bert.obj anna_smile.obj anna_wink.obj -o bert_poses
    """
    start = time.perf_counter()
    if landmarks is not None and correspondence != "fit":
        raise click.UsageError("--landmarks have an effect with --correspondence fit only")
    if saved is not None and saved.suffix.lower() != ".npy":
        raise click.UsageError(f"--save-correspondence {saved}: the faces are an .npy")
    paths = output_paths(source_poses, output, target_neutral.suffix)
    inputs = {path.resolve() for path in (source_neutral, target_neutral, *source_poses)}
    if taken := [path for path in (*paths, saved) if path and path.resolve() in inputs]:
        raise click.UsageError(f"{taken[0]} is an input: give another name or folder")
    from meshkit.cli.messages import about, print_json, print_table
    from meshkit.io import load_mesh
    from meshkit.registration.deformation_transfer import DeformationTransfer

    with about(source_neutral):
        source = load_mesh(source_neutral)
    with about(target_neutral):
        target = load_mesh(target_neutral)
    faces = _source_faces(correspondence, landmarks, (source_neutral, source), target)
    with about(target_neutral):
        deformer = DeformationTransfer(
            source.V, source.F, target.V, target.F, source_face=faces, scale=scale
        )
    if saved is not None:
        _save(saved, faces, len(target.F))
    poses = _transfer_all(deformer, (source_neutral, source), target, source_poses, paths, output)
    report = {
        "source": source_neutral,
        "target": target_neutral,
        "correspondence": correspondence,
        "saved_correspondence": saved,
        "vertices": len(target.V),
        "faces": len(target.F),
        "poses": poses,
        "seconds": time.perf_counter() - start,
    }
    if as_json:
        print_json(report)
        return
    rows = {
        "mesh": f"{report['vertices']} vertices, {report['faces']} faces",
        "correspondence": correspondence,
        "poses": str(len(poses)),
        "moved by": f"up to {max(pose['largest_move'] for pose in poses):.3g}",
        "newly folded edges": str(sum(pose["folded_edges"] for pose in poses)),
        "written": ", ".join(map(str, filter(None, (output, saved)))),
        "seconds": f"{report['seconds']:.2f}",
    }
    print_table(f"{target_neutral} in poses of {source_neutral}", rows)


def _transfer_all(
    deformer: "DeformationTransfer",
    neutral: "tuple[Path, Mesh]",
    target: "Mesh",
    poses: tuple[Path, ...],
    paths: list[Path],
    folder: Path,
) -> list[dict[str, Any]]:
    """Write the target in every pose; return what each is like."""
    from dataclasses import replace

    import numpy as np

    from meshkit.cli.messages import about, progress_bar
    from meshkit.io import save_mesh
    from meshkit.registration.quality import folded_edges

    before = set(map(tuple, folded_edges(target.V, target.F).tolist()))
    report: list[dict[str, Any]] = []
    with progress_bar("transferring") as progress:
        for pose, path in zip(poses, paths, strict=True):
            # Quads cut differently in a posed file are no matter: only its vertices are read.
            with about(pose):
                posed = load_like(pose, neutral[0], neutral[1], faces=False)
                V = deformer.transfer(posed.V)
            folder.mkdir(exist_ok=True)
            save_mesh(path, replace(target, V=V))
            folded = set(map(tuple, folded_edges(V, target.F).tolist())) - before
            move = float(np.linalg.norm(V - target.V, axis=1).max())
            report.append(
                {"input": pose, "output": path, "largest_move": move, "folded_edges": len(folded)}
            )
            progress(len(report), len(poses))
    return report


def _source_faces(
    correspondence: str, landmarks: Path | None, source: "tuple[Path, Mesh]", target: "Mesh"
) -> "np.ndarray | None":
    """Return the source face of each target face; None: the same."""
    import numpy as np

    from meshkit.cli.messages import about
    from meshkit.errors import MeshError
    from meshkit.registration.deformation_transfer import match_faces

    path, mesh = source
    match correspondence:
        case "none":
            if mesh.F.shape != target.F.shape or (mesh.F != target.F).any():
                raise MeshError(
                    f"{path} has other faces than the target ({len(mesh.F)} and {len(target.F)}): "
                    "--correspondence fit finds which belong together"
                )
            return None
        case "closest":
            with about(path):
                return match_faces(mesh.V, mesh.F, target.V, target.F)
        case "fit":
            return _fit_and_match(source, target, landmarks)
    file = Path(correspondence)
    if file.suffix.lower() != ".npy":
        raise click.UsageError(
            f"--correspondence {correspondence!r} is neither none, closest, fit nor an .npy"
        )
    try:
        with file.open("rb") as stream:  # numpy keeps a zip archive open
            faces = np.load(stream, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{file} is no sound .npy of numbers: {error}") from None
    if not isinstance(faces, np.ndarray) or faces.ndim != 1 or faces.dtype.kind not in "iu":
        raise ValueError(f"{file}: expected one integer per target face")
    return faces.astype(np.int64)


def _fit_and_match(
    source: "tuple[Path, Mesh]", target: "Mesh", landmarks: Path | None
) -> "np.ndarray":
    from meshkit.cli.messages import about, progress_bar
    from meshkit.registration.deformation_transfer import match_faces
    from meshkit.registration.landmarks import load_landmarks
    from meshkit.registration.target import Target
    from meshkit.registration.template_fit import find_start, fit_template

    path, mesh = source
    with about(path), progress_bar("fitting") as progress:
        surface = Target(target.V, target.F)
        marks = None
        if landmarks is not None:
            marks = load_landmarks(landmarks, len(mesh.V), mesh.F, target.V, target.F)
        pose = find_start(mesh.V, mesh.F, surface, marks, scale=True)
        fit = fit_template(mesh.V, mesh.F, surface, marks, pose=pose, progress=progress)
        return match_faces(fit.V, mesh.F, target.V, target.F)


def _save(path: Path, faces: "np.ndarray | None", n_faces: int) -> None:
    import numpy as np

    from meshkit.files import atomic_path

    with atomic_path(path) as aside:
        np.save(aside, np.arange(n_faces) if faces is None else faces)
