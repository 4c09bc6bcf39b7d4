"""What decides the run of a baseline: a flat TOML file, whose `kind` says which baseline it is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gan.errors import ConfigError
from gan.plugins import registry
from gan.sections import Count, Positive, Probability, Section
from gan.settings import check, dump, read_toml, set_value


class BaselineConfig(Section):
    """What all baselines have: the two factors, the sizes of their codes, seed and budget."""

    kind: str
    identity: str = "identity"  # the factor with one class for every person
    expression: str = "expression"
    neutral: str = "neutral"  # the class of rest of the expression factor
    starts_at_rest: bool = True  # sequences do, of people without a labelled face at rest
    identity_size: Count = 65
    expression_size: Count = 20
    label_share: Probability = 1.0  # that training sees, of all expressions but rest
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    threads: Annotated[int, Field(ge=0)] = 0  # of torch on a CPU; 0: as many as cores

    @model_validator(mode="after")
    def _two_factors(self) -> "BaselineConfig":
        if self.identity == self.expression:
            raise ValueError(f"identity and expression are the same factor, {self.identity!r}")
        return self


class TrainedConfig(BaselineConfig):
    """What is descended on a loss."""

    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    optimizer: Literal["sgd", "adam"]
    rate: Positive
    decay: Annotated[float, Field(gt=0, le=1)]  # factor of the rate after each epoch
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9  # of sgd
    max_minutes: Positive | None = None  # stop early, cleanly, after so much time of training
    log_every: Count = 10  # steps
    checkpoint_minutes: Positive = 2.0


def baseline_config(
    kind: str, overrides: Sequence[str] = (), *, base: Mapping[str, Any] | None = None
) -> BaselineConfig:
    """Resolve a configuration from defaults, or from `base`, and `key=value` overrides.

    Raises
    ------
    ConfigError
        An unknown kind, unknown keys, or values out of range.
    """
    tree = {"kind": kind} | dict(base or {})
    for override in overrides:
        set_value(tree, override, BaselineConfig)
    return parse_baseline(tree, f"baseline {kind}")


def parse_baseline(tree: Mapping[str, Any], origin: str) -> BaselineConfig:
    """Check a tree of plain values; `origin` names it in messages.

    Raises
    ------
    ConfigError
        An unknown kind, unknown keys, or values out of range.
    """
    baseline: Any = registry("baselines").find(str(tree.get("kind")))
    config: BaselineConfig = check(baseline.Config, tree, origin)
    return config


def is_baseline(path: Path) -> bool:
    """Tell whether a run's `config.toml` is that of a baseline; False for what is no TOML."""
    try:
        return "kind" in read_toml(path)
    except ConfigError:
        return False


def read_baseline(path: Path) -> BaselineConfig:
    """Read the `config.toml` of a baseline's run.

    Raises
    ------
    ConfigError
        The file is not TOML, or no configuration of a baseline.
    """
    return parse_baseline(read_toml(path), str(path))


def dump_baseline(config: BaselineConfig) -> str:
    """Return a configuration as TOML; `read_baseline` reads it back equal."""
    return dump(config)
