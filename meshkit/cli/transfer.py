"""`meshkit transfer`: poses of one mesh on another."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from meshkit.cli.collection import folder_option, load_like, output_paths
from meshkit.cli.parameters import FILE, Output, check_outputs, file_option, json_option

if TYPE_CHECKING:
    import numpy as np

    from meshkit.mesh import Mesh
    from meshkit.registration.deformation_transfer import DeformationTransfer


class _Source(NamedTuple):
    path: Path
    mesh: "Mesh"


@click.command()
@click.argument("source_neutral", type=FILE)
@click.argument("target_neutral", type=FILE)
@click.argument("source_poses", type=FILE, nargs=-1, required=True, metavar="SOURCE_POSE...")
@folder_option
@click.option(
    "--correspondence",
    default="none",
    metavar="none|closest|fit|FACES.npy",
    help="How faces correspond. none: the meshes have one topology, face i is face i. closest: the "
    "two neutral meshes lie on each other. fit: fit SOURCE_NEUTRAL to TARGET_NEUTRAL first. A file "
    "holds the source face of each target face, as --save-correspondence writes it.  "
    "[default: none]",
)
@file_option(
    "--landmarks",
    "L.json",
    "With --correspondence fit: points of SOURCE_NEUTRAL (template) and TARGET_NEUTRAL "
    "(scan), in the format of meshkit register.",
)
@click.option(
    "--scale",
    type=click.FloatRange(min=0, min_open=True),
    metavar="RATIO",
    help="How far the whole target moves when the source moves by one unit. Give 1 if both move "
    "in one space.  [default: the ratio of their sizes]",
)
@click.option(
    "--save-correspondence",
    "saved",
    type=Output(".npy"),
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

    The poses have the vertices of SOURCE_NEUTRAL. Each becomes one file in FOLDER, with the name of
    the pose and the format, faces and texture coordinates of TARGET_NEUTRAL. Many poses take little
    longer than one.

    Example: meshkit transfer anna.obj bert.obj anna_smile.obj anna_wink.obj -o bert_poses
    """
    if landmarks is not None and correspondence != "fit":
        raise click.UsageError("Add --correspondence fit: --landmarks are used by it alone.")
    neutral = (source_neutral, target_neutral)
    paths = output_paths(source_poses, output, target_neutral.suffix, beside=neutral)
    check_outputs((*neutral, *source_poses, *paths), {"--save-correspondence": saved})
    from meshkit.cli.messages import about, print_report
    from meshkit.io import load_mesh
    from meshkit.registration.deformation_transfer import DeformationTransfer

    with about(source_neutral):
        source = _Source(source_neutral, load_mesh(source_neutral, quads="index"))
    with about(target_neutral):
        target = load_mesh(target_neutral, quads="index")
    faces = _source_faces(correspondence, landmarks, source, target)
    with about(target_neutral):
        deformer = DeformationTransfer(
            source.mesh.V, source.mesh.F, target.V, target.F, source_face=faces, scale=scale
        )
    if saved is not None:
        _save(saved, faces, len(target.F))
    poses = _transfer_all(deformer, source, target, source_poses, paths)
    report = {
        "source": source_neutral,
        "target": target_neutral,
        "correspondence": correspondence,
        "saved_correspondence": saved,
        "vertices": len(target.V),
        "faces": len(target.F),
        "poses": poses,
    }
    rows = {
        "mesh": f"{report['vertices']} vertices, {report['faces']} faces",
        "correspondence": correspondence,
        "poses": str(len(poses)),
        "largest displacement": f"{max(pose['largest_move'] for pose in poses):.3g}",
        "newly folded edges": str(sum(pose["folded_edges"] for pose in poses)),
    }
    title = f"{target_neutral} in poses of {source_neutral}"
    print_report(report, rows, as_json, title=title, files=(output, saved))


def _transfer_all(
    deformer: "DeformationTransfer",
    source: _Source,
    target: "Mesh",
    poses: tuple[Path, ...],
    paths: list[Path],
) -> list[dict[str, Any]]:
    """Write the target in every pose; return what each is like."""
    from dataclasses import replace

    import numpy as np

    from meshkit.cli.messages import about
    from meshkit.cli.progress import progress_bar
    from meshkit.io import save_mesh
    from meshkit.registration.quality import folded_edges

    before = set(map(tuple, folded_edges(target.V, target.F).tolist()))
    report: list[dict[str, Any]] = []
    with progress_bar() as progress:
        for pose, path in zip(poses, paths, strict=True):
            # Quads cut differently in a posed file are no matter: only its vertices are read.
            with about(pose):
                posed = load_like(pose, source.path, source.mesh, faces=False)
                V = deformer.transfer(posed.V)
            path.parent.mkdir(exist_ok=True)
            save_mesh(path, replace(target, V=V))
            folded = set(map(tuple, folded_edges(V, target.F).tolist())) - before
            move = float(np.linalg.norm(V - target.V, axis=1).max())
            report.append(
                {"input": pose, "output": path, "largest_move": move, "folded_edges": len(folded)}
            )
            progress("transferring", len(report), len(poses))
    return report


def _source_faces(
    correspondence: str, landmarks: Path | None, source: _Source, target: "Mesh"
) -> "np.ndarray | None":
    """Return the source face of each target face; None: the same."""
    from meshkit.cli.messages import about
    from meshkit.errors import MeshError
    from meshkit.registration.deformation_transfer import match_faces

    path, mesh = source
    match correspondence:
        case "none":
            if mesh.F.shape != target.F.shape or (mesh.F != target.F).any():
                raise MeshError(
                    f"{path} has other faces than the target ({len(mesh.F)} and {len(target.F)}): "
                    "--correspondence fit finds which correspond"
                )
            return None
        case "closest":
            with about(path):
                return match_faces(mesh.V, mesh.F, target.V, target.F)
        case "fit":
            return _fit_and_match(source, target, landmarks)
    return _load_faces(Path(correspondence))


def _load_faces(path: Path) -> "np.ndarray":
    import numpy as np

    from meshkit.archive import read_npy

    if path.suffix.lower() != ".npy":
        raise click.UsageError(
            f"Give none, closest, fit or an .npy file for --correspondence, not '{path}'."
        )
    faces = read_npy(path)
    if faces.ndim != 1 or faces.dtype.kind not in "iu":
        raise ValueError(f"{path}: expected one integer per target face")
    return faces.astype(np.int64)


def _fit_and_match(source: _Source, target: "Mesh", landmarks: Path | None) -> "np.ndarray":
    from meshkit.cli.messages import about
    from meshkit.cli.progress import progress_bar
    from meshkit.registration.deformation_transfer import match_faces
    from meshkit.registration.landmarks import load_landmarks
    from meshkit.registration.target import Target
    from meshkit.registration.template_fit import find_start, fit_template

    path, mesh = source
    with about(path), progress_bar() as progress:
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
