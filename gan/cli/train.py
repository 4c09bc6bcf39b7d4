"""`gan train`."""

import sys
from pathlib import Path
from shlex import quote
from typing import Any

import click

from meshkit.cli.parameters import json_option

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DIVERGED = 3  # exit code


@click.command()
@click.argument(
    "data", required=False, metavar="[DATASET|RUN]", type=click.Path(exists=True, path_type=Path)
)
@click.option(
    "--preset", default=None, metavar="NAME", help="demo, small, plus or paper. [default: plus]"
)
@click.option("--config", "file", type=FILE, help="TOML laid over the preset, if one is given.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set one value.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Run directory. [runs/PRESET]"
)
@click.option("--resume", is_flag=True, help="Continue the run in --out, bit for bit on a CPU.")
@click.option(
    "--on-divergence",
    type=click.Choice(["stop", "rollback"]),
    help="When a loss is not finite: stop, or go back and halve the rates. [default: stop]",
)
@click.option("--deterministic", is_flag=True, help="The same bits again on a GPU, too; slower.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--dry-run", is_flag=True, help="Say what would be trained, and stop.")
@json_option
def train(
    data: Path | None,
    preset: str | None,
    file: Path | None,
    overrides: tuple[str, ...],
    out: Path | None,
    resume: bool,
    on_divergence: str | None,
    deterministic: bool,
    device: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a decoupled face model on DATASET, or on the embedded procedural heads.

    `gan train --resume --out RUN`, or `gan train RUN --resume`, continues from the newest whole
    checkpoint with the run's own configuration; --set may change how long it trains and how often
    it writes. A full command line with --resume starts the run if there is none yet. Ctrl-C saves
    first.

    Example: gan train faces.h5 --preset small --out runs/faces

    Example: gan train runs/faces --resume --set training.iterations=5000

    Several processes: torchrun --nproc-per-node 2 -m gan train faces.h5
    (docs/howto/several_gpus.md).

    Exit codes: 0 done, 1 error, 2 wrong options, 3 a loss is not finite, 130 interrupted
    (resumable).
    """
    from gan.cli.notices import shown_at_once
    from gan.cli.remedies import REMEDIES
    from gan.cli.together import together
    from gan.config import DEFAULT_PRESET, load_config
    from gan.datasets.store import load_dataset
    from gan.errors import TrainingDiverged
    from gan.parallel import from_first
    from gan.training.loop import pick_device
    from gan.training.loop import train as run_training
    from meshkit.cli.messages import tell
    from meshkit.cli.progress import Stages
    from meshkit.cli.remedies import explain

    data, out = _run_or_data(data, out, resume)
    out = out or Path("runs") / (preset or (file.stem if file else DEFAULT_PRESET))
    if on_divergence:
        overrides += (f'training.on_divergence="{on_divergence}"',)
    if deterministic:
        overrides += ("training.deterministic=true",)
    with together(device) as own_device, shown_at_once():
        if resume and not (preset or file):
            config = from_first(lambda: _own_config(out, overrides))
        else:
            config = load_config(preset, file, overrides)
        chosen = pick_device(own_device)
        opened = load_dataset(from_first(lambda: data or _known_dataset(out, resume)))
        if dry_run:
            _describe(config, opened, chosen, as_json)
            return
        try:
            with Stages() as stages:
                stages.update("preparing", 0, 0)
                outcome = run_training(
                    config,
                    opened,
                    out,
                    resume=resume,
                    device=own_device,
                    progress=stages.update,
                    tell=lambda line: click.echo(line, err=True),
                )
        except TrainingDiverged as error:
            command = click.get_current_context().command
            click.echo(f"Error: {explain(error, command, REMEDIES)}", err=True)
            sys.exit(DIVERGED)
        line = (
            f"{out}: {outcome.reason} after {outcome.step} of {outcome.iterations} iterations, "
            f"{outcome.minutes:.1f} minutes"
        )
        facts = {"run": out, "reason": outcome.reason, "iteration": outcome.step}
        facts |= {"iterations": outcome.iterations, "minutes": outcome.minutes}
        tell(line, facts, as_json)
        if outcome.reason == "interrupted":
            click.echo(f"continue with: gan train --resume --out {quote(str(out))}", err=True)
            sys.exit(130)


def _run_or_data(
    data: Path | None, out: Path | None, resume: bool
) -> tuple[Path | None, Path | None]:
    """Tell a data set, which is a file, from a run, which is a folder."""
    if data is None or not data.is_dir():
        return data, out
    if not (data / "config.toml").exists() and not (data / "checkpoints").is_dir():
        raise click.UsageError(f"{data} is a folder, and neither a data set nor a run")
    if not resume:
        raise click.UsageError(f"{data} is a folder: to continue the run in it, add --resume")
    if out is not None and out.resolve() != data.resolve():
        raise click.UsageError(f"two runs are named: {data} and --out {out}")
    return None, data


def _own_config(run: Path, overrides: tuple[str, ...]) -> Any:
    """Return the configuration of the run to resume; one that is gone is that of a checkpoint."""
    from gan.config import load_config
    from gan.runs.checkpoints import list_checkpoints, newest_good_checkpoint, read_record
    from meshkit.files import atomic_path

    file = run / "config.toml"
    if not file.exists() or not file.read_bytes().strip():
        if not list_checkpoints(run):
            raise click.UsageError(f"--resume: {run} is not a run directory (no config.toml)")
        kept = newest_good_checkpoint(run)
        with atomic_path(file) as aside:
            aside.write_text(str(read_record(kept).get("config")), encoding="utf-8")
        click.echo(f"{file} was gone or empty: it is that of {kept.name} again", err=True)
    return load_config(None, file, overrides)


def _known_dataset(run: Path, resume: bool) -> Path:
    """Return the data set of the run to resume, or the embedded default."""
    from gan.cli.data.progress import progress_bar
    from gan.datasets.make import default_dataset
    from gan.errors import CheckpointError
    from gan.runs.checkpoints import list_checkpoints
    from gan.training.loop import read_run

    record = run / "run.json"
    if resume and list_checkpoints(run) and not (record.exists() and record.read_bytes().strip()):
        raise CheckpointError(
            f"{record} is gone or empty: name the data set, gan train DATASET --resume --out {run}"
        )
    if resume and record.exists():
        known = read_run(run).dataset
        if not known.is_file():
            raise CheckpointError(
                f"{run} was trained on {known}, which is gone: name its new place, "
                f"gan train DATASET --resume --out {run}"
            )
        return known
    with progress_bar() as progress:
        return default_dataset(progress=progress)


def _describe(config: Any, dataset: Any, device: Any, as_json: bool) -> None:
    from gan.config import dump_config
    from gan.training.loop import start
    from meshkit.cli.messages import print_json

    state = start(config, dataset, device)
    players = {"generator": state.generator, "discriminator": state.discriminator}
    weights = {name: sum(p.numel() for p in it.parameters()) for name, it in players.items()}
    problem = state.problem
    if as_json:
        facts = {"config": config.model_dump(mode="json"), "weights": weights}
        facts |= {"meshes": len(problem.indices), "vertices": len(problem.template)}
        facts["labelled"] = {f.name: problem.labels[f.name].share for f in problem.factors}
        print_json({**facts, "iterations": state.iterations, "device": str(device)})
        return
    click.echo(dump_config(config))
    for name, count in weights.items():
        click.echo(f"{name}: {count:,} weights")
    click.echo(f"data: {len(problem.indices)} training meshes, {len(problem.template)} vertices")
    for factor in problem.factors:
        share = problem.labels[factor.name].share
        click.echo(f"{factor.name}: {len(factor.classes)} classes, {share:.1%} labelled")
    click.echo(f"{state.iterations} iterations on {device}; nothing was written")
