"""`gan data import`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gan.cli.options import EXISTING, EXISTING_FOLDER, option, out_option
from meshkit.cli.parameters import Output, component_option, flag, json_option

if TYPE_CHECKING:
    from gan.datasets.importing.dataset import Imported
    from gan.datasets.importing.manifest import Manifest

AXES = click.Choice(["+x", "-x", "+y", "-y", "+z", "-z"])
LAYOUTS = ["auto", "coma", "facescape", "facewarehouse", "bu3dfe", "bu4dfe", "bp4d", "bosphorus"]
MAX_LINES = 8  # for outliers, twins and refused meshes, each, on the terminal
MESHES_PER_PROCESS = 200  # as many are read in the time that another process takes to start


@click.command("import")
@click.argument("folder", type=EXISTING_FOLDER)
@out_option("HDF5 file to write; replaced if it exists.", None, ".h5", ".hdf5")
@click.option("--manifest", type=EXISTING, help="CSV or Parquet: path, subject and labels.")
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    help="Folder layout of a known collection, instead of a manifest.  [default: auto]",
)
@click.option(
    "--visemes", type=EXISTING, help="File of `gan data visemes`; joined by sequence and frame."
)
@click.option(
    "--write-manifest",
    type=Output(".csv"),
    help="Write the list of meshes as a CSV file. Without -o, nothing else happens.",
)
@click.option(
    "--template",
    type=EXISTING,
    help="Mesh that gives the topology and the pose.  [default: the first mesh]",
)
@option(
    "--unit",
    click.Choice(["auto", "mm", "cm", "dm", "m"]),
    "auto",
    "Unit of length of the files; auto finds it from the size of the face.",
)
@option("--up", AXES, "+y", "Axis that points up.")
@option("--front", AXES, "+z", "Axis that faces look along.")
@click.option(
    "--align/--no-align", default=True, help="Align meshes on their mean.  [default: align]"
)
@click.option("--align-on", type=EXISTING, help="List of vertices to align on.  [default: all]")
@click.option("--landmarks", type=EXISTING, help="List of the 68 iBUG vertices, to be stored.")
@option(
    "--split",
    str,
    "0.8,0.1,0.1",
    "Shares of the subjects. A column `split` of the manifest comes first.",
    metavar="TRAIN,VAL,TEST",
)
@option("--seed", int, 0, "Seed of that split.")
@option("--neutral", str, "neutral", "Expression whose mean shape becomes the template.")
@option(
    "--outlier-threshold threshold",
    float,
    5.0,
    "Call a mesh an outlier from so many robust deviations above the median.",
)
@click.option(
    "--drop-outliers", is_flag=True, help="Leave outliers out, instead of naming them alone."
)
@component_option
@click.option(
    "--mask", type=EXISTING, help="List of the vertices to keep of every mesh, as JSON or text."
)
@click.option(
    "--crop",
    type=EXISTING,
    help="List of landmark vertices: keep what lies around them, and hangs together.",
)
@flag("--cut", "Open the surface along a seam where it is closed, or has handles.")
@click.option("--skip-bad", is_flag=True, help="Leave unusable meshes out, and go on.")
@click.option("--jobs", type=click.IntRange(1), help="Processes.  [default: one for each core]")
@click.option("--report", type=Output(".html"), help="Also write an HTML page with pictures.")
@json_option
def import_(
    folder: Path,
    out: Path | None,
    manifest: Path | None,
    layout: str | None,
    visemes: Path | None,
    write_manifest: Path | None,
    split: str,
    component: int | str | None,
    mask: Path | None,
    crop: Path | None,
    cut: bool,
    jobs: int | None,
    report: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Make a data set of the registered meshes in FOLDER.

    All meshes must have the template's faces in its vertex order; scans go through `meshkit
    register` first. Interrupted, the same command goes on where it stopped.

    \b
    gan data import meshes --manifest meshes.csv -o faces.h5 --report qa.html
    gan data import COMA_data -o coma.h5              # a known layout is found
    gan data import COMA_data --component largest -o coma.h5   # the head without its eyeballs
    gan data import FaceScape --layout facescape --write-manifest list.csv
    """  # noqa: D301 (click reads the character)
    from gan.cli.data.progress import ends_on_sigterm, progress_bar
    from gan.datasets.importing.dataset import ImportOptions, import_dataset
    from gan.datasets.importing.manifest import write_manifest as save_manifest
    from gan.datasets.importing.selection import Wanted
    from meshkit.cli.messages import print_json
    from meshkit.files import atomic_path

    if manifest is not None and layout is not None:
        raise click.UsageError("give --manifest or --layout, not both")
    if out is None and write_manifest is None:
        raise click.UsageError("give -o OUT.h5 or --write-manifest LIST.csv")
    if chosen["align_on"] is not None and not chosen["align"]:
        raise click.UsageError("leave --align-on out: with --no-align it has no effect")
    if report is not None and out is None:
        raise click.UsageError("give -o OUT.h5 too: --report is about that file")
    listing, source = _list(folder, manifest, layout, visemes)
    if write_manifest is not None:
        save_manifest(write_manifest, listing)
        if not as_json:
            click.echo(f"{write_manifest}: {len(listing.entries)} meshes")
    facts: dict[str, Any] = {"manifest": write_manifest, "listed": len(listing.entries)}
    if out is None:
        if as_json:
            print_json(facts)
        return
    jobs = jobs or _default_jobs(len(listing.entries))
    wanted = Wanted(mask, crop, component, cut)
    options = ImportOptions(shares=_shares(split), jobs=jobs, wanted=wanted, **chosen)
    with ends_on_sigterm(), progress_bar() as progress:
        done = import_dataset(folder, listing, out, options, source=source, progress=progress)
    facts |= {
        "output": out,
        "report": report,
        **_tell(out, folder, done, options.drop_outliers, as_json),
    }
    if as_json:
        print_json(facts)
    if report is not None:
        from gan.datasets.store import load_dataset
        from gan.report.import_page import build_import_page

        with load_dataset(out) as dataset, atomic_path(report) as aside, progress_bar() as progress:
            progress("drawing the report", 0, 0)
            aside.write_text(build_import_page(dataset, done), encoding="utf-8")
        if not as_json:
            click.echo(f"{report}: what came in, with pictures")


