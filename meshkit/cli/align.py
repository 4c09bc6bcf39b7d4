"""`meshkit align`: a collection of meshes into one pose."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.collection import folder_option, load_like, output_paths
from meshkit.cli.parameters import FILE, json_option

if TYPE_CHECKING:
    import numpy as np

    from meshkit.mesh import Mesh
    from meshkit.registration.procrustes import Collection
    from meshkit.registration.similarity import Similarity


@click.command()
@click.argument("meshes", type=FILE, nargs=-1, required=True, metavar="MESH...")
@folder_option
@click.option("--scale", is_flag=True, help="Also bring them to one size.")
@click.option(
    "--landmarks",
    type=FILE,
    metavar="L.json",
    help="Align by these vertices alone, not by all: a list of indices from 0, an object of names "
    "and indices, or the landmark file of meshkit register.",
)
@click.option("--mean", type=FILE, metavar="MEAN.obj", help="Also write the common mean.")
@json_option
def align(
    meshes: tuple[Path, ...],
    output: Path,
    scale: bool,
    landmarks: Path | None,
    mean: Path | None,
    as_json: bool,
) -> None:
    """Move meshes of one topology onto their common mean (generalised Procrustes analysis).

    Vertex i of each MESH corresponds to vertex i of all others. The mean lies at the origin, turned
    as the first MESH is. How far each is from it is the residual: a large one is another shape, or
    a broken mesh.

    Example: meshkit align scans/*.obj -o aligned --scale --mean mean.obj
    """
    import numpy as np

    from meshkit.cli.messages import about, warnings_on
    from meshkit.registration.landmarks import load_vertices
    from meshkit.registration.procrustes import generalized_procrustes

    start = time.perf_counter()
    paths = output_paths(meshes, output)
    if mean is not None and mean.resolve() in {path.resolve() for path in (*paths, *meshes)}:
        raise click.UsageError(f"--mean {mean} is an input or output already: give another name")
    loaded = _load(meshes)
    weights = None
    if landmarks is not None:
        with about(landmarks):
            weights = np.zeros(len(loaded[0].V))
            weights[load_vertices(landmarks, len(weights))] = 1
    with warnings_on(meshes[0].parent):
        X = np.stack([mesh.V for mesh in loaded])
        found = generalized_procrustes(X, weights=weights, scale=scale)
    _write(output, paths, mean, loaded, found)
    report = {
        "inputs": list(meshes),
        "outputs": paths,
        "mean": mean,
        "scale": scale,
        "landmarks": None if weights is None else int(weights.sum()),
        "vertices": len(X[0]),
        "iterations": found.iterations,
        "residuals": found.residuals.tolist(),
        "motions": [_plain(motion) for motion in found.motions],
        "seconds": time.perf_counter() - start,
    }
    _print(report, found.residuals, output, as_json)


def _load(paths: tuple[Path, ...]) -> "list[Mesh]":
    from meshkit.io import load_mesh

    first = load_mesh(paths[0])
    return [load_like(path, paths[0], first) for path in paths]


def _plain(motion: "Similarity") -> dict[str, Any]:
    rotation, translation = motion.R.tolist(), motion.t.tolist()
    return {"rotation": rotation, "translation": translation, "scale": motion.scale}


def _write(
    folder: Path,
    paths: list[Path],
    mean: Path | None,
    meshes: "list[Mesh]",
    found: "Collection",
) -> None:
    from dataclasses import replace

    from meshkit.io import save_mesh

    folder.mkdir(exist_ok=True)
    for path, mesh, V in zip(paths, meshes, found.aligned, strict=True):
        save_mesh(path, replace(mesh, V=V))
    if mean is not None:
        save_mesh(mean, replace(meshes[0], V=found.mean, colors=None))


def _print(report: dict[str, Any], residuals: "np.ndarray", folder: Path, as_json: bool) -> None:
    from meshkit.cli.messages import print_json, print_table

    if as_json:
        print_json(report)
        return
    worst = residuals.argsort()[::-1][:5]
    rows = {
        "meshes": f"{len(residuals)} of {report['vertices']} vertices",
        "aligned by": "all vertices"
        if report["landmarks"] is None
        else f"{report['landmarks']} landmarks",
        "residuals": f"mean {residuals.mean():.3g}, median "
        f"{sorted(residuals)[len(residuals) // 2]:.3g}, largest {residuals.max():.3g}",
        "furthest from the mean": ", ".join(
            f"{report['inputs'][k].name} {residuals[k]:.3g}" for k in worst
        ),
        "written": ", ".join(map(str, filter(None, (folder, report["mean"])))),
        "seconds": f"{report['seconds']:.2f}",
    }
    if report["scale"]:
        sizes = [motion["scale"] for motion in report["motions"]]
        rows["scaled by"] = f"{min(sizes):.4g} to {max(sizes):.4g}"
    print_table("common mean", rows)
