"""`gan animate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan.cli.options import load_run, option, out_option, read_faces, run_argument
from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.export.animation import Key
    from gan.models.contract import FaceGenerator


@click.command()
@run_argument
@click.argument("face", required=False)
@click.option(
    "--key",
    "keys",
    multiple=True,
    required=True,
    metavar="SECONDS:FACTOR=VALUE",
    help="The code of a factor at a time: a class, or a face ('codes.npz#3', 'smile.obj').",
)
@option(
    "--curve",
    click.Choice(["smooth", "linear", "ease", "ease-in", "ease-out", "hold"]),
    "smooth",
    "How fast it goes from key to key; smooth passes through them, ease stops at each.",
)
@click.option("--seconds", type=click.FloatRange(min=0.1), help="Length.  [default: the last key]")
@click.option("--loop", is_flag=True, help="Go back to the first key at the end.")
@option("--fps", click.IntRange(1, 60), 25, "Frames in a second.")
@out_option(
    "File to write: .glb or .gltf with weights in time, .mp4 (extra [video]), .gif, .npz (codes).",
    "animation.glb",
    *(".glb", ".gltf", ".mp4", ".gif", ".npz"),
)
@json_option
def animate(
    run: Path,
    face: str | None,
    keys: tuple[str, ...],
    curve: str,
    seconds: float | None,
    loop: bool,
    fps: int,
    out: Path,
    as_json: bool,
) -> None:
    """Move a face of the model of RUN in time, by keys for any of its factors.

    FACE is a mesh of the model's topology, in any pose and unit, or a row of codes; without it, the
    mean face.

    \b
    gan animate runs/faces anna.obj --loop -o smile.mp4 \\
        --key 0:expression=neutral --key 1:expression=happy --key 2:identity=berta.obj
    """  # noqa: D301 (click reads the character)
    import torch

    from gan.evaluation.generated import decode_all
    from gan.export.animation import codes_in_time, frames_as_targets
    from gan.export.shapes import zero_codes
    from gan.pose import IN_PLACE
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import progress_bar
    from meshkit.files import check_target

    check_target(out)
    model = load_run(run)
    base, detail, pose = zero_codes(model), torch.zeros_like(model.template), IN_PLACE
    if face is not None:
        (read,) = read_faces(model, face)
        base, detail, pose = read.codes, read.detail, read.pose
    given = [_read_key(model, text) for text in keys]
    t, codes = codes_in_time(base, given, fps=fps, seconds=seconds, curve=curve, loop=loop)
    suffix, targets = out.suffix.lower(), 0
    with progress_bar() as progress:
        if suffix == ".npz":
            from gan.report.samples import write_codes

            write_codes(out, model, codes)
        else:
            progress("decoding", 0, 0)
            X = decode_all(model, codes).astype("float64") + detail.double().numpy()
            if suffix in (".mp4", ".gif"):
                from gan.report.edits import write_film

                # The last frame of a loop is its first.
                write_film(out, model, X[: len(X) - loop], fps=fps, progress=progress)
            else:
                from gan.export.morphs import save_morph_face

                X = pose.motion.apply(X)  # glTF is in metres, whatever the mesh was in
                shapes, in_time = frames_as_targets(X, t)
                targets = len(shapes)
                save_morph_face(out, model, X[0], shapes, animation=in_time)
    facts: dict[str, Any] = {"run": run, "face": face, "output": out, "keys": list(keys)}
    facts |= {"frames": len(t), "seconds": float(t[-1]), "curve": curve, "loop": loop}
    facts["targets"] = targets
    tell(f"{out}: {len(t)} frames, {t[-1]:.2f} s", facts, as_json)


def _read_key(model: "FaceGenerator", text: str) -> "Key":
    """Read SECONDS:FACTOR=VALUE.

    Raises
    ------
    ValueError
        It is none; the model has no such factor or class.
    """
    from gan.export.animation import Key, class_code

    time, colon, rest = text.partition(":")
    factor, equals, value = rest.partition("=")
    try:
        seconds = float(time)
    except ValueError:
        colon = ""
        seconds = 0.0
    if not colon or not equals or not value:
        raise ValueError(f"--key {text!r}: write SECONDS:FACTOR=VALUE, as 1.5:expression=happy")
    if value in model.factor(factor).classes or not Path(value.partition("#")[0]).exists():
        return Key(seconds, factor, class_code(model, factor, value))
    (face,) = read_faces(model, value)
    return Key(seconds, factor, face.codes[factor][0])
