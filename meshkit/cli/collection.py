"""What commands share that take many meshes of one topology and write as many into a folder."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshkit.cli.parameters import FILE

if TYPE_CHECKING:
    from meshkit.mesh import Mesh

folder_option = click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FOLDER",
    required=True,
    help="Write the results into this folder. It is created if it is missing; files of the same "
    "name in it are replaced.",
)


def output_paths(
    inputs: tuple[Path, ...],
    folder: Path,
    suffix: str | None = None,
    *,
    beside: tuple[Path, ...] = (),
) -> list[Path]:
    """Return a file in the folder for each input: its name, perhaps with another suffix.

    Parameters
    ----------
    beside
        Further inputs, which may not be overwritten either.

    Raises
    ------
    click.UsageError
        Two inputs have one name; an output is an input; the folder is a file, or its own folder is
        missing.
    """
    from meshkit.io import SAVERS

    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"Give a folder with -o: {folder} is a file.")
    if not folder.parent.is_dir():
        raise click.UsageError(f"Create {folder.parent} before -o {folder}: it does not exist.")
    own = {".npy": ".obj", ".wrl": ".obj"}  # of formats that are only read
    paths = [
        folder / f"{path.stem}{suffix or own.get(path.suffix.lower(), path.suffix)}"
        for path in inputs
    ]
    owner: dict[Path, Path] = {}
    taken = {path.resolve() for path in (*inputs, *beside)}
    for source, path in zip(inputs, paths, strict=True):
        if path.suffix.lower() not in SAVERS:
            known = " ".join(sorted(SAVERS))
            raise click.UsageError(f"{path.name}: unknown suffix {path.suffix!r}; known: {known}")
        if path in owner:
            raise click.UsageError(
                f"Give files of different names: {owner[path]} and {source} would both be {path}."
            )
        owner[path] = source
        if path.resolve() in taken:
            raise click.UsageError(f"Give another folder than {folder}: {path} is an input.")
    return paths


def load_like(path: Path, first: Path, model: "Mesh", *, faces: bool = True) -> "Mesh":
    """Load a mesh whose vertices correspond to those of `model`.

    Raises
    ------
    MeshError
        It has another number of vertices or, if `faces` count, other faces; a position is not
        finite.
    """
    import numpy as np

    from meshkit.cli.messages import about
    from meshkit.errors import MeshError
    from meshkit.io import load_mesh

    with about(path):
        mesh = load_mesh(path, quads="index", faces=model.F)
        if len(mesh.V) != len(model.V):
            raise MeshError(
                f"{path} has {len(mesh.V)} vertices, {first} has {len(model.V)}: their vertices "
                "do not correspond"
            )
        if faces and (mesh.F.shape != model.F.shape or (mesh.F != model.F).any()):
            raise MeshError(
                f"{path} has other faces than {first}: their vertices do not correspond"
            )
        finite = np.isfinite(mesh.V).all(axis=1)
        if not finite.all():
            raise MeshError(f"{path}: vertex {int(finite.argmin())} is not finite")
    return mesh
