"""`gan data convert-ict`."""

from pathlib import Path

import click

from meshkit.cli.parameters import json_option


@click.command("convert-ict")
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Face model file to write. [default: ict_face.npz, or ict_face_full.npz]",
)
@click.option("--full", is_flag=True, help="With ears and neck front: 9,409 vertices, not 6,706.")
@json_option
def convert(checkout: Path, out: Path | None, full: bool, as_json: bool) -> None:
    """Turn CHECKOUT, a copy of github.com/ICT-VGL/ICT-FaceKit, into a face model file.

    That data is MIT-licensed, Copyright (c) 2020 USC Institute for Creative Technologies.
    """
    from gan.cli.data.progress import progress_bar
    from gan.datasets import convert_ict
    from meshkit.cli.messages import tell

    out = out or Path("ict_face_full.npz" if full else "ict_face.npz")
    area = convert_ict.FULL if full else convert_ict.NARROW
    with progress_bar("OBJ files", convert_ict.count_files(checkout)) as progress:
        convert_ict.convert_ict(checkout, out, area=area, progress=progress)
    line = f"{out}: {area.vertices} vertices, for gan data make --model {out}"
    tell(line, {"output": out, "vertices": area.vertices}, as_json)
