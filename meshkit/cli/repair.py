"""`meshkit repair`: named repairs, in a fixed order."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import (
    FILE,
    Output,
    check_outputs,
    component_option,
    flag,
    json_option,
    output_option,
)
from meshkit.cli.streams import streams

if TYPE_CHECKING:
    from meshkit.mesh import Mesh
    from meshkit.repair import Repair

# Findings in whose presence a repair cannot work; the message then names their own remedy.
_REFUSED = {"missing-vertices", "repeated-corners", "no-faces"}
_REFUSED_BY = {
    "orientation": {"one-sided"},
    "fill_holes": {
        *("not-finite", "duplicate-faces", "non-manifold-edges", "non-manifold-vertices"),
        *("inconsistent-orientation", "one-sided"),
    },
    "cut_to_disk": {
        *("not-finite", "duplicate-faces", "non-manifold-edges", "non-manifold-vertices"),
        *("inconsistent-orientation", "one-sided", "several-components"),
    },
}


@click.command()
@click.argument("mesh", type=FILE)
@output_option("MESH's stem + _repaired + its suffix")
@flag("--duplicates", "Remove repeated faces, and faces that use a vertex twice.")
@flag("--coincident", "Merge vertices at exactly the same position.")
@flag("--split-nonmanifold", "Cut the mesh apart at non-manifold edges and vertices.")
@component_option
@flag("--unreferenced", "Remove vertices that are in no face.")
@flag("--orientation", "Flip faces that are oriented against their neighbours.")
@flag("--fill-holes", "Fill all boundary loops but the longest.")
@flag(
    "--cut-to-disk",
    "Cut a closed surface or handles open along a short seam, whose vertices are copied. "
    "Holes stay. (meshkit uvmap --cut makes a map without copies.)",
)
@click.option(
    "--map",
    "map_path",
    type=Output(".npz"),
    metavar="MAP.npz",
    help="Also write vertex_map and face_map: the old index of each vertex and face of the result, "
    "-1 where there is none.",
)
@json_option
@streams("mesh", output="output")
def repair(
    mesh: Path,
    output: Path | None,
    component: int | str | None,
    map_path: Path | None,
    as_json: bool,
    **wanted: bool,
) -> None:
    """Repair MESH by the named repairs, in the order of the options below.

    Run meshkit check to see which repairs a mesh needs. Everything else keeps its order; texture
    coordinates and colours are carried over.

    Example: meshkit repair scan.ply --coincident --component largest --fill-holes -o whole.obj
    """
    output = output or Path(f"{mesh.stem}_repaired{mesh.suffix}")
    check_outputs([mesh], {"-o": output, "--map": map_path})
    if component is None and not any(wanted.values()):
        raise click.UsageError("Name at least one repair; meshkit check lists those a mesh needs.")
    from meshkit.cli.messages import about, print_report
    from meshkit.diagnose import diagnose
    from meshkit.io import load_mesh
    from meshkit.repair import follow

    with about(mesh):
        loaded = load_mesh(mesh)
        total, steps = _apply(mesh, loaded, component, wanted)
        mended = follow(loaded, total)
        _write(output, map_path, mended, total)
    after = diagnose(mended.V, mended.F)
    report = {
        "input": mesh,
        "output": output,
        "map": map_path,
        "steps": steps,
        "vertices": len(mended.V),
        "faces": len(mended.F),
        "errors_left": [finding.name for finding in after.errors],
    }
    print_report(report, _rows(report), as_json, files=(output, map_path))


def _apply(
    path: Path, mesh: "Mesh", component: int | str | None, wanted: dict[str, bool]
) -> "tuple[Repair, list[dict[str, Any]]]":
    """Do the repairs one after the other and count what each changed."""
    import numpy as np

    from meshkit import repair as repairs
    from meshkit.cli.source import require
    from meshkit.flattening.cut import Cut, cut_to_disk
    from meshkit.mesh import Mesh
    from meshkit.repair import Repair

    order: dict[str, Callable[..., Repair | Cut]] = {
        "duplicates": repairs.drop_duplicates,
        "coincident": repairs.merge_coincident,
        "split_nonmanifold": repairs.split_nonmanifold,
        "component": lambda V, F: repairs.keep_component(V, F, component or 0),
        "unreferenced": repairs.drop_unreferenced,
        "orientation": repairs.orient_faces,
        "fill_holes": repairs.fill_holes,
        "cut_to_disk": cut_to_disk,
    }
    wanted = {**wanted, "component": component is not None}
    total = repairs.Repair(mesh.V, mesh.F, np.arange(len(mesh.V)), np.arange(len(mesh.F)))
    steps: list[dict[str, Any]] = []
    for name, function in order.items():
        if not wanted[name]:
            continue
        if name != "duplicates":
            require(path, Mesh(total.V, total.F), _REFUSED | _REFUSED_BY.get(name, set()))
        result = function(total.V, total.F)
        seam = (len(result.seam), result.length) if isinstance(result, Cut) else (0, 0.0)
        done = result.repair if isinstance(result, Cut) else result
        kept = done.face_map[done.face_map >= 0]
        turned = (done.vertex_map[done.F[done.face_map >= 0]] != total.F[kept]).any(axis=1)
        steps.append(
            {
                "repair": name.replace("_", "-"),
                "vertices": len(done.V) - len(total.V),
                "faces": len(done.F) - len(total.F),
                "faces_turned": int(turned.sum()) if name == "orientation" else 0,
                "seam_edges": seam[0],
                "seam_length": seam[1],
            }
        )
        total = repairs.compose(total, done)
    return total, steps


def _write(output: Path, map_path: Path | None, mesh: "Mesh", total: "Repair") -> None:
    import numpy as np

    from meshkit.files import optional_path
    from meshkit.io import save_mesh

    with optional_path(map_path) as aside:  # both files or none
        if aside is not None:
            np.savez_compressed(aside, vertex_map=total.vertex_map, face_map=total.face_map)
        save_mesh(output, mesh)


def _rows(report: dict[str, Any]) -> dict[str, str]:
    rows = {}
    for step in report["steps"]:
        changes = [f"{step[kind]:+d} {kind}" for kind in ("vertices", "faces") if step[kind]]
        if step["faces_turned"]:
            changes.append(f"{step['faces_turned']} faces flipped")
        if step["seam_edges"]:
            changes.append(f"seam of {step['seam_edges']} edges, length {step['seam_length']:.4g}")
        rows[step["repair"]] = ", ".join(changes) or "nothing to do"
    rows["result"] = f"{report['vertices']} vertices, {report['faces']} faces"
    rows["errors left"] = ", ".join(report["errors_left"]) or "none"
    return rows
