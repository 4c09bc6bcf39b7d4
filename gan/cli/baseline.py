"""`gan baseline`."""

import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from meshkit.cli.parameters import json_option

if TYPE_CHECKING:
    from gan.baselines.config import BaselineConfig

DIVERGED = 3  # exit code
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("name", metavar="NAME")
@click.argument(
    "dataset", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("-o", "--out", type=FOLDER, help="Run directory.  [default: runs/NAME]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set one value.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="Stop cleanly after so much time of training.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="[default: 0]")
@click.option("--resume", is_flag=True, help="Continue the run in --out, bit for bit on a CPU.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@json_option
def baseline(
    name: str,
    dataset: Path | None,
    out: Path | None,
    overrides: tuple[str, ...],
    minutes: float | None,
    seed: int | None,
    resume: bool,
    device: str,
    as_json: bool,
) -> None:
    """Train a model to compare ours with on DATASET.

    3dmm: additive principal components. copula: the same, distributed as the data. coma: components
    for identity, a mesh autoencoder for expressions (DeepFLAME). swap-vae: a variational mesh
    autoencoder whose codes are swapped. mae: a multilinear tensor with a network that reads depth
    images. Or a plug-in's: `gan plugins baselines` lists those of installed packages. The run works
    with `gan sample`, `evaluate` and `report` like one of `gan train`.

    DATASET needs identity and expression labels, and a neutral face of everyone. With --resume it
    is that of the run, and so is the configuration; with DATASET as well it starts the run if there
    is none yet. Exit codes: 0 done, 1 error, 3 a loss is not finite, 130 interrupted (resumable).
    Example:

    gan baseline coma faces.h5 --minutes 30 --set expression_size=20 -o runs/coma
    """
    from gan.baselines.reconstruction import read_reconstruction
    from gan.baselines.train import train_baseline
    from gan.errors import TrainingDiverged
    from gan.runs.checkpoints import list_checkpoints
    from meshkit.cli.messages import about, tell
    from meshkit.cli.progress import Stages

    out = out or Path("runs") / name
    given = [*overrides]
    given += [f"max_minutes={minutes}"] if minutes is not None else []
    given += [f"seed={seed}"] if seed is not None else []
    begun = resume and (out / "config.toml").is_file()
    if resume and not begun and dataset is None:
        raise click.UsageError(f"--resume: {out} is not a run directory (no config.toml)")
    config = _config(name, given, out if begun else None)
    path = dataset or _dataset_of(out, resume)
    try:
        with about(path), Stages() as bar:
            outcome = train_baseline(
                config,
                path,
                out,
                resume=bool(list_checkpoints(out)) if resume else False,
                device=device,
                progress=bar.update,
                tell=lambda line: click.echo(line, err=True),
            )
    except TrainingDiverged as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(DIVERGED)
    steps = f"{outcome.step:,} of {outcome.iterations:,} steps, {outcome.minutes:.1f} minutes"
    over = outcome.reason != "interrupted"
    errors = read_reconstruction(out) if over else {}
    facts = {"run": out, "baseline": name, "reason": outcome.reason, "step": outcome.step}
    facts |= {"steps": outcome.iterations, "minutes": outcome.minutes}
    facts["reconstruction_mm"] = {split: result.error for split, result in errors.items()}
    facts["mean_face_mm"] = {split: result.reference for split, result in errors.items()}
    tell(f"{out}: {outcome.reason} after {steps}", facts, as_json)
    if not over:
        click.echo(f"continue with: gan baseline {name} --resume -o {quote(str(out))}", err=True)
        sys.exit(130)
    for split, result in errors.items() if not as_json else ():
        click.echo(
            f"{split} faces come back within {result.error:.3f} mm; "
            f"the mean face is {result.reference:.3f} mm away ({result.meshes} meshes)"
        )


def _config(name: str, given: list[str], run: Path | None) -> "BaselineConfig":
    """Return the configuration: defaults or, of a run to resume, its own, and what is given."""
    from gan.baselines.config import baseline_config, read_baseline

    base: dict[str, Any] = {}
    if run is not None:
        base = read_baseline(run / "config.toml").model_dump(mode="json", exclude_none=True)
        if base["kind"] != name:
            raise click.UsageError(f"--resume: {run} is a run of {base['kind']}, not of {name}")
    return baseline_config(name, given, base=base)


def _dataset_of(run: Path, resume: bool) -> Path:
    from gan.runs.directory import read_run

    if not resume:
        raise click.UsageError("Missing argument 'DATASET'.")
    return read_run(run).dataset
