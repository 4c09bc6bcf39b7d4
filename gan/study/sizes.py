"""The budgets of a study by size: what is trained for how long, what is measured how thoroughly."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gan.errors import ConfigError
from gan.sections import Positive, Section
from gan.settings import check, parse_toml

Data = Literal["benchmark", "speaking"]


class TrainingBudget(Section):
    """A model of the study: a preset of `gan train` or a baseline, and what is set besides."""

    preset: str | None = None
    baseline: str | None = None
    config: str | None = None  # a file beside the table, laid over the preset
    set: tuple[str, ...] = ()
    data: Data = "benchmark"
    ablations: bool = False  # train them too
    minutes: Positive

    @model_validator(mode="after")
    def _one_of_two(self) -> "TrainingBudget":
        if (self.preset is None) == (self.baseline is None):
            raise ValueError("give either preset or baseline")
        if self.baseline is not None and (self.config is not None or self.ablations):
            raise ValueError("config and ablations belong to a preset")
        return self


class EvaluationBudget(Section):
    """What is measured, of every model alike."""

    samples: Annotated[int, Field(ge=20)] = 1000
    pairs: Annotated[int, Field(ge=2)] = 10_000
    metrics: tuple[str, ...] = ()  # none: those that `gan compare` takes
    set: tuple[str, ...] = ()  # METRIC.OPTION=VALUE
    figures: bool = True  # draw the models, too
    minutes: Positive  # a model


class SourceBudget(Section):
    """A source of faces: a face model or a data set, in a file beside the table."""

    model: str | None = None  # none: the embedded head
    data: str | None = None
    interaction: Annotated[float, Field(ge=0, le=1)] | None = None  # none: as its name says, or 1
    options: tuple[str, ...] = ()  # further ones of `gan data make`


class Minutes(Section):
    """How long the other jobs take."""

    data: Positive = 1.0
    speaking: Positive = 1.0
    oracle: Positive = 1.0
    judges: Positive = 1.0
    figures: Positive = 1.0
    report: Positive = 1.0


class StudySize(Section):
    """One size of the study."""

    about: str
    benchmark: str  # size of open-faces
    speaking: str  # size of the data with three factors
    sources: Annotated[dict[str, SourceBudget], Field(default_factory=dict)]
    trainings: Annotated[dict[str, TrainingBudget], Field(min_length=1)]
    evaluation: EvaluationBudget
    minutes: Minutes = Minutes()

    @model_validator(mode="after")
    def _names_are_folders(self) -> "StudySize":
        for name in self.trainings:
            if not name.replace("-", "").replace("_", "").isalnum():
                raise ValueError(f"trainings: {name!r} cannot be the name of a folder")
        return self


def load_sizes(path: Path | None = None) -> dict[str, StudySize]:
    """Read a table of sizes; by default the one that comes with this software.

    Raises
    ------
    ConfigError
        The file is not TOML, has an unknown key or a value out of range; the message names it.
    """
    source = files("gan.study") / "sizes.toml" if path is None else path
    origin = str(path or "sizes.toml")
    tables = parse_toml(source.read_bytes(), origin)
    return {name: check(StudySize, table, origin, above=name) for name, table in tables.items()}


def named_size(name: str, path: Path | None = None) -> StudySize:
    """Return one size of the table; ConfigError lists them."""
    sizes = load_sizes(path)
    if name not in sizes:
        raise ConfigError(f"there is no size {name!r}; known are {', '.join(sizes)}")
    return sizes[name]
