"""`gan transfer`."""

from pathlib import Path

import click

from meshkit.cli.parameters import json_option


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("source")
@click.argument("target")
@click.option(
    "--factor", default="expression", show_default=True, help="What the target gets of the source."
)
@click.option(
    "--mode",
    type=click.Choice(["replace", "add"]),
    default="replace",
    show_default=True,
    help="Replace the target's code, or add the source's to it.",
)
@click.option(
    "--strength", type=float, default=1.0, show_default=True, help="Beyond 1 exaggerates."
)
@click.option(
    "--keep-detail", is_flag=True, help="Keep what the model does not express of a target mesh."
)
@click.option(
    "--picture", type=click.Path(dir_okay=False, path_type=Path), help="PNG of the three."
)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="transferred.obj",
    show_default=True,
    help="Mesh to write: .obj, .ply, .glb; .stl, without texture coordinates.",
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

    Each is a mesh of the model's topology, in mm, or a row of codes as `gan sample`, `gan fit` and
    `gan interpolate` write them.

    Example: gan transfer runs/faces smile.obj 'codes.npz#3' -o smiling.obj --picture all.png
    """
    import numpy as np
    import torch

    from gan.editing import load_face, transfer_codes
    from gan.report.edits import draw_transfer
    from gan.report.samples import save_face
    from gan.runs.checkpoints import load_model
    from meshkit.cli.messages import about, tell
    from meshkit.render import save_png

    with about(run):
        model = load_model(run).to("cpu")
    giver, taker = load_face(model, source), load_face(model, target)
    codes = transfer_codes(model, giver.codes, taker.codes, factor, mode=mode, strength=strength)
    with torch.no_grad():
        X = [model.decode(giver.codes)[0] + giver.detail, model.decode(taker.codes)[0]]
        result = model.decode(codes)[0]
    X[1] = X[1] + taker.detail
    if keep_detail:
        result = result + taker.detail
    save_face(out, model, result.double().numpy())
    if picture is not None:
        shown = [np.asarray(x.double().numpy()) for x in (*X, result)]
        save_png(picture, draw_transfer(model, shown, ["source", "target", "result"]))
    facts = {"run": run, "source": source, "target": target, "factor": factor, "mode": mode}
    facts |= {"strength": strength, "output": out, "picture": picture}
    tell(f"{out}: {target} with the {factor} of {source}", facts, as_json)
