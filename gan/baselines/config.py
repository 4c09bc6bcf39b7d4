"""What decides the run of a baseline: a flat TOML file, checked by pydantic. No torch here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gan.errors import ConfigError
from gan.sections import Count, NotNegative, Positive, Section
from gan.settings import check, dump, read_toml, set_value


class BaselineConfig(Section):
    """What all baselines have: the two factors, the sizes of their codes, seed and budget."""

    kind: str
    identity: str = "identity"  # the factor with one class for every person
    expression: str = "expression"
    neutral: str = "neutral"  # the class of rest of the expression factor
    identity_size: Count = 65
    expression_size: Count = 20
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    threads: Annotated[int, Field(ge=0)] = 0  # of torch on a CPU; 0: as many as cores

    @model_validator(mode="after")
    def _two_factors(self) -> "BaselineConfig":
        if self.identity == self.expression:
            raise ValueError(f"identity and expression are the same factor, {self.identity!r}")
        return self


class LinearConfig(BaselineConfig):
    """3DMM: nothing to choose."""

    kind: Literal["3dmm"] = "3dmm"


class TrainedConfig(BaselineConfig):
    """What is descended on a loss."""

    epochs: Count
    batch: Annotated[int, Field(ge=2)]
    optimizer: Literal["sgd", "adam"]
    rate: Positive
    decay: Annotated[float, Field(gt=0, le=1)]  # factor of the rate after each epoch
    max_minutes: Positive | None = None  # stop early, cleanly, after so much time of training
    log_every: Count = 10  # steps
    checkpoint_minutes: Positive = 2.0


class AutoencoderConfig(TrainedConfig):
    """CoMA / DeepFLAME. Architecture and losses are the paper's; the optimizer is ours."""

    kind: Literal["coma"] = "coma"
    epochs: Count = 300
    batch: Annotated[int, Field(ge=2)] = 16
    optimizer: Literal["sgd", "adam"] = "adam"
    rate: Positive = 1e-3
    decay: Annotated[float, Field(gt=0, le=1)] = 0.99
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9  # of sgd
    filters: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 16, 16, 32)
    terms: Annotated[int, Field(ge=1, le=32)] = 6  # of each Chebyshev polynomial
    pooling: Annotated[int, Field(ge=2)] = 4  # vertices before over vertices after


class MultilinearConfig(TrainedConfig):
    """MAE. Its layer sizes are ours."""

    kind: Literal["mae"] = "mae"
    epochs: Count = 100
    batch: Annotated[int, Field(ge=2)] = 32
    optimizer: Literal["sgd", "adam"] = "adam"
    rate: Positive = 1e-3
    decay: Annotated[float, Field(gt=0, le=1)] = 0.96
    tensor_rate: NotNegative = 0.1  # of the core tensor, in units of `rate`
    image: Annotated[int, Field(ge=16, le=512)] = 64  # pixels of a side of the depth image
    widths: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 32, 64, 128)
    hidden: Count = 256
    components: Count = 300  # of the displacements: the span in which the tensor lives
    label: NotNegative = 0.03  # weight of the distance between codes of equal labels
    mixed: NotNegative = 1.0  # weight of the reconstruction of mixtures of faces


KINDS: dict[str, type[BaselineConfig]] = {
    "3dmm": LinearConfig,
    "coma": AutoencoderConfig,
    "mae": MultilinearConfig,
}


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
        set_value(tree, override, KINDS.get(kind, BaselineConfig))
    return parse_baseline(tree, f"baseline {kind}")


def parse_baseline(tree: Mapping[str, Any], origin: str) -> BaselineConfig:
    """Check a tree of plain values; `origin` names it in messages.

    Raises
    ------
    ConfigError
        An unknown kind, unknown keys, or values out of range.
    """
    kind = tree.get("kind")
    if kind not in KINDS:
        raise ConfigError(f"{origin}: unknown baseline {kind!r}; known: {', '.join(KINDS)}")
    return check(KINDS[kind], tree, origin)


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
