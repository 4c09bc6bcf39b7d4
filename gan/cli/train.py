"""`gan train`."""

import sys
from pathlib import Path
from typing import Any

import click

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("dataset", required=False, type=FILE)
@click.option(
    "--preset", default=None, metavar="NAME", help="demo, small or paper. [default: small]"
)
@click.option("--config", "file", type=FILE, help="TOML laid over the preset, if one is given.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set one value.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Run directory. [runs/PRESET]"
)
@click.option("--resume", is_flag=True, help="Continue the run in --out, bit for bit on a CPU.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--dry-run", is_flag=True, help="Say what would be trained, and stop.")
def train(
    dataset: Path | None,
    preset: str | None,
    file: Path | None,
    overrides: tuple[str, ...],
    out: Path | None,
    resume: bool,
    device: str,
    dry_run: bool,
) -> None:
    """Train a decoupled face model on DATASET, or on the embedded procedural heads.

    With --resume and no preset, file or values, the run's own configuration is used. Ctrl-C
    saves a checkpoint first. Exit codes: 0 done, 1 error, 130 interrupted (resumable).
    """
    from gan.config import load_config
    from gan.datasets.store import load_dataset
    from gan.training.loop import pick_device
    from gan.training.loop import train as run_training

    out = out or Path("runs") / (preset or (file.stem if file else "small"))
    if resume and not (preset or file):
        file = out / "config.toml"
        if not file.exists():
            raise click.UsageError(f"--resume: {out} is not a run directory (no config.toml)")
    config = load_config(preset, file, overrides)
    chosen = pick_device(device)
    opened = load_dataset(dataset or _known_dataset(out, resume))
    if dry_run:
        _describe(config, opened, chosen)
        return
    with _Progress() as progress:
        outcome = run_training(
            config, opened, out, resume=resume, device=device, watch=progress.update
        )
    click.echo(
        f"{out}: {outcome.reason} after {outcome.step} of {outcome.iterations} iterations, "
        f"{outcome.minutes:.1f} minutes"
    )
    if outcome.reason == "interrupted":
        click.echo(f"continue with: gan train --resume --out {out}", err=True)
        sys.exit(130)


def _known_dataset(out: Path, resume: bool) -> Path:
    """Return the data set of the run to resume, or the embedded default."""
    from gan.cli.data.progress import progress_bar
    from gan.datasets.make import SIZES, default_dataset
    from gan.training.loop import read_run

    if resume:
        return read_run(out).dataset
    with progress_bar("making the embedded heads", SIZES["small"].meshes) as advance:
        return default_dataset(progress=advance)


def _describe(config: Any, dataset: Any, device: Any) -> None:
    from gan.config import dump_config
    from gan.training.loop import start

    state = start(config, dataset, device)
    click.echo(dump_config(config))
    for name, player in (("generator", state.generator), ("discriminator", state.discriminator)):
        count = sum(p.numel() for p in player.parameters())
        click.echo(f"{name}: {count:,} weights")
    problem = state.problem
    click.echo(f"data: {len(problem.indices)} training meshes, {len(problem.template)} vertices")
    for factor in problem.factors:
        share = problem.labels[factor.name].share
        click.echo(f"{factor.name}: {len(factor.classes)} classes, {share:.1%} labelled")
    click.echo(f"{state.iterations} iterations on {device}; nothing was written")


class _Progress:
    """A progress bar with rate, time left and the last regularizer; silent without a terminal."""

    def __init__(self) -> None:
        from rich import progress as bars
        from rich.console import Console

        console = Console(stderr=True)
        self.bar = bars.Progress(
            bars.TextColumn("training"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[rate]}"),
            bars.TimeElapsedColumn(),
            bars.TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,  # else rich leaves an empty line in logs
            transient=True,
        )
        self.task: Any = None
        self.first = 0

    def __enter__(self) -> "_Progress":
        self.bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.bar.__exit__(*error)

    def update(self, state: Any) -> None:
        """Advance to the state's iteration."""
        if self.task is None:
            self.first = state.step - 1
            self.task = self.bar.add_task("", total=state.iterations, rate="", start=True)
        seconds = self.bar.tasks[0].elapsed or 0.0
        rate = f"{(state.step - self.first) / seconds:.1f} it/s" if seconds > 1 else ""
        self.bar.update(self.task, completed=state.step, rate=rate)
