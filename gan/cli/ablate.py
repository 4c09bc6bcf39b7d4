"""`gan ablate`."""

from pathlib import Path
from typing import Any

import click

from gan.cli.reproduce import SEEDS, carry_out, read_seeds, study_options
from gan.cli.workflow_options import workflow_options

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
@workflow_options
def ablate(
    dataset: Path,
    out: Path,
    preset: str,
    only: tuple[str, ...],
    overrides: tuple[str, ...],
    size: str,
    sizes: Path | None,
    seeds: str | None,
    restart: tuple[str, ...],
    device: str,
    cores: int,
    threads: int,
    executor: str,
    dry_run: bool,
    as_json: bool,
    more: tuple[str, ...],
) -> None:
    """Train a model on DATASET, and again without each of its parts; hold them against each other.

    Without the regularizer, without the classifier of each factor, without the feature loss: each
    is the preset and one line more (gan/presets/ablations.toml). A factor without a classifier
    loses its feature loss, too: a branch that learns nothing has no features. Runs are
    DIR/runs/NAME, the tables DIR/comparison/report.html. The same command goes on where it was.

    Example: gan ablate faces.h5 --preset small --set training.iterations=1200 -o ablation
    """
    from gan.study.folder import read_asked
    from gan.study.plan import plan_ablations
    from gan.study.sizes import named_size
    from gan.study.sources import Source, as_sources, settle_sources
    from gan.workflow.engine import Call

    before = read_asked(out)
    known = before or {}
    record = settle_sources([Source(data=dataset.resolve())], known.get("sources", {}))
    asked: dict[str, Any] = {
        "command": "ablate",
        "seeds": read_seeds(seeds) or known.get("seeds", list(SEEDS)),
        "sources": record,
    }
    plan = plan_ablations(
        preset,
        overrides,
        only,
        named_size(size, sizes),
        seeds=asked["seeds"],
        sources=as_sources(record),
    )
    call = Call(executor, cores, threads, dry_run, more)
    carry_out(out, plan, asked, before, (), restart, call, device=device, as_json=as_json)
