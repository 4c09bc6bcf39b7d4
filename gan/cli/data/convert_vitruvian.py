"""`gan data convert-vitruvian`."""

from pathlib import Path

import click

from gan.cli.options import EXISTING_FOLDER, out_option
from meshkit.cli.parameters import json_option


@click.command("convert-vitruvian")
@click.argument("checkout", type=EXISTING_FOLDER)
@out_option("Face model file to write.  [default: vitruvian_face.npz, or vitruvian_face_full.npz]")
@click.option(
    "--full",
    is_flag=True,
    help="Keep the ears and the front of the neck: 4,623 vertices instead of 2,866.",
)
@json_option
def convert(checkout: Path, out: Path | None, full: bool, as_json: bool) -> None:
    """Turn CHECKOUT, a copy of github.com/Upliner/CharMorph-Vitruvian, into a face model file.

    A git directory without a work tree does as well. That data is declared CC0; the line that
    names its authors goes into the file and into every data set made from it.
    """
    from gan.cli.data.progress import progress_bar
    from gan.datasets.converting import vitruvian
    from gan.datasets.tables import read_table
    from meshkit.cli.messages import tell

    out = out or Path("vitruvian_face_full.npz" if full else "vitruvian_face.npz")
    cut = vitruvian.vitruvian_cut("full" if full else "narrow")
    with progress_bar() as progress:
        vitruvian.convert_vitruvian(checkout, out, cut=cut, progress=progress)
    named = read_table("vitruvian")["attribution"]
    line = f"{out}: for gan data make --model {out}\n{named}"
    tell(line, {"output": out, "attribution": named}, as_json)
