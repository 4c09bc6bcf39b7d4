"""Configurations: TOML checked by pydantic; unknown keys are errors. No torch here.

A configuration is a preset, overlaid by the user's file, overlaid by `--set key=value`. The
resolved whole is written into the run directory.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_serializer, model_validator

from gan.errors import ConfigError
from gan.sections import (
    AdversarialConfig,
    AugmentationConfig,
    Count,
    DiscriminatorConfig,
    GeneratorConfig,
    MappingConfig,
    MetricConfig,
    NotNegative,
    Plain,
    Positive,
    PrecisionConfig,
    Probability,
    RegularizerConfig,
    Section,
)
from gan.settings import check, dump, overlay, parse_toml, read_toml, set_value

PRESETS = ("demo", "small", "plus", "paper")
DEFAULT_PRESET = "plus"


class FactorLossConfig(Section):
    """The weights of one loss of one factor, and its options: `5.0`, `{ g = 5, distance = "l2" }`.

    `d` and `g` weigh the discriminator's and the generator's term, `weight` both.
    """

    short: ClassVar[str] = "weight"

    d: NotNegative = 1.0
    g: NotNegative = 1.0
    options: dict[str, Plain] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"d": value, "g": value}
        if not isinstance(value, dict):
            raise ValueError("expected a weight, or a table with weight, d, g and options")
        weight = value.get("weight", 1.0)
        known = {side: value.get(side, weight) for side in ("d", "g")}
        options = {k: v for k, v in value.items() if k not in ("weight", "d", "g")}
        return known | {"options": options}

    @model_serializer
    def _short(self) -> Any:
        if self.d == self.g and not self.options:
            return self.d
        return {"d": self.d, "g": self.g, **self.options}


PAPER_LOSSES = {"classification": 1.0, "feature": 1.0}  # λ_cls, λ_feat


class FactorConfig(Section):
    """A labelled source of variation: a label array of the data set with this name."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    code_size: Count
    losses: dict[str, FactorLossConfig] = Field(
        default_factory=lambda: {
            name: FactorLossConfig.model_validate(weight) for name, weight in PAPER_LOSSES.items()
        }
    )
    balance: Literal["uniform", "none"] = "uniform"  # wanted share of labels over share in the data
    pair_critic: NotNegative = 0.0  # weight of a critic of differences within its labels
    label_share: Probability = 1.0  # that training sees, of all classes but rest


class OptimizerConfig(Section):
    """Adam for both players."""

    rate_d: Positive = 1e-4
    rate_g: Positive = 1e-4
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (
        0.0,
        0.9,
    )
    decay: Literal["none", "linear", "cosine"] = "none"  # of both rates, to 0 at the last iteration


class TrainingConfig(Section):
    """How long, how fast, from which seed."""

    either: ClassVar[tuple[str, ...]] = ("iterations", "epochs")

    iterations: Count | None = None  # generator steps; or
    epochs: Positive | None = None  # passes of the discriminator over the training split
    max_minutes: Positive | None = None  # stop early, cleanly, after so much time of training
    batch: Annotated[int, Field(ge=2)] = 128
    critic_steps: Count = 5
    labelled_batch: Annotated[int, Field(ge=0)] = 0  # more labelled meshes, if some have no label
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    threads: Annotated[int, Field(ge=0)] = 0  # of torch on a CPU; 0: as many as cores
    deterministic: bool = False  # the same bits from run to run on a GPU too; slower
    on_divergence: Literal["stop", "rollback"] = "stop"  # rollback: newest checkpoint, half rates

    @model_validator(mode="after")
    def _one_length(self) -> "TrainingConfig":
        if (self.iterations is None) == (self.epochs is None):
            raise ValueError("give either iterations or epochs")
        return self


class OutputConfig(Section):
    """What a run writes while it goes, and how often (in iterations)."""

    log_every: Count = 10
    instruments_every: Annotated[int, Field(ge=0)] | None = None  # 0: none; a 40th, at least 60
    picture_every: Count = 500
    checkpoint_every: Count = 500
    keep: Count = 2  # checkpoints
    tensorboard: bool = True


class Config(Section):
    """Everything that decides a run."""

    factors: Annotated[tuple[FactorConfig, ...], Field(min_length=1)]
    training: TrainingConfig
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    mapping: MappingConfig = MappingConfig()
    adversarial: AdversarialConfig = AdversarialConfig()
    regularizer: RegularizerConfig = RegularizerConfig()
    regularizers: tuple[RegularizerConfig, ...] = ()  # further ones
    augmentation: AugmentationConfig = AugmentationConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    precision: PrecisionConfig = PrecisionConfig()
    output: OutputConfig = OutputConfig()
    metrics: tuple[MetricConfig, ...] = ()  # of `gan evaluate`, beside its own

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, tree: Any) -> Any:
        """Read what earlier versions wrote of a table that is gone; refuse what it did."""
        if not isinstance(tree, dict) or "sampler" not in tree:
            return tree
        was = tree["sampler"]
        if (
            not isinstance(was, dict)
            or was.get("name", "uniform") != "uniform"
            or was.get("options")
        ):
            raise ValueError(
                "sampler: meshes are always drawn uniformly; for even classes of few labels set "
                "training.labelled_batch"
            )
        return {key: value for key, value in tree.items() if key != "sampler"}

    @model_validator(mode="after")
    def _consistent(self) -> "Config":
        names = [factor.name for factor in self.factors]
        if len(set(names)) < len(names):
            raise ValueError(f"factors: a name appears twice in {names}")
        for several in ("regularizers", "metrics"):
            chosen = [item.name for item in getattr(self, several)]
            chosen += [self.regularizer.name] if several == "regularizers" else []
            if len(set(chosen)) < len(chosen):
                raise ValueError(f"{several}: a name appears twice in {chosen}")
        if "noise" in names:
            raise ValueError("factors: 'noise' is the name of the code without labels")
        if any(factor.pair_critic for factor in self.factors) and not self.adversarial.prior_codes:
            raise ValueError("factors: a pair_critic needs adversarial.prior_codes = true")
        if self.mapping.size % 16:
            raise ValueError(f"mapping.size: {self.mapping.size} is not a multiple of 16")
        if len(names) > 1 and self.training.batch % (2 * (len(names) - 1)):
            need = 2 * (len(names) - 1)
            raise ValueError(f"training.batch: {self.training.batch} is not a multiple of {need}")
        return self


def load_config(
    preset: str | None = None,
    file: Path | None = None,
    overrides: Sequence[str] = (),
) -> Config:
    """Resolve a configuration from a preset, a TOML file and `key=value` overrides.

    Raises
    ------
    ConfigError
        An unknown preset, unknown keys, values out of range, a file that is not TOML; the message
        names every key and, for a file, its name.
    """
    tree: dict[str, Any] = {}
    if preset is not None or file is None:
        tree = _preset(preset or DEFAULT_PRESET)
    if file is not None:
        tree = overlay(tree, read_toml(Path(file)), Config)
    for override in overrides:
        set_value(tree, override, Config)
    return parse_config(tree, str(file) if file else f"preset {preset or DEFAULT_PRESET}")


def parse_config(tree: Mapping[str, Any], origin: str) -> Config:
    """Check a tree of plain values; `origin` names it in messages.

    Raises
    ------
    ConfigError
        Unknown keys or values out of range.
    """
    return check(Config, tree, origin)


def dump_config(config: Config) -> str:
    """Return a configuration as TOML; `load_config` reads it back equal."""
    return dump(config)


def _preset(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    source = resources.files("gan.presets") / f"{name}.toml"
    return parse_toml(source.read_bytes(), f"preset {name}")
