"""`gan data convert-ict`."""

from pathlib import Path

import click

from gan.cli.options import EXISTING_FOLDER, out_option
from meshkit.cli.parameters import json_option


@click.command("convert-ict")
@click.argument("checkout", type=EXISTING_FOLDER)
@out_option(
    "Face model file to write.  [default: ict_face.npz, or ict_face_full.npz]", None, ".npz"
)
@click.option(
    "--full",
    is_flag=True,
    help="Keep the ears and the front of the neck: 9,409 vertices instead of 6,706.",
)
@json_option
def convert(checkout: Path, out: Path | None, full: bool, as_json: bool) -> None:
    """Turn CHECKOUT, a copy of github.com/ICT-VGL/ICT-FaceKit, into a face model file.

    That data is MIT-licensed, Copyright (c) 2020 USC Institute for Creative Technologies.
    """
    from gan.cli.data.progress import progress_bar
    from gan.datasets.converting import ict
    from meshkit.cli.messages import tell

    out = out or Path("ict_face_full.npz" if full else "ict_face.npz")
    area = ict.FULL if full else ict.NARROW
    with progress_bar() as progress:
        ict.convert_ict(checkout, out, area=area, progress=progress)
    line = f"{out}: {area.vertices} vertices, for gan data make --model {out}"
    tell(line, {"output": out, "vertices": area.vertices}, as_json)
