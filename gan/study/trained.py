"""Runs of a study: whether one is what the study asks for, and how far its training is.

A run counts however it was made, by a study or by hand with `gan train` or `gan baseline`: what
decides is its resolved configuration; the command that goes on with it checks its data. Keys that
do not change the weights (threads, what is written and when) may differ, and the time after which
a training stops.
"""

import json
from pathlib import Path
from typing import Any

from gan.baselines.config import BaselineConfig, TrainedConfig
from gan.config import Config
from gan.errors import CheckpointError
from gan.study.plan import Plan, Trial
from gan.study.runs import as_tree, deciding, differing_keys, read_config, seed_of
from gan.training.state import planned_iterations

_TAIL = 65_536  # bytes, which hold the last lines of a log


def check_runs(folder: Path, plan: Plan) -> None:
    """Refuse runs that are not the study's before the first hour is spent.

    Raises
    ------
    CheckpointError
        A folder holds something else: no run, or one of another configuration; the message says
        which keys differ.
    """
    for job in plan.jobs():
        run = folder / job.run
        if job.kind != "training" or not run.exists() or not _contents(run):
            continue
        if not (run / "config.toml").is_file():
            raise CheckpointError(
                f"{run} is no run (it has no config.toml): move it away, or name another folder"
            )
        changed = _differences(plan.trial(str(job.trial)), job.seed, run / "config.toml")
        if changed:
            shown = [f"{key} is {_shown(a)}, not {_shown(b)}" for key, a, b in changed[:3]]
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise CheckpointError(
                f"{run} has another configuration than the study: {'; '.join(shown)}{more}",
                remedy="restart-model",
                name=job.trial,
            )


def share_done(trial: Trial, run: Path) -> float:
    """Return which share of a training is done, in [0, 1]; 0 where nothing says so."""
    try:
        meshes = int(json.loads((run / "run.json").read_text())["training_meshes"])
        row = _last_row(run / "metrics.jsonl")
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return 0.0
    share = float(row.get("step", 0.0)) / planned_steps(trial.config, meshes)
    config = trial.config
    limit = getattr(config.training if isinstance(config, Config) else config, "max_minutes", None)
    if limit is not None:  # the time ends it, most likely
        share = max(share, float(row.get("seconds", 0.0)) / 60 / limit)
    return min(share, 1.0)


def planned_steps(config: Config | BaselineConfig, n_meshes: int) -> int:
    """Return how many steps a training takes, if no time limit ends it."""
    if isinstance(config, Config):
        return planned_iterations(config, n_meshes)
    if isinstance(config, TrainedConfig):
        return config.epochs * max(1, n_meshes // max(1, min(config.batch, n_meshes)))
    return 1


def _differences(trial: Trial, seed: int | None, file: Path) -> list[tuple[str, Any, Any]]:
    """Return key, value of the run, value asked for, of what decides the weights."""
    own, asked = read_config(file), as_tree(trial.config)
    kinds = [str(tree.get("kind", "a run of gan train")) for tree in (own, asked)]
    if kinds[0] != kinds[1]:
        return [("kind", kinds[0], kinds[1])]
    changed = [(key, *pair) for key, pair in differing_keys(deciding(own), deciding(asked)).items()]
    name = "seed" if "kind" in own else "training.seed"
    return changed + ([(name, seed_of(own), seed)] if seed_of(own) != seed else [])


def _contents(run: Path) -> list[Path]:
    return [path for path in run.iterdir() if not path.name.startswith(".")]


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, default=str)


def _last_row(log: Path) -> dict[str, Any]:
    """Return the last whole line of a log that is being written."""
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        return dict(json.loads(file.read().split(b"\n")[-2]))
