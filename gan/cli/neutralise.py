"""`gan neutralise`."""

from pathlib import Path

import click

from gan.cli.options import (
    ANY,
    NewFolder,
    load_run,
    mesh_format_option,
    option,
    out_option,
    run_argument,
)
from meshkit.cli.parameters import json_option


@click.command()
@run_argument
@click.argument("faces", type=ANY)
@option("--factor", str, "expression", "What is taken away.")
@click.option("--label", help="The class that is rest.  [default: neutral, or rest]")
@option("--strength", float, 1.0, "How far to go; below 1 a part of the expression stays.")
@mesh_format_option
@out_option("Folder to write: a mesh for each.", "neutral", type=NewFolder())
@json_option
def neutralise(
    run: Path,
    faces: Path,
    factor: str,
    label: str | None,
    strength: float,
    format: str,
    out: Path,
    as_json: bool,
) -> None:
    """Take the expression out of FACES: a mesh, a folder of meshes, or a sequence (.npy).

    The meshes have the model's topology, in any pose and unit; what is written lies where they
    lay. What the model does not express of a face (pores, scars) stays.

    Example: gan neutralise runs/faces scans -o neutral
    """
    import torch

    from gan.editing import load_faces, rest_class
    from gan.pose import Placer
    from gan.report.folder import written_folder
    from gan.report.samples import FORMATS, save_face
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import progress_bar

    model = load_run(run)
    calmest = rest_class(model, factor, label)
    rest = model.codes[factor][calmest]
    names: list[str] = []

    def is_mesh(path: Path) -> bool:
        return path.suffix[1:] in FORMATS

    with progress_bar() as progress, torch.no_grad():
        read = load_faces(Placer(model), faces, progress)
        with written_folder(out, is_mesh, "meshes") as aside:
            for k, name in enumerate(read.names):
                codes = {part: z[k : k + 1] for part, z in read.codes.items()}
                calm = {**codes, factor: torch.lerp(codes[factor], rest[None], strength)}
                V = read.vertices[k] + (model.decode(calm) - model.decode(codes))[0]
                names.append(f"{name}.{format}")
                moved = read.poses[k].into_unit.apply(V.double().numpy())
                save_face(aside / names[-1], model, moved)
                progress("writing", k + 1, len(read.names))
    facts = {"run": run, "faces": faces, "output": out, "factor": factor, "strength": strength}
    facts["files"] = names
    tell(f"{out}: {len(names)} faces without their {factor}", facts, as_json)
