"""`meshkit align`: a collection of meshes into one pose."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.collection import folder_option, load_like, output_paths
from meshkit.cli.parameters import FILE, check_outputs, file_option, flag, json_option

if TYPE_CHECKING:
    from meshkit.mesh import Mesh
    from meshkit.registration.procrustes import Collection


@click.command()
@click.argument("meshes", type=FILE, nargs=-1, required=True, metavar="MESH...")
@folder_option
@flag("--scale", "Also scale the meshes to one size.")
@file_option(
    "--landmarks",
    "L.json",
    "Align by these vertices alone instead of all. The file holds a list of indices from 0, "
    "an object of names and indices, or the landmarks of meshkit register.",
)
@file_option("--mean", "MEAN.obj", "Also write the mean shape.")
@json_option
def align(
    meshes: tuple[Path, ...],
    output: Path,
    scale: bool,
    landmarks: Path | None,
    mean: Path | None,
    as_json: bool,
) -> None:
    """Align meshes of one topology with their mean shape (generalised Procrustes analysis).

    Vertex i of each MESH corresponds to vertex i of all others. The mean is centred at the origin
    and oriented as the first MESH. The residual of a mesh is its root mean square distance from the
    mean: a large one belongs to an unusual shape, or to a broken mesh.

    Example: meshkit align scans/*.obj -o aligned --scale --mean mean.obj
    """
    import numpy as np

    from meshkit.cli.messages import about, print_report, warnings_on
    from meshkit.io import load_mesh
    from meshkit.registration.landmarks import load_vertices
    from meshkit.registration.procrustes import generalized_procrustes

    paths = output_paths(meshes, output)
    check_outputs((*paths, *meshes), {"--mean": mean})
    first = load_mesh(meshes[0], quads="index")
    loaded = [load_like(path, meshes[0], first) for path in meshes]
    weights = None
    if landmarks is not None:
        with about(landmarks):
            weights = np.zeros(len(first.V))
            weights[load_vertices(landmarks, len(weights))] = 1
    with warnings_on(meshes[0].parent):
        X = np.stack([mesh.V for mesh in loaded])
        collection = generalized_procrustes(X, weights=weights, scale=scale)
    output.mkdir(exist_ok=True)
    _write(paths, mean, loaded, collection)
    report = {
        "inputs": list(meshes),
        "outputs": paths,
        "mean": mean,
        "scale": scale,
        "landmarks": None if weights is None else int(weights.sum()),
        "vertices": len(first.V),
        "iterations": collection.iterations,
        "residuals": collection.residuals.tolist(),
        "motions": [
            {"rotation": m.R.tolist(), "translation": m.t.tolist(), "scale": m.scale}
            for m in collection.motions
        ],
    }
    print_report(
        report, _rows(report, collection), as_json, title="mean shape", files=(output, mean)
    )


def _write(
    paths: list[Path], mean: Path | None, meshes: "list[Mesh]", collection: "Collection"
) -> None:
    from dataclasses import replace

    from meshkit.io import save_mesh

    for path, mesh, V in zip(paths, meshes, collection.aligned, strict=True):
        save_mesh(path, replace(mesh, V=V))
    if mean is not None:
        save_mesh(mean, replace(meshes[0], V=collection.mean, colors=None))


def _rows(report: dict[str, Any], collection: "Collection") -> dict[str, str]:
    residuals = collection.residuals
    largest = residuals.argsort()[::-1][:5]
    sizes = [motion.scale for motion in collection.motions]
    marks = report["landmarks"]
    return {
        "meshes": f"{len(residuals)} of {report['vertices']} vertices",
        "aligned by": "all vertices" if marks is None else f"{marks} landmarks",
        "residuals": f"mean {residuals.mean():.3g}, median "
        f"{sorted(residuals)[len(residuals) // 2]:.3g}, largest {residuals.max():.3g}",
        "furthest from the mean": ", ".join(
            f"{report['inputs'][k].name} {residuals[k]:.3g}" for k in largest
        ),
        "scaled by": f"{min(sizes):.4g} to {max(sizes):.4g}" if report["scale"] else "",
    }
