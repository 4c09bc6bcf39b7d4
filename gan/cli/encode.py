"""`gan encode`."""

from pathlib import Path

import click

from gan.cli.options import ANY, load_run, option, out_option, run_argument
from meshkit.cli.parameters import json_option


@click.command()
@run_argument
@click.argument("faces", type=ANY)
@option(
    "--smooth",
    click.FloatRange(min=0),
    0.0,
    "For a sequence: smooth the codes in time, by a Gaussian of so many frames.",
    metavar="FRAMES",
)
@out_option("File of codes to write, a row for each face.", "codes.npz", ".npz")
@json_option
def encode(run: Path, faces: Path, smooth: float, out: Path, as_json: bool) -> None:
    """Find the codes of FACES: a mesh, a folder of meshes, or a sequence.

    The meshes have the model's topology, in any pose and unit. A folder is read in the natural
    order of its names. A sequence is a NumPy file of vertices, (frames, vertices, 3). The codes
    are read by `gan transfer`, `gan interpolate` and `gan view`.

    Example: gan encode runs/faces frames --smooth 1.5 -o talking.npz
    """
    import torch

    from gan.editing import load_faces, smooth_codes
    from gan.pose import Placer
    from gan.report.samples import write_codes
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import progress_bar
    from meshkit.files import check_target

    check_target(out)
    model = load_run(run)
    with progress_bar() as progress:
        read = load_faces(Placer(model), faces, progress)
        codes = smooth_codes(read.codes, smooth)
        errors = []
        with torch.no_grad():
            for k in range(len(read.names)):
                back = model.decode({name: z[k : k + 1] for name, z in codes.items()})[0]
                errors.append(float((back - read.vertices[k]).norm(dim=1).mean()))
                progress("checking", k + 1, len(read.names))
    write_codes(out, model, codes)
    error = sum(errors) / len(errors)
    facts = {"run": run, "faces": faces, "output": out, "smooth": smooth, "names": read.names}
    facts |= {"error_mm": errors, "poses": [pose.to_dict() for pose in read.poses]}
    line = f"{out}: codes of {len(errors)} faces, whose meshes come back within {error:.2f} mm"
    tell(line, facts, as_json)
