"""`meshkit view`: meshes in the browser."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import FILE, json_option
from meshkit.cli.serving import serving_options
from meshkit.cli.streams import streams

if TYPE_CHECKING:
    from meshkit.viewing.subject import Subject


@click.command()
@click.argument("meshes", nargs=-1, required=True, type=FILE, metavar="MESH...")
@click.option(
    "--up",
    type=click.Choice(["y", "z"]),
    default="y",
    show_default=True,
    help="The axis that points up. The mesh then faces +z (y up) or -y (z up).",
)
@serving_options
@json_option
@streams("meshes")
def view(
    meshes: tuple[Path, ...], up: str, open_browser: bool | None, as_json: bool, **serving: Any
) -> None:
    """Show meshes in the browser: shading, UV checker, boundaries, the findings of meshkit check.

    The server runs until Ctrl-C. Texture coordinates are those of the file; a disk without any is
    flattened for display, and the file stays as it is.

    Example: meshkit view face.obj scan.ply
    """
    from meshkit.cli.messages import print_json
    from meshkit.cli.remedies import in_words
    from meshkit.cli.serving import announce
    from meshkit.viewing.mesh_viewer import view_meshes

    subjects = [_open(path) for path in meshes]
    with view_meshes(subjects, up=up, advice=in_words, **serving) as server:

        def tell() -> None:
            if as_json:
                print_json(
                    {"url": server.url, "port": server.port, "files": list(map(str, meshes))}
                )
            announce(server, open_browser=open_browser, quiet=as_json)

        server.wait(tell)


def _open(path: Path) -> "Subject":
    from meshkit.cli.messages import about
    from meshkit.io import load_mesh
    from meshkit.viewing.subject import Subject

    with about(path):
        return Subject(path, load_mesh(path))
