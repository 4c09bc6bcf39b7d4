"""`gan data oracle`."""

from pathlib import Path
from typing import Any

import click

from gan.cli.options import EXISTING
from meshkit.cli.parameters import json_option


@click.command()
@click.argument("file", type=EXISTING)
@click.option(
    "--model",
    type=EXISTING,
    help="Face model file that FILE was made from.  [default: the embedded procedural head]",
)
@json_option
def oracle(file: Path, model: Path | None, as_json: bool) -> None:
    """Say what expression transfer can reach on the benchmark FILE: its floor and its ceiling.

    Errors of doing nothing, of addition, of the best linear map and of an oracle that knows the
    generator, in mm with intervals over people, on the pairs in FILE's .transfer.h5. They are
    stored beside FILE as .oracle.json. Example:

    \b
    gan data oracle open.h5 --model ict_face.npz
    """  # noqa: D301
    import json

    import numpy as np

    from gan.cli.data.progress import progress_bar
    from gan.datasets.benchmark.interaction import InteractingFace
    from gan.datasets.benchmark.transfer_pairs import load_transfer, side_path, transfer_path
    from gan.datasets.morphable import load_face_model
    from gan.datasets.procedural import ProceduralHead
    from gan.datasets.scanner import Scanner
    from gan.datasets.store import load_dataset
    from gan.evaluation.distance import mean_vertex_distance
    from gan.evaluation.oracle import check_source, find_floor
    from meshkit.cli.messages import print_json
    from meshkit.files import atomic_path

    pairs = load_transfer(transfer_path(file))
    with load_dataset(file) as dataset:
        train = np.unique(dataset.subject[dataset.indices("train")])
        fingerprint = dataset.fingerprint
    made = pairs.provenance
    dial = float(made["parameters"]["interaction"])
    face = InteractingFace(load_face_model(model) if model else ProceduralHead(), dial)
    check_source(face, pairs, str(file))
    noise = {key: made["parameters"][f"noise_{key}_mm"] for key in Scanner._fields}
    with progress_bar() as progress:
        errors = find_floor(
            face,
            pairs,
            train=train,
            scanner=Scanner(**noise),
            seed=made["parameters"]["seed"],
            progress=progress,
        )
    facts: dict[str, Any] = {
        "path": str(file),
        "fingerprint": fingerprint,
        "source": face.name,
        "interaction": dial,
        "displacement_mm": float(mean_vertex_distance(pairs.truth, pairs.rest_a).mean()),
        "transfers": errors["oracle"].n,
        "errors_mm": {
            way: {"mean": e.mean, "low": e.low, "high": e.high} for way, e in errors.items()
        },
        "linear_over_oracle": errors["linear map"].mean / errors["oracle"].mean,
    }
    with atomic_path(side_path(file, "oracle").with_suffix(".json")) as aside:
        aside.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(facts)
        return
    click.echo(
        f"{file}: {facts['transfers']} transfers between held-out people, interaction {dial:g}"
    )
    for way, e in errors.items():
        click.echo(f"  {way:10}  {e.mean:.3f} mm  ({e.low:.3f} to {e.high:.3f})")
    click.echo(f"  the best linear map errs {facts['linear_over_oracle']:.1f} times the oracle")
