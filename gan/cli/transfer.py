"""`gan transfer`."""

from pathlib import Path

import click

from gan.cli.options import load_run, option, out_option, read_faces, run_argument
from meshkit.cli.parameters import Output, json_option


@click.command()
@run_argument
@click.argument("source")
@click.argument("target")
@option("--factor", str, "expression", "What the target gets of the source.")
@option(
    "--mode",
    click.Choice(["replace", "add"]),
    "replace",
    "Replace the target's code, or add the source's to it.",
)
@option("--strength", float, 1.0, "How far to go; beyond 1 exaggerates.")
@click.option(
    "--keep-detail",
    is_flag=True,
    help="Keep what the model does not express of a target mesh (its pores and scars).",
)
@click.option(
    "--picture", type=Output(".png"), help="Also draw source, target and result: a PNG file."
)
@out_option(
    "Mesh to write: .obj, .ply, .glb, or .stl, which has no texture coordinates.",
    "transferred.obj",
    *(".obj", ".ply", ".glb", ".stl"),
)
@json_option
def transfer(
    run: Path,
    source: str,
    target: str,
    factor: str,
    mode: str,
    strength: float,
    keep_detail: bool,
    picture: Path | None,
    out: Path,
    as_json: bool,
) -> None:
    """Give TARGET the expression (or another factor) of SOURCE.

    Each is a mesh of the model's topology, in any pose and unit, or a row of codes as `gan sample`,
    `gan fit` and `gan interpolate` write them. The result lies where TARGET lies, in its unit.

    Example: gan transfer runs/faces smile.obj 'codes.npz#3' -o smiling.obj --picture all.png
    """
    import numpy as np
    import torch

    from gan.editing import transfer_codes
    from gan.report.edits import draw_transfer
    from gan.report.samples import save_face
    from meshkit.cli.messages import tell
    from meshkit.render import save_png

    model = load_run(run)
    giver, taker = read_faces(model, source, target)
    codes = transfer_codes(model, giver.codes, taker.codes, factor, mode=mode, strength=strength)
    with torch.no_grad():
        X = [model.decode(giver.codes)[0] + giver.detail, model.decode(taker.codes)[0]]
        result = model.decode(codes)[0]
    X[1] = X[1] + taker.detail
    if keep_detail:
        result = result + taker.detail
    save_face(out, model, taker.pose.into_unit.apply(result.double().numpy()))
    if picture is not None:
        faces = [np.asarray(x.double().numpy()) for x in (*X, result)]
        save_png(picture, draw_transfer(model, faces, ["source", "target", "result"]))
    facts = {"run": run, "source": source, "target": target, "factor": factor, "mode": mode}
    facts |= {"strength": strength, "output": out, "picture": picture}
    facts["poses"] = {"source": giver.pose.to_dict(), "target": taker.pose.to_dict()}
    tell(f"{out}: {target} with the {factor} of {source}", facts, as_json)
