"""`gan data register`."""

import sys
from pathlib import Path

import click

from gan.cli.workflow_options import workflow_options

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
MAX_NAMED = 8  # scans that could not be registered


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--manifest", type=FILE, required=True, help="CSV or Parquet: path, subject, labels.")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="HDF5 file."
)
@click.option(
    "--template",
    type=FILE,
    help="Fit this mesh to every scan.  [default: the meshes are registered already]",
)
@click.option(
    "--landmarks", type=FOLDER, help="Folder with STEM.json for any scan; see meshkit register."
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of fits, shards and logs.  [default: OUT without its suffix, and .work]",
)
@click.option(
    "--shard",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Meshes that one job imports, about; no subject is divided.",
)
@click.option("--register", default="", metavar="OPTIONS", help="Of meshkit register, in quotes.")
@click.option("--import", "imports", default="", metavar="OPTIONS", help="Of gan data import.")
@workflow_options
def register(
    folder: Path,
    manifest: Path,
    out: Path,
    template: Path | None,
    landmarks: Path | None,
    work: Path | None,
    shard: int,
    register: str,
    imports: str,
    cores: int,
    threads: int,
    executor: str,
    dry_run: bool,
    as_json: bool,
    more: tuple[str, ...],
) -> None:
    """Register the scans in FOLDER, import them in shards, and join these to one data set.

    A Snakemake workflow of `meshkit register`, `gan data import` and `gan data merge`, for tens of
    thousands of scans: on all cores of this machine, or by --executor slurm. The same command goes
    on where it was. A scan that cannot be registered is left out and named.

    \b
    gan data register scans --manifest scans.csv --template head.obj -o faces.h5
    gan data register scans --manifest scans.csv --template head.obj -o faces.h5 \\
        --executor slurm -- --group-components register=200
    """  # noqa: D301 (click reads the character)
    import json
    from tempfile import TemporaryDirectory

    from gan.datasets.importing.manifest import read_manifest
    from gan.datasets.importing.shards import ScanOptions, write_work
    from gan.errors import WorkflowError
    from gan.workflow.engine import Call, Change, run_snakemake, snakemake_arguments
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import Stages
    from meshkit.files import atomic_path

    listing = read_manifest(manifest)
    options = ScanOptions(template, landmarks, shard, register, imports)
    call = Call(executor, cores, threads or 1, dry_run, more)
    with TemporaryDirectory() as elsewhere:
        place = Path(elsewhere) if dry_run else work or out.with_suffix(".work")
        settings = write_work(folder, listing, out, place, options)
        with atomic_path(place / "scans.json") as aside:
            aside.write_text(json.dumps(settings, indent=1), encoding="utf-8")
        counts = {"begun": 0, "done": 0, "failed": 0}
        failed = list[str]()
        with Stages() as bar:

            def watch(change: Change) -> None:
                counts[change.kind] += 1
                if change.kind == "failed" and change.job.log:
                    failed.append(str(place / change.job.log))
                bar.update("registering and importing", counts["done"], len(listing.entries))

            arguments = snakemake_arguments(
                "scans.smk", place, place / "scans.json", [], call, {"threads": threads or 1}
            )
            ending = run_snakemake(arguments, watch, None if dry_run else place / "workflow.log")
        if ending.interrupted:
            click.echo("interrupted: the same command goes on", err=True)
            sys.exit(130)
        if not ending.ok:
            logs = ", ".join(dict.fromkeys(failed))
            raise WorkflowError(f"{place}: see {logs}" if logs else f"{place}: {ending.why}")
        lost = []
        if template and not dry_run:
            fits = place / settings["folder"]
            lost = [
                s["path"] for n, s in settings["scans"].items() if not (fits / f"{n}.ply").exists()
            ]
    for path in lost[:MAX_NAMED]:
        click.echo(f"left out: {path} could not be registered", err=True)
    if len(lost) > MAX_NAMED:
        click.echo(f"left out: {len(lost) - MAX_NAMED} more", err=True)
    jobs = counts["begun"] if dry_run else counts["done"]
    facts = {"output": out, "scans": len(listing.entries), "shards": len(settings["shards"])}
    facts |= {"jobs": jobs, "left_out": lost}
    verb = "would be done; nothing was written" if dry_run else "done"
    tell(f"{out}: {len(listing.entries)} scans, {jobs} jobs {verb}", facts, as_json)