def _list(
    folder: Path, manifest: Path | None, layout: str | None, visemes: Path | None
) -> tuple["Manifest", str]:
    """Return the list of the meshes and the name of their source; say what was detected."""
    from gan.datasets.importing.layouts import LAYOUTS, list_layout
    from gan.datasets.importing.manifest import read_manifest
    from gan.datasets.importing.speech import join_labels

    if manifest is not None:
        listing, source = read_manifest(manifest), "manifest"
    else:
        listed = list_layout(folder, layout or "auto")
        listing, source = listed.manifest, LAYOUTS[listed.name].title
        click.echo(listed.describe(folder), err=True)
    if visemes is not None:
        listing, note = join_labels(listing, visemes)
        click.echo(note, err=True)
    return listing, source


def _shares(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"give --split three shares such as 0.8,0.1,0.1, got {text!r}") from None


def _default_jobs(n: int) -> int:
    """Return one process for each core, fewer where starting them takes longer than reading."""
    return min(os.cpu_count() or 1, 1 + n // MESHES_PER_PROCESS)


def _tell(
    out: Path, folder: Path, done: "Imported", dropped: bool, as_json: bool
) -> dict[str, Any]:
    """Say what was decided or looks odd on stderr, what was written on stdout; return facts."""
    import numpy as np

    from gan.cli.remedies import REMEDIES
    from gan.datasets.importing.outliers import MEASURES
    from meshkit.cli.remedies import explain

    def say(line: str) -> None:
        click.echo(line, err=True)

    say(f"{folder}: lengths are {done.unit} ({done.unit_from}); the data set is in mm")
    for entry, reason in done.bad[:MAX_LINES]:
        say(f"left out: line {entry.line}: {entry.path}: {reason}")
    if len(done.bad) > MAX_LINES:
        say(f"left out: {len(done.bad) - MAX_LINES} more")
    for note in done.notes:
        say(note)
    if done.untrainable is not None:
        command = click.get_current_context().command
        say(f"gan train cannot use it as it is: {explain(done.untrainable, command, REMEDIES)}")
    flat = np.flatnonzero(done.alignment.measures.flat)
    for k in flat[:MAX_LINES].tolist():
        n = int(done.alignment.measures.flat[k])
        say(f"{done.entries[k].path}: {n} faces have no area")
    for twins in done.twins[:MAX_LINES]:
        say(f"equal bit for bit: {', '.join(done.entries[k].path for k in twins)}")
    limits = " or ".join(
        f"{MEASURES[name]} above {limit.limit:.1f} mm" for name, limit in done.limits.items()
    )
    verb = "dropped" if dropped else "kept"
    say(f"outliers ({limits}): {len(done.outliers)}" + (f", {verb}" if done.outliers else ""))
    entries = done.dropped if dropped else [done.entries[x.place] for x in done.outliers]
    for outlier, entry in list(zip(done.outliers, entries, strict=True))[:MAX_LINES]:
        measure = MEASURES[outlier.measure]
        say(f"  line {entry.line}: {entry.path}: {measure} {outlier.value:.1f} mm")
    people = len({entry.subject for entry in done.entries})
    rms = float(np.median(done.alignment.measures.rms))
    if not as_json:
        click.echo(
            f"{out}: {len(done.entries)} meshes of {len(done.alignment.mean)} vertices, {people} "
            f"subjects ({done.split_from}), {rms:.2f} mm from their mean (median)"
        )
    return {
        "meshes": len(done.entries),
        "vertices": len(done.alignment.mean),
        "subjects": people,
        "unit": done.unit,
        "median_rms_mm": rms,
        "left_out": {entry.path: reason for entry, reason in done.bad},
        "outliers": {
            entry.path: {"measure": x.measure, "mm": x.value}
            for x, entry in zip(done.outliers, entries, strict=True)
        },
    }
