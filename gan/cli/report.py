"""`gan report`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gan.cli.options import ANY, chosen_checkpoint, option, out_option, run_argument
from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.datasets.store import Dataset


@click.command()
@run_argument
@click.argument("dataset", required=False, type=ANY)
@out_option("Page to write.  [default: RUN/report.html]", type=ANY, metavar="FILE")
@option("--seed", click.IntRange(0, 2**63 - 1000), 0, "Of the faces in the pictures.")
@json_option
def report(run: Path, dataset: Path | None, out: Path | None, seed: int, as_json: bool) -> None:
    """Write one HTML page about RUN that needs nothing else: no network, no other files.

    Faces, one of which can be turned and moved by a script that the page holds, real beside
    generated, identity × expression, interpolations, the UV layout, geometry images, metrics,
    losses, data and origin. The metrics are those of `gan evaluate`, or else measured quickly.
    DATASET is the data of the run, if it is not where it was.

    Example: gan report runs/faces -o faces.html
    """
    from contextlib import nullcontext

    from gan.report.page import build_report
    from gan.runs.directory import read_run
    from meshkit.cli.messages import about, tell
    from meshkit.cli.progress import progress_bar
    from meshkit.files import atomic_path

    record = read_run(run)  # before anything is written into it
    path = out or run / "report.html"
    with atomic_path(path) as aside, about(run), progress_bar() as progress:
        with _open_data(dataset, record.dataset) or nullcontext() as opened:
            page = build_report(
                run, opened, seed=seed, checkpoint=chosen_checkpoint(), progress=progress
            )
        aside.write_text(page, encoding="utf-8")
    size = path.stat().st_size
    tell(f"{path}: {size / 1e6:.1f} MB", {"run": run, "output": path, "bytes": size}, as_json)


def _open_data(named: Path | None, of_run: Path) -> "Dataset | None":
    """Open the data set named, or that of the run; None, with a note, if that is gone."""
    from gan.datasets.store import load_dataset

    if named is not None or of_run.exists():
        return load_dataset(named or of_run)
    click.echo(f"note: {of_run} is not there any more: no real faces, no new metrics", err=True)
    return None
