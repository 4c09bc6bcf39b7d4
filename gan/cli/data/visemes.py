"""`gan data visemes`."""

from pathlib import Path

import click

from gan.cli.options import EXISTING, option, out_option
from meshkit.cli.parameters import json_option


@click.command()
@click.argument(
    "alignments",
    nargs=-1,
    required=True,
    metavar="ALIGNMENT.TextGrid…",
    type=EXISTING,
)
@out_option("CSV file to write: sequence, frame, viseme.", None, ".csv", required=True)
@click.option("--fps", type=float, required=True, help="Meshes per second of the scans.")
@option("--tier", str, "phones", "Tier that holds the phones.")
@click.option("--sequence", help="Name of the sequence.  [default: the file's, without suffix]")
@click.option(
    "--start",
    type=float,
    default=0.0,
    metavar="S",
    help="Where in the sound the first frame begins.  [default: 0]",
)
@click.option(
    "--frames",
    type=click.IntRange(1),
    help="How many frames to label.  [default: to the end of the speech]",
)
@option("--first-frame", click.IntRange(0), 0, "Number of the first frame in the manifest.")
@json_option
def visemes(
    alignments: tuple[Path, ...],
    out: Path,
    fps: float,
    tier: str,
    sequence: str | None,
    start: float,
    frames: int | None,
    first_frame: int,
    as_json: bool,
) -> None:
    """Turn alignments of speech (Montreal Forced Aligner, Praat) into a viseme for each frame.

    \b
    gan data visemes sentence01.TextGrid --fps 60 --first-frame 1 -o visemes.csv
    gan data import meshes --manifest meshes.csv --visemes visemes.csv -o faces.h5
    """  # noqa: D301 (click reads the character)
    from collections import Counter

    from gan.datasets.importing.speech import (
        FrameLabels,
        label_frames,
        read_phones,
        to_visemes,
        write_labels,
    )
    from meshkit.cli.messages import tell

    if sequence is not None and len(alignments) > 1:
        raise click.UsageError("--sequence names one sequence, but there are several alignments")
    sequences: dict[str, FrameLabels] = {}
    for path in alignments:
        name = sequence or path.stem
        if name in sequences:
            raise click.UsageError(f"two alignments are called {name}")
        intervals = to_visemes(read_phones(path, tier), str(path))
        sequences[name] = label_frames(intervals, fps, start=start, frames=frames)
    write_labels(out, sequences, first_frame)
    count = Counter(label for labels in sequences.values() for label in labels.labels)
    n, ties = sum(count.values()), sum(labels.ties for labels in sequences.values())
    counts = ", ".join(f"{name or 'no label'} {k}" for name, k in count.most_common())
    facts = {"output": out, "frames": n, "sequences": len(sequences), "ties": ties}
    facts["visemes"] = {name: k for name, k in count.items() if name}
    tell(f"{out}: {n} frames of {len(sequences)} sequences: {counts}", facts, as_json)
    if ties:
        click.echo(f"{ties} frames lie half in two visemes: the earlier was taken", err=True)
