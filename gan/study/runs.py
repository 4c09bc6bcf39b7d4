"""What a run's folder says about how its model came about: configuration, budget, origin."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gan.baselines.config import parse_baseline
from gan.config import parse_config
from gan.errors import CheckpointError, ConfigError
from gan.report.log import read_log
from gan.runs.checkpoints import list_checkpoints, step_of
from gan.runs.directory import read_run

# What does not decide the model that a training ends in.
_FREE = ("output", "metrics")
_FREE_TRAINING = ("seed", "threads", "deterministic", "on_divergence", "max_minutes")
_FREE_BASELINE = ("seed", "threads", "log_every", "checkpoint_minutes", "max_minutes")


class RunFacts(NamedTuple):
    """The origin of a model.

    Attributes
    ----------
    config : the whole configuration, as plain values
    seed : of the training
    step : of the newest checkpoint: iterations or, of a baseline, steps
    minutes : of training; 0 if nothing was logged
    device, commit, versions : what it was trained on and with
    trained_on : name of the data set
    fingerprint : of the data set
    training_meshes : of that
    """

    run: Path
    config: Mapping[str, Any]
    seed: int
    step: int
    minutes: float
    device: str
    commit: str | None
    trained_on: str
    fingerprint: str
    training_meshes: int

    @property
    def baseline(self) -> str | None:
        """The kind of a baseline; None for a run of `gan train`."""
        kind = self.config.get("kind")
        return None if kind is None else str(kind)

    @property
    def method(self) -> dict[str, Any]:
        """What decides the model, but for its seed: equal for runs to be pooled."""
        tree = {k: v for k, v in self.config.items() if k not in _FREE}
        if self.baseline is not None:
            tree = {k: v for k, v in tree.items() if k not in _FREE_BASELINE}
        else:
            training = dict(tree["training"])
            tree["training"] = {k: v for k, v in training.items() if k not in _FREE_TRAINING}
        return tree | {"data": self.fingerprint, "step": self.step}


def read_facts(run: Path) -> RunFacts:
    """Read what a run says about itself.

    Raises
    ------
    CheckpointError
        The folder is not a run, or has no checkpoint.
    ConfigError
        Its configuration is damaged.
    """
    record = read_run(run)
    checkpoints = list_checkpoints(run)
    if not checkpoints:
        raise CheckpointError(f"{run}: no checkpoint in it yet; let its training go on")
    config = _read_config(run / "config.toml")
    own = config if "kind" in config else config["training"]
    return RunFacts(
        run=run,
        config=config,
        seed=int(own["seed"]),
        step=step_of(checkpoints[-1]),
        minutes=read_log(run / "metrics.jsonl").seconds / 60,
        device=record.device,
        commit=record.versions.get("commit"),
        trained_on=record.dataset.name,
        fingerprint=record.fingerprint,
        training_meshes=record.training_meshes,
    )


def differing_keys(one: Mapping[str, Any], two: Mapping[str, Any], path: str = "") -> list[str]:
    """Return the keys, dotted, in which two trees of plain values differ."""
    found = list[str]()
    for key in sorted({*one, *two}):
        a, b = one.get(key), two.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            found += differing_keys(a, b, f"{path}{key}.")
        elif a != b:
            found.append(f"{path}{key}")
    return found


def _read_config(path: Path) -> dict[str, Any]:
    """Return a configuration with all defaults filled in; lists of named tables as tables."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing: the run is not whole") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None
    if "kind" in tree:
        return parse_baseline(tree, str(path)).model_dump(mode="json")
    resolved = parse_config(tree, str(path)).model_dump(mode="json")
    resolved["factors"] = {factor["name"]: factor for factor in resolved["factors"]}
    return resolved
