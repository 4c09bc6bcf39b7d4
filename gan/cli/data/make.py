"""`gan data make`."""

from pathlib import Path

import click


@click.command()
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="faces.h5",
    show_default=True,
    help="HDF5 file to write; replaced if it exists.",
)
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Face model file (.npz). [default: the embedded procedural head]",
)
@click.option(
    "--size",
    default="small",
    show_default=True,
    metavar="NAME",
    help="tiny (128 meshes), demo (1,880), small (6,700) or full (30,750).",
)
@click.option("--subjects", type=int, help="People; a tenth each for validation and test.")
@click.option("--stills", type=int, help="Labelled stills of each person.")
@click.option("--sequences", type=int, help="Sequences neutral, apex, neutral of each person.")
@click.option("--frames", type=int, help="Meshes in a sequence; three carry a label.")
@click.option("--seed", type=int, default=0, show_default=True, help="Equal seeds, equal bytes.")
@click.option("--visemes", is_flag=True, help="Let them speak: a third factor of 15 mouth shapes.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes.")
@click.option("--noise", type=float, default=0.0, metavar="MM", help="Scanner noise. [default: 0]")
def make(
    out: Path,
    model: Path | None,
    size: str,
    subjects: int | None,
    stills: int | None,
    sequences: int | None,
    frames: int | None,
    seed: int,
    visemes: bool,
    jobs: int,
    noise: float,
) -> None:
    """Make a data set: people who show the seven basic expressions, in mm.

    --subjects, --stills, --sequences and --frames replace the numbers of --size. Identities are
    always labelled; expressions in stills and in the first, last and apex frame of a sequence;
    visemes in stills and where a sequence reaches them. Example:

    \b
    gan data make --model ict_face.npz --size demo --visemes --jobs 2 -o speaking.h5
    """  # noqa: D301 (click reads the backspace)
    import dataclasses

    from gan.cli.data.progress import progress_bar
    from gan.datasets.make import make_dataset, named_size
    from gan.datasets.morphable import load_face_model
    from gan.datasets.procedural import ProceduralHead
    from gan.datasets.source import FaceSource
    from gan.datasets.store import load_dataset

    given = {"subjects": subjects, "stills": stills, "sequences": sequences, "frames": frames}
    numbers = dataclasses.replace(
        named_size(size), **{name: n for name, n in given.items() if n is not None}
    )
    numbers.check()
    source: FaceSource = load_face_model(model) if model else ProceduralHead()
    with progress_bar("meshes", numbers.meshes) as progress:
        make_dataset(
            source,
            out,
            size=numbers,
            seed=seed,
            noise=noise,
            visemes=visemes,
            jobs=jobs,
            progress=progress,
        )
    if "unit" in source.provenance:
        unit, reason = source.provenance["unit"], source.provenance["unit_from"]
        click.echo(f"{model}: lengths are {unit} ({reason}); the data set is in mm", err=True)
    with load_dataset(out) as dataset:
        labelled = int((dataset.labels["expression"] >= 0).sum())
        if ignored := dataset.provenance["ignored_units"]:
            click.echo(f"{source.name} has no action unit {', '.join(ignored)}: left out", err=True)
        for name in dataset.names.get("viseme", ()):
            if "+" in name:
                alike = name.replace("+", ", ")
                click.echo(f"{source.name}: {alike} look alike: one class, {name}", err=True)
        click.echo(
            f"{out}: {dataset.n} meshes of {len(dataset.template)} vertices, "
            f"{numbers.subjects} subjects, {labelled} with an expression label "
            f"({labelled / dataset.n:.0%})"
        )
