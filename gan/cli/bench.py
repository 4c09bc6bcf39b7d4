"""`gan bench`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gan.cli.options import EXISTING, option
from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.training.benchmark import Benchmark
    from gan.training.roofline import Roofline


@click.command()
@click.argument("dataset", required=False, type=EXISTING)
@click.option(
    "--preset", default=None, metavar="NAME", help="A preset of gan train.  [default: plus]"
)
@click.option("--config", "file", type=EXISTING, help="TOML laid over the preset, if one is given.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set one value.")
@option("--device", str, "auto", "auto, cpu, cuda or cuda:N.")
@option("--rounds", click.IntRange(1), 10, "Rounds to time of each part.")
@click.option(
    "--vertices",
    type=click.IntRange(100, 1_000_000),
    metavar="N",
    help="Time on a made-up surface of about N vertices, instead of a data set.",
)
@option(
    "--epochs", click.FloatRange(0, min_open=True), 200, "Passes over the data to extrapolate to."
)
@option("--meshes", click.IntRange(1), 30_000, "Meshes of the data set to extrapolate to.")
@click.option(
    "--roofline",
    "named",
    metavar="DEVICE",
    help="Predict the time on another device by its limits: v100, a100, rtx4090, h100 or h200.",
)
@json_option
def bench(
    dataset: Path | None,
    preset: str | None,
    file: Path | None,
    overrides: tuple[str, ...],
    device: str,
    rounds: int,
    vertices: int | None,
    epochs: float,
    meshes: int,
    named: str | None,
    as_json: bool,
) -> None:
    """Time the training of DATASET, or of the embedded heads: parts of a step, and its floor.

    The floor is the time of the same convolutions and dense matrix products, run one after the
    other with nothing between them. Nothing is saved but the cache. --epochs and --meshes say
    what to extrapolate to.

    Example: gan bench --preset demo --set training.threads=1

    Example: gan bench --preset paper --vertices 22000 --set precision.autocast=bf16

    Example: gan bench --preset paper --vertices 22000 --rounds 1 --roofline h100
    """
    from gan.cli.together import together
    from gan.config import load_config
    from gan.datasets.store import load_dataset
    from gan.parallel import first_process_first
    from gan.training.benchmark import measure, predict, surface_dataset
    from gan.training.loop import pick_device, start
    from gan.training.roofline import DEVICES
    from meshkit.cli.messages import print_json
    from meshkit.cli.progress import progress_bar

    if dataset is not None and vertices is not None:
        raise click.UsageError("give DATASET or --vertices, not both")
    if named is not None and named not in DEVICES:
        raise click.UsageError(f"--roofline {named}: known devices are {', '.join(DEVICES)}")
    with together(device) as own_device:
        config = load_config(preset, file, overrides)
        chosen = pick_device(own_device)
        with first_process_first():
            if vertices is not None:
                dataset = surface_dataset(vertices, [factor.name for factor in config.factors])
            opened = load_dataset(dataset or _heads(preset))
        with opened:
            state = start(config, opened, chosen)
        prediction = None if named is None else predict(state, named)
        with progress_bar() as progress:
            result = measure(state, rounds, lambda n: progress("rounds", max(0, n), rounds))
        if as_json:
            extra = {
                "epochs": epochs,
                "meshes": meshes,
                "seconds": result.seconds_for(epochs, meshes),
            }
            predicted = {} if prediction is None else {"roofline": prediction.record()}
            print_json(result.record() | {"extrapolated": extra} | predicted)
            return
        click.echo(_table(result, epochs, meshes))
        if prediction is not None:
            click.echo(_prediction(prediction, result))


def _heads(preset: str | None) -> Path:
    """Return the embedded heads at the preset's size; made once, kept in the cache."""
    from gan.cli.data.progress import progress_bar as interruptible_bar
    from gan.datasets.make import SIZES, default_dataset

    size = preset if preset in SIZES else "small"
    with interruptible_bar() as progress:
        return default_dataset(size, progress=progress)


def _table(result: "Benchmark", epochs: float, meshes: int) -> str:
    """Return the figures as text."""
    rows = [
        f"{result.device}, {result.processes} processes of {result.threads} threads: "
        f"{result.vertices:,} vertices, "
        f"{result.size} x {result.size} images, batch {result.batch}, "
        f"{result.critic_steps} discriminator steps a generator step",
        "",
        f"{'part of an iteration':24} {'ms':>9} {'share':>7}",
    ]
    whole = sum(result.parts.values())
    for name, seconds in sorted(result.parts.items(), key=lambda item: -item[1]):
        rows.append(f"{name:24} {1e3 * seconds:9.2f} {seconds / whole:7.1%}")
    hours, rest = divmod(round(result.seconds_for(epochs, meshes)), 3600)
    rows += [
        "",
        f"{'iteration':24} {1e3 * result.iteration:9.2f}   {1 / result.iteration:.2f} a second",
        f"{'floor':24} {1e3 * result.floor:9.2f}   convolutions and dense matrix products alone",
        f"{'iteration / floor':24} {result.ratio:9.2f}",
        f"{'operations':24} {result.operations / 1e9:9.1f} G, {result.share_of_peak:.0%} of what "
        f"one large matrix product reaches here ({result.peak / 1e9:,.0f} G a second)",
        f"{'memory':24} {result.memory / 2**20:9.0f} MiB at the peak",
        f"{epochs:g} epochs of {meshes:,} meshes: {hours} h {rest // 60} min {rest % 60} s",
    ]
    return "\n".join(rows)


def _prediction(roofline: "Roofline", result: "Benchmark") -> str:
    """Return what another device would take, beside what was measured."""
    parts = {"compute": roofline.compute, "memory": roofline.memory, "launches": roofline.launches}
    alone = ", ".join(f"{name} {1e3 * seconds:.1f}" for name, seconds in parts.items())
    return (
        f"\n{roofline.device}: {roofline.operations / 1e12:.3g} T operations, "
        f"{roofline.bytes / 1e9:.3g} GB and {roofline.kernels:,.0f} kernels an iteration\n"
        f"predicted {1e3 * roofline.predicted:.1f} ms ({alone} alone); measured here "
        f"{1e3 * result.iteration:.1f} ms"
    )
