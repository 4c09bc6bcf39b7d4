"""A run's directory as the cache of its training: what is there, and whether it is what is asked.

A run counts however it was made, by a study or by hand with `gan train` or `gan baseline`: what
decides is its resolved configuration and the fingerprint of its data. Keys that do not change the
weights (threads, what is written and when) may differ; the time after which a training stops is
held against the time that it took.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gan.baselines.config import BaselineConfig, TrainedConfig, is_baseline, read_baseline
from gan.baselines.reconstruction import FILE as RECONSTRUCTION
from gan.config import Config, load_config
from gan.errors import CheckpointError
from gan.runs.checkpoints import (
    MODEL,
    list_checkpoints,
    newest_good_checkpoint,
    read_record,
    step_of,
)
from gan.runs.directory import read_run
from gan.study.plan import Trial
from gan.training.changes import differing_keys
from gan.training.state import planned_iterations

FREE = (
    "training.threads",
    "training.deterministic",
    "training.on_divergence",
    "training.max_minutes",
    "output",
    "metrics",
)
FREE_OF_BASELINES = ("threads", "log_every", "checkpoint_minutes", "max_minutes")
LONGER = 1.05  # times the minutes asked for, from which on a training is another one


class Training(NamedTuple):
    """How far a run is.

    Attributes
    ----------
    status : "new": nothing is there; "begun"; "done"
    step, steps : 0 where unknown
    minutes : of training so far
    """

    status: Literal["new", "begun", "done"]
    step: int = 0
    steps: int = 0
    minutes: float = 0.0


def find_training(trial: Trial, run: Path, fingerprint: str | None) -> Training:
    """Return how far the run of a model is.

    Parameters
    ----------
    fingerprint
        Of the data that it must have been trained on; None: not known yet, any will do.

    Raises
    ------
    CheckpointError
        The folder holds something else: no run, or one of other data or of another configuration,
        or one that was trained longer; the message says what differs. Or all is damaged.
    """
    if not run.exists() or (run.is_dir() and not any(_contents(run))):
        return Training("new")
    if not (run / "config.toml").is_file():
        raise CheckpointError(
            f"{run} is no run (it has no config.toml): move it away, or name another folder"
        )
    check_configuration(trial, run)
    record = read_run(run)
    if fingerprint is not None and record.fingerprint != fingerprint:
        raise CheckpointError(
            f"{run} was trained on other data: {record.dataset.name} with fingerprint "
            f"{record.fingerprint[:12]}…, this study's is {fingerprint[:12]}…; {remedy(trial.name)}"
        )
    if not list_checkpoints(run):
        return Training("begun")
    checkpoint = newest_good_checkpoint(run)
    step, minutes = step_of(checkpoint), _minutes(read_record(checkpoint))
    steps = planned_steps(trial.config, record.training_meshes)
    limit = _limit(trial.config)
    if limit is not None and minutes > limit * LONGER and minutes > limit + 0.5:
        raise CheckpointError(
            f"{run} was trained for {minutes:.1f} minutes, longer than the {limit:g} asked for; "
            f"{remedy(trial.name)}"
        )
    over = step >= steps or (limit is not None and minutes >= limit)
    if isinstance(trial.config, BaselineConfig):  # it is measured when all else is done
        over = over and (run / RECONSTRUCTION).is_file()
    return Training("done" if over else "begun", step, steps, minutes)


def check_configuration(trial: Trial, run: Path) -> None:
    """Raise CheckpointError unless a run's configuration is the one asked for; name the keys."""
    changed = _differences(trial.config, run / "config.toml")
    if changed:
        shown = [f"{key} is {_shown(old)}, not {_shown(new)}" for key, old, new in changed[:3]]
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise CheckpointError(
            f"{run} has another configuration than the study: {'; '.join(shown)}{more}; "
            f"{remedy(trial.name)}"
        )


def remedy(name: str) -> str:
    """Say what to do with a run that is another one."""
    return f"--restart {name} trains it anew, or choose another folder"


def weights_digest(run: Path) -> str:
    """Return the sha256 of the newest whole checkpoint's model, in hex."""
    return str(read_record(newest_good_checkpoint(run))["sha256"][MODEL])


def planned_steps(config: Config | BaselineConfig, n_meshes: int) -> int:
    """Return how many steps a training takes, if no time limit ends it."""
    if isinstance(config, Config):
        return planned_iterations(config, n_meshes)
    if isinstance(config, TrainedConfig):
        return config.epochs * max(1, n_meshes // max(1, min(config.batch, n_meshes)))
    return 1


def _differences(config: Config | BaselineConfig, file: Path) -> list[tuple[str, Any, Any]]:
    """Return key, value of the run, value asked for, of what decides the weights."""
    if isinstance(config, Config):
        if is_baseline(file):
            return [("kind", read_baseline(file).kind, "a run of gan train")]
        changed = differing_keys(load_config(None, file), config)
        return [(key, *pair) for key, pair in changed.items() if not _is_free(key)]
    if not is_baseline(file):
        return [("kind", "a run of gan train", config.kind)]
    old, new = read_baseline(file).model_dump(), config.model_dump()
    return [
        (key, old.get(key), new.get(key))
        for key in {**old, **new}
        if key not in FREE_OF_BASELINES and old.get(key) != new.get(key)
    ]


def _is_free(key: str) -> bool:
    return any(key == free or key.startswith(f"{free}.") for free in FREE)


def _limit(config: Config | BaselineConfig) -> float | None:
    if isinstance(config, Config):
        return config.training.max_minutes
    return config.max_minutes if isinstance(config, TrainedConfig) else None


def _minutes(record: dict[str, Any]) -> float:
    """Return the minutes in a checkpoint's record: at its top, or in the state of `gan train`."""
    found = record.get("minutes")
    if found is None:
        found = record.get("state", {}).get("map", {}).get("minutes", 0.0)
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else 0.0


def _contents(run: Path) -> Iterator[Path]:
    return (path for path in run.iterdir() if not path.name.startswith("."))


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, default=str)
