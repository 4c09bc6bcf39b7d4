"""`gan ablate`."""

from pathlib import Path

import click

from gan.cli.reproduce import carry_out, study_options

PATH = click.Path(path_type=Path, readable=False)


@click.command()
@click.argument("dataset", type=PATH)
@click.option(
    "-o",
    "--out",
    type=PATH,
    default=Path("ablation"),
    show_default=True,
    metavar="DIR",
    help="Folder of the runs and of the report.",
)
@click.option("--preset", default="small", show_default=True, metavar="NAME")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Train and compare only these: ours, no-regularizer, no-FACTOR-classifier, "
    "no-feature-loss.",
)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set one value, in all models."
)
@click.option(
    "--size",
    default="small",
    show_default=True,
    metavar="NAME",
    help="How thoroughly they are measured: tiny, small or full, as in `gan reproduce`.",
)
@click.option("--sizes", type=PATH, metavar="FILE", help="Budgets in place of the built-in ones.")
@study_options
def ablate(
    dataset: Path,
    out: Path,
    preset: str,
    only: tuple[str, ...],
    overrides: tuple[str, ...],
    size: str,
    sizes: Path | None,
    seed: int | None,
    restart: tuple[str, ...],
    threads: int,
    device: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train a model on DATASET, and again without each of its parts; hold them against each other.

    Without the regularizer, without the classifier of each factor, without the feature loss: each
    is the preset and one line more (gan/presets/ablations.toml). A factor without a classifier
    loses its feature loss, too: a branch that learns nothing has no features. Runs are
    DIR/runs/NAME, the tables DIR/report.html. The same command goes on where it was.

    Example: gan ablate faces.h5 --preset small --set training.iterations=1200 -o ablation
    """
    from gan.study.data import Sources, settle_sources
    from gan.study.plan import plan_ablations
    from gan.study.record import open_record
    from gan.study.sizes import named_size
    from gan.study.study import Study

    seed = seed or 0
    evaluation = named_size(size, sizes)
    plan = plan_ablations(preset, overrides, only, evaluation, seed=seed, threads=threads)
    record = open_record(out, {"command": "ablate", "seed": seed})
    sources = settle_sources(Sources(given=dataset), record)
    study = Study(out, plan, sources, record, device=device, threads=threads)
    carry_out(study, plan.stages, restart, dry_run=dry_run, as_json=as_json)
