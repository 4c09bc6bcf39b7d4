"""`gan data make`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan.cli.options import EXISTING, option, out_option
from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.datasets.plan import Size
    from gan.datasets.source import FaceSource


@click.command()
@out_option("HDF5 file to write; replaced if it exists.", "faces.h5", ".h5", ".hdf5")
@click.option(
    "--model",
    type=EXISTING,
    help="Face model file (.npz).  [default: the embedded procedural head]",
)
@option(
    "--size",
    str,
    "small",
    "tiny (128 meshes), demo (1,880), small (6,700) or full (30,750); of a benchmark: tiny "
    "(690), small (9,843) or full (22,188).",
    metavar="NAME",
)
@click.option(
    "--benchmark",
    type=click.Choice(["open-faces"]),
    help="The documented benchmark set, whose numbers are fixed but for --size.",
)
@click.option(
    "--interaction",
    type=click.FloatRange(0, 1),
    metavar="X",
    help="Of a benchmark: how far expressions depend on whose face they are on, from 0 (identity "
    "and expression add up) to 1.  [default: 1]",
)
@click.option(
    "--subjects", type=int, help="Number of people; a tenth each for validation and test."
)
@click.option("--stills", type=int, help="Labelled stills of each person.")
@click.option(
    "--sequences", type=int, help="Sequences of each person, from neutral to an apex and back."
)
@click.option("--frames", type=int, help="Meshes in a sequence; three carry a label.")
@option("--seed", int, 0, "Seed of people and expressions; equal seeds give equal files.")
@click.option(
    "--visemes", is_flag=True, help="Let people speak: a third factor of 15 mouth shapes."
)
@click.option(
    "--noise", type=float, metavar="MM", help="Deviation of a scanner's noise.  [default: 0]"
)
@option("--jobs", int, 1, "Number of processes.")
@json_option
def make(
    out: Path,
    model: Path | None,
    size: str,
    benchmark: str | None,
    interaction: float | None,
    seed: int,
    jobs: int,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Make a data set: people who show the seven basic expressions, in mm.

    --subjects, --stills, --sequences and --frames replace the numbers of --size. Identities are
    always labelled; expressions in stills and in the first, last and apex frame of a sequence;
    visemes in stills and where a sequence reaches them. A benchmark also writes, beside OUT.h5,
    OUT.extreme.h5 (extreme expressions of further people), OUT.judges.h5 (stills of further people
    from whom only judges learn) and OUT.transfer.h5 (transfer between held-out people, with the
    truth). Examples:

    \b
    gan data make --model ict_face.npz --size demo --visemes --jobs 2 -o speaking.h5
    gan data make --model ict_face.npz --benchmark open-faces --size small -o open.h5
    """  # noqa: D301
    from gan.cli.data.progress import progress_bar
    from gan.datasets.benchmark.open_faces import make_open_faces
    from gan.datasets.benchmark.transfer_pairs import extreme_path, judges_path, transfer_path
    from gan.datasets.make import make_dataset
    from gan.datasets.morphable import load_face_model
    from gan.datasets.procedural import ProceduralHead
    from meshkit.cli.messages import print_json

    # Not `in`: --subjects 0 is given, and 0 == False.
    given = {
        name: value for name, value in chosen.items() if value is not None and value is not False
    }
    if benchmark and given:
        raise click.UsageError(
            f"leave --{next(iter(given))} out: --benchmark {benchmark} has its own"
        )
    if interaction is not None and not benchmark:
        raise click.UsageError("--interaction belongs to a benchmark: give --benchmark as well")
    source: FaceSource = load_face_model(model) if model else ProceduralHead()
    with progress_bar() as progress:
        if benchmark:
            make_open_faces(
                source,
                out,
                size=size,
                seed=seed,
                interaction=1.0 if interaction is None else interaction,
                jobs=jobs,
                progress=progress,
            )
        else:
            make_dataset(
                source,
                out,
                size=_chosen_size(size, given),
                seed=seed,
                noise=given.get("noise", 0.0),
                visemes=given.get("visemes", False),
                jobs=jobs,
                progress=progress,
            )
    if "unit" in source.provenance:
        unit, reason = source.provenance["unit"], source.provenance["unit_from"]
        click.echo(f"{model}: lengths are {unit} ({reason}); the data set is in mm", err=True)
    written: list[dict[str, Any]] = []
    for path in (out, extreme_path(out), judges_path(out)) if benchmark else (out,):
        written.append(_report(path, source, as_json))
    if benchmark:
        written.append(_report_transfer(transfer_path(out), as_json))
    if as_json:
        print_json({"files": written})


def _chosen_size(name: str, given: dict[str, Any]) -> "Size":
    """Return the named size with the numbers that replace its own."""
    import dataclasses

    from gan.datasets.make import named_size

    size = named_size(name)
    own = [field.name for field in dataclasses.fields(size)]
    size = dataclasses.replace(size, **{key: given[key] for key in own if key in given})
    size.check()
    return size


def _report_transfer(path: Path, as_json: bool) -> dict[str, Any]:
    """Say what the file of transfer pairs holds; return the facts."""
    from gan.datasets.benchmark.transfer_pairs import load_transfer

    pairs = load_transfer(path)
    people = len({*pairs.person_a.tolist()})
    if not as_json:
        click.echo(f"{path}: {len(pairs)} transfers between {people} held-out people")
    return {"path": str(path), "transfers": len(pairs), "subjects": people}


def _report(path: Path, source: "FaceSource", as_json: bool) -> dict[str, Any]:
    """Say what was written, and what the source could not do; return the facts of the file."""
    import numpy as np

    from gan.datasets.inspection import describe
    from gan.datasets.store import load_dataset

    with load_dataset(path) as dataset:
        labelled = int((dataset.labels["expression"] >= 0).sum())
        if ignored := dataset.provenance["ignored_units"]:
            click.echo(
                f"{source.name} has no action unit {', '.join(ignored)}; they are left out",
                err=True,
            )
        for name in dataset.names.get("viseme", ()):
            if "+" in name:
                alike = name.replace("+", ", ")
                click.echo(
                    f"{source.name} shows {alike} alike; they are one class, {name}", err=True
                )
        line = (
            f"{path}: {dataset.n} meshes of {len(dataset.template)} vertices, "
            f"{len(np.unique(dataset.subject))} subjects, {labelled} with an expression label "
            f"({labelled / dataset.n:.0%})"
        )
        if not as_json:
            click.echo(line)
        return describe(dataset)
