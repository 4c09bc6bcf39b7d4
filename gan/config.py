"""Configurations: TOML checked by pydantic; unknown keys are errors. No torch here.

A configuration is a preset, overlaid by the user's file, overlaid by `--set key=value`. The
resolved whole is written into the run directory.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)

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
    RegularizerConfig,
    SamplerConfig,
    Section,
)

PRESETS = ("demo", "small", "plus", "paper")


class FactorLossConfig(Section):
    """The weights of one loss of one factor, and its options: `5.0`, `{ g = 5, distance = "l2" }`.

    `d` and `g` weigh the discriminator's and the generator's term, `weight` both.
    """

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

    iterations: Count | None = None  # generator steps; or
    epochs: Positive | None = None  # passes of the discriminator over the training split
    max_minutes: Positive | None = None  # stop early, cleanly, after so much time of training
    batch: Annotated[int, Field(ge=2)] = 128
    critic_steps: Count = 5
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
    sampler: SamplerConfig = SamplerConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    precision: PrecisionConfig = PrecisionConfig()
    output: OutputConfig = OutputConfig()
    metrics: tuple[MetricConfig, ...] = ()  # of `gan evaluate`, beside its own

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
        if self.mapping.size % 16:
            raise ValueError(f"mapping.size: {self.mapping.size} is not a multiple of 16")
        if len(names) > 1 and self.training.batch % (2 * (len(names) - 1)):
            need = 2 * (len(names) - 1)
            raise ValueError(f"training.batch: {self.training.batch} is not a multiple of {need}")
        return self


# Tables that come several times, and what one of them is.
LISTS: dict[str, type[Section]] = {
    "factors": FactorConfig,
    "regularizers": RegularizerConfig,
    "metrics": MetricConfig,
}


def load_config(
    preset: str | None = None,
    file: Path | None = None,
    overrides: Sequence[str] = (),
) -> Config:
    """Resolve a configuration from a preset, a TOML file and `key=value` overrides.

    Raises
    ------
    ConfigError
        An unknown preset or key, a value out of range, a file that is not TOML; the message
        names the key and, for a file, its name.
    """
    tree: dict[str, Any] = {}
    if preset is not None or file is None:
        tree = _preset(preset or "small")
    if file is not None:
        tree = _overlay(tree, _parse(Path(file).read_bytes(), str(file)))
    for override in overrides:
        _set(tree, override)
    return parse_config(tree, str(file) if file else f"preset {preset or 'small'}")


def parse_config(tree: Mapping[str, Any], origin: str) -> Config:
    """Check a tree of plain values; `origin` names it in messages.

    Raises
    ------
    ConfigError
        An unknown key or a value out of range.
    """
    try:
        return Config.model_validate(dict(tree))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "configuration"
        if first["type"] == "extra_forbidden":
            raise ConfigError(f"{origin}: unknown key {key!r}; {_known(first['loc'])}") from None
        message = str(first["msg"]).removeprefix("Value error, ")
        shown = f", got {first['input']!r}" if not isinstance(first["input"], dict) else ""
        raise ConfigError(f"{origin}: {key}: {message}{shown}") from None


def _known(loc: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Config
    for part in loc[:-1]:
        if isinstance(part, int):
            continue
        annotation = LISTS.get(str(part)) or model.model_fields[part].annotation
        assert isinstance(annotation, type)
        model = annotation
    return "known here: " + ", ".join(model.model_fields)


def dump_config(config: Config) -> str:
    """Return a configuration as TOML; `load_config` reads it back equal."""
    tree = config.model_dump(mode="json", exclude_none=True)
    lines: list[str] = []
    for section, values in tree.items():
        if section in LISTS:
            for item in values:
                lines += [f"[[{section}]]", *_pairs(item), ""]
        else:
            lines += [f"[{section}]", *_pairs(values), ""]
    return "\n".join(lines)


def _pairs(values: Mapping[str, Any]) -> list[str]:
    # No options are the default; no losses are not.
    kept = ((key, value) for key, value in values.items() if value != {} or key == "losses")
    return [f"{_key(key)} = {_toml(value)}" for key, value in kept]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)


def _preset(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    source = resources.files("gan.presets") / f"{name}.toml"
    return _parse(source.read_bytes(), f"preset {name}")


def _parse(text: bytes, origin: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.decode("utf-8"))
    except ValueError as error:  # TOML's own, UTF-8's, or a number of too many digits
        raise ConfigError(f"{origin} is not TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{origin} is not TOML: nested too deeply") from None


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _overlay(old, value) if both else value  # type: ignore[arg-type]
    if {"iterations", "epochs"} <= merged.keys() and len(
        {"iterations", "epochs"} & above.keys()
    ) == 1:
        del merged["epochs" if "iterations" in above else "iterations"]  # the later one decides
    return merged


def _set(tree: dict[str, Any], override: str) -> None:
    """Set one value in place: `training.batch=64`, `factors.identity.code_size=32`.

    `factors.*.losses.feature=0` sets it in all tables of the list.
    """
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {override!r}: expected key=value, as in training.batch=64")
    *path, last = key.strip().split(".")
    if path[:1] and path[0] in LISTS:
        for item in _listed(tree, path, override):
            _descend(item, path[2:], override)[last] = _value(text)
        return
    node = _descend(tree, path, override)
    node.update(_overlay(node, {last: _value(text)}))
    for key in {"iterations", "epochs"} - {last}:
        if last in {"iterations", "epochs"}:
            node.pop(key, None)


def _listed(tree: dict[str, Any], path: Sequence[str], override: str) -> list[dict[str, Any]]:
    """Return the tables of a list that `LIST.NAME.key` means: one, or with NAME `*` all.

    A name that is not there yet gets a new table, unless it is a factor.
    """
    several = tree.get(path[0], [])
    if not isinstance(several, list) or not all(isinstance(item, dict) for item in several):
        raise ConfigError(f"--set {override!r}: {path[0]} is not a list of tables")
    every = path[1:2] == ["*"]
    found: list[dict[str, Any]] = [
        item for item in several if every or path[1:2] == [item.get("name")]
    ]
    if len(path) < 2 or ((path[0] == "factors" or every) and not found):
        names = ", ".join(str(item.get("name")) for item in several)
        known = f", NAME of {names}" if names else ""
        raise ConfigError(f"--set {override!r}: expected {path[0]}.NAME.key{known}")
    if not found:
        found = [{"name": path[1]}]
        tree[path[0]] = [*several, *found]
    for item in found if path[0] == "factors" else ():
        item.setdefault("losses", dict(PAPER_LOSSES))
    return found


def _descend(node: dict[str, Any], path: Sequence[str], override: str) -> dict[str, Any]:
    for i, part in enumerate(path):
        below = node.setdefault(part, {})
        if path[:i] == ["losses"] and isinstance(below, int | float):  # a bare weight
            below = node[part] = {"weight": below}
        if not isinstance(below, dict):
            raise ConfigError(f"--set {override!r}: {part} is a value, not a section")
        node = below
    return node


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text.strip()}")["value"]
    except (ValueError, RecursionError):
        return text.strip()  # a bare word is a string
