"""What a run's folder says about how its model came about: configuration, budget, origin."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gan.baselines.config import BaselineConfig, parse_baseline
from gan.config import Config, parse_config
from gan.errors import CheckpointError, ConfigError
from gan.report.log import read_log
from gan.runs.checkpoints import list_checkpoints, step_of
from gan.runs.directory import read_run
from gan.runs.opening import is_run
from gan.settings import read_toml

# What does not decide the model that a training ends in.
_FREE = ("output", "metrics")
_FREE_TRAINING = ("seed", "threads", "deterministic", "on_divergence", "max_minutes")
OUTSIDE = "outside"  # kind of what is no run: a file, a function, meshes
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
        return deciding(self.config) | {"data": self.fingerprint, "step": self.step}


def read_facts(run: Path) -> RunFacts:
    """Read what a run says about itself; what is no run says nothing.

    Raises
    ------
    CheckpointError
        The folder is not a run, or has no checkpoint.
    ConfigError
        Its configuration is damaged.
    """
    if (run.exists() and not is_run(run)) or ":" in str(run):
        return RunFacts(run, {"kind": OUTSIDE}, 0, 0, 0.0, "", None, "", "", 0)
    record = read_run(run)
    checkpoints = list_checkpoints(run)
    if not checkpoints:
        raise CheckpointError(f"{run}: no checkpoint in it yet; let its training go on")
    config = read_config(run / "config.toml")
    return RunFacts(
        run=run,
        config=config,
        seed=seed_of(config),
        step=step_of(checkpoints[-1]),
        minutes=read_log(run / "metrics.jsonl").seconds / 60,
        device=record.device,
        commit=record.versions.get("commit"),
        trained_on=record.dataset.name,
        fingerprint=record.fingerprint,
        training_meshes=record.training_meshes,
    )


def differing_keys(
    one: Mapping[str, Any], two: Mapping[str, Any], path: str = ""
) -> dict[str, tuple[Any, Any]]:
    """Return the keys, dotted, in which two trees of plain values differ, with both values."""
    differing = dict[str, tuple[Any, Any]]()
    for key in sorted({*one, *two}):
        a, b = one.get(key), two.get(key)
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            differing |= differing_keys(a, b, f"{path}{key}.")
        elif a != b:
            differing[f"{path}{key}"] = (a, b)
    return differing


def deciding(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a configuration decides the model, but for the seed."""
    if "kind" in config:
        return {k: v for k, v in config.items() if k not in _FREE_BASELINE}
    training = {k: v for k, v in config["training"].items() if k not in _FREE_TRAINING}
    return {k: v for k, v in config.items() if k not in _FREE} | {"training": training}


def seed_of(config: Mapping[str, Any]) -> int:
    """Return the seed of a training."""
    return int(config["seed"] if "kind" in config else config["training"]["seed"])


def as_tree(config: Config | BaselineConfig) -> dict[str, Any]:
    """Return a configuration as plain values, factors by name."""
    tree = config.model_dump(mode="json")
    if isinstance(config, Config):
        tree["factors"] = {factor["name"]: factor for factor in tree["factors"]}
    return tree


def read_config(path: Path) -> dict[str, Any]:
    """Read the configuration of a run as plain values, with all defaults filled in.

    Raises
    ------
    ConfigError
        The file is missing or damaged.
    """
    if not path.is_file():
        raise ConfigError(f"{path} is missing: the run is not whole")
    tree = read_toml(path)
    parse = parse_baseline if "kind" in tree else parse_config
    return as_tree(parse(tree, str(path)))
