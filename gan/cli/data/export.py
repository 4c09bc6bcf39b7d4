"""`gan data export`."""

from pathlib import Path

import click

from gan.cli.options import EXISTING, NewFolder, mesh_format_option, option, out_option
from meshkit.cli.parameters import json_option

MANIFEST = "manifest.csv"


@click.command()
@click.argument("file", type=EXISTING)
@click.option(
    "--split", type=click.Choice(["train", "validation", "test"]), help="Only meshes of this part."
)
@click.option(
    "--label",
    "given",
    multiple=True,
    metavar="FACTOR=CLASS",
    help="Only meshes of a class; for several factors, of all of them.",
)
@option("--limit", click.IntRange(min=1), 1_000_000, "At most so many, the first.", metavar="N")
@mesh_format_option
@out_option("Folder to write: meshes, and a manifest.", "meshes", type=NewFolder())
@json_option
def export(
    file: Path,
    split: str | None,
    given: tuple[str, ...],
    limit: int,
    format: str,
    out: Path,
    as_json: bool,
) -> None:
    """Write the meshes of the data set FILE, in mm, with a manifest of their labels.

    `gan data import FOLDER --manifest FOLDER/manifest.csv` reads them again.

    Example: gan data export faces.h5 --split test --label expression=happy -o happy
    """
    import numpy as np

    from gan.datasets.contract import SPLITS, STILL, UNLABELLED
    from gan.datasets.importing.manifest import Entry, Manifest, write_manifest
    from gan.datasets.store import load_dataset
    from gan.report.folder import written_folder
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import progress_bar
    from meshkit.io import save_mesh
    from meshkit.mesh import Mesh

    entries = []
    with load_dataset(file) as dataset:
        keep = np.ones(dataset.n, dtype=bool)
        if split is not None:
            keep &= dataset.split == SPLITS.index(split)
        for pair in given:
            factor, _, name = pair.partition("=")
            if name not in dataset.names.get(factor, ()):
                known = ", ".join(dataset.names.get(factor, dataset.names))
                raise ValueError(f"--label {pair!r}: {file} knows {known}")
            keep &= dataset.labels[factor] == dataset.names[factor].index(name)
        rows = np.flatnonzero(keep)[:limit]
        if not len(rows):
            raise ValueError(f"{file}: no mesh is of that part and class")
        with written_folder(out, is_ours, "meshes") as aside, progress_bar() as progress:
            for done, k in enumerate(rows.tolist()):
                name = f"mesh-{k:06d}.{format}"
                V = dataset.vertices([k])[0].astype(np.float64)
                save_mesh(aside / name, Mesh(V, dataset.faces))
                sequence, labels = int(dataset.sequence[k]), dict[str, str]()
                for factor, classes in dataset.names.items():
                    if (c := int(dataset.labels[factor][k])) != UNLABELLED:
                        labels[factor] = classes[c]
                still = sequence == STILL
                entries.append(
                    Entry(
                        done + 2,  # its line in the table, below the header
                        name,
                        f"subject {int(dataset.subject[k])}",
                        "" if still else f"sequence {sequence}",
                        None if still else int(dataset.frame[k]),
                        SPLITS[int(dataset.split[k])],
                        labels,
                    )
                )
                progress("writing", done + 1, len(rows))
            listing = Manifest(MANIFEST, tuple(entries), tuple(dataset.names))
            write_manifest(aside / MANIFEST, listing)
    facts = {"file": file, "output": out, "meshes": len(entries), "manifest": out / MANIFEST}
    tell(f"{out}: {len(entries)} meshes, listed in {out / MANIFEST}", facts, as_json)


def is_ours(path: Path) -> bool:
    """Return whether a file is one that this command writes."""
    return path.name == MANIFEST or path.stem.startswith("mesh-")
