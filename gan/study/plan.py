"""What a study is going to do, before it does it: models with their whole configurations, stages.

A stage has a name, which `--only` takes. Cheap ones come first; the report can be made at any time
from what is there.
"""

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, NamedTuple

from gan.baselines.config import BaselineConfig, baseline_config
from gan.config import Config, load_config
from gan.study.ablations import Ablation, ablations_of
from gan.study.member import Kind, titled
from gan.study.sizes import Data, EvaluationBudget, StudySize, TrainingBudget

StageKind = Literal["data", "training", "judges", "evaluation", "figures", "report"]
GROUPS: dict[str, StageKind] = {"trainings": "training", "evaluations": "evaluation"}
THREE = "three-factors"
EVALUATE = "evaluate-"  # begins the name of a stage that measures a model


class Trial(NamedTuple):
    """A model to train, with everything that decides it.

    Attributes
    ----------
    data : which of the study's data sets it learns from
    minutes : about how long it takes
    command : how it is trained by hand
    """

    name: str
    title: str
    kind: Kind
    config: Config | BaselineConfig
    data: Data
    minutes: float
    command: str


class Stage(NamedTuple):
    """One step of a study; `minutes` is about how long it takes."""

    name: str
    kind: StageKind
    minutes: float


class Plan(NamedTuple):
    """A study: its models in the order in which they are trained, and its stages."""

    size: str
    seed: int
    trials: tuple[Trial, ...]
    stages: tuple[Stage, ...]
    budget: StudySize

    def trial(self, name: str) -> Trial:
        """Return a model by its name."""
        return next(trial for trial in self.trials if trial.name == name)

    def compared(self) -> tuple[Trial, ...]:
        """Return the models that are held against each other: all of the benchmark data."""
        return tuple(trial for trial in self.trials if trial.data == "benchmark")


def plan_study(
    size: str,
    budget: StudySize,
    *,
    seed: int = 0,
    threads: int = 0,
    table: Path | None = None,
) -> Plan:
    """Resolve the configurations of all models of a size.

    Parameters
    ----------
    threads
        Of torch on a CPU; 0: as many as cores.
    table
        The file of the sizes; configurations that it names lie beside it.

    Raises
    ------
    ConfigError
        The table names a preset, a baseline or a key that does not exist.
    """
    trials = list[Trial]()
    removed = list[Trial]()
    for name, training in budget.trainings.items():
        trials.append(_trial(name, training, seed, threads, table))
        if training.ablations:
            config = trials[-1].config
            assert isinstance(config, Config)
            removed += [
                _trial(cut.name, training, seed, threads, table, cut)
                for cut in ablations_of(config)
            ]
    # The ablations matter least to a report that is made half way, three factors have own data.
    trials = [
        *(trial for trial in trials if trial.data == "benchmark"),
        *removed,
        *(trial for trial in trials if trial.data != "benchmark"),
    ]
    return Plan(size, seed, tuple(trials), _stages(trials, budget), budget)


def plan_ablations(
    preset: str,
    overrides: Sequence[str],
    only: Sequence[str],
    evaluation: StudySize,
    *,
    seed: int = 0,
    threads: int = 0,
) -> Plan:
    """Plan a preset and its ablations on one data set; what is measured is that of a size.

    Raises
    ------
    ConfigError
        An unknown preset or key.
    ValueError
        `only` names what is neither the preset's model nor one of its ablations.
    """
    known = evaluation.trainings.values()
    minutes = max((t.minutes for t in known if t.preset == preset), default=10.0)
    full = "ours-plus" if preset == "plus" else "ours"
    training = TrainingBudget(preset=preset, set=tuple(overrides), ablations=True, minutes=minutes)
    budget = evaluation.model_copy(update={"trainings": {full: training}})
    plan = plan_study("ablation", budget, seed=seed, threads=threads)
    names = [trial.name for trial in plan.trials]
    for name in only:
        if name not in names:
            raise ValueError(f"--only {name}: known are {', '.join(names)}")
    trials = [trial for trial in plan.trials if not only or trial.name in only]
    return plan._replace(trials=tuple(trials), stages=_stages(trials, budget))


def choose_stages(plan: Plan, only: Sequence[str]) -> tuple[Stage, ...]:
    """Return the stages that are named, by themselves or as a group; all if none is.

    Raises
    ------
    ValueError
        There is no such stage; the message lists them.
    """
    groups = {
        **{
            group: {s.name for s in plan.stages if s.kind == kind} for group, kind in GROUPS.items()
        },
        "ablations": {trial.name for trial in plan.trials if trial.kind == "ablation"},
        "baselines": {trial.name for trial in plan.trials if trial.kind == "baseline"},
    }
    groups = {name: stages for name, stages in groups.items() if stages}
    known = [stage.name for stage in plan.stages]
    chosen = set[str]()
    for name in only:
        if name not in known and name not in groups:
            raise ValueError(f"--only {name}: known are {', '.join([*known, *groups])}")
        chosen |= groups.get(name, {name})
    return tuple(stage for stage in plan.stages if not only or stage.name in chosen)


def _stages(trials: Sequence[Trial], budget: StudySize) -> tuple[Stage, ...]:
    minutes, stages = budget.minutes, [Stage("data", "data", budget.minutes.data)]
    compared = [trial for trial in trials if trial.data == "benchmark"]
    stages += [Stage(trial.name, "training", trial.minutes) for trial in compared]
    for trial in trials:
        if trial.data == "speaking":
            stages.append(Stage("speaking-data", "data", minutes.speaking))
            stages.append(Stage(trial.name, "training", trial.minutes))
    if asks_judges(budget.evaluation):
        stages.append(Stage("judges", "judges", minutes.judges))
    stages += [
        Stage(f"{EVALUATE}{trial.name}", "evaluation", budget.evaluation.minutes)
        for trial in compared
    ]
    figures, report = minutes.figures, minutes.report
    return (*stages, Stage("figures", "figures", figures), Stage("report", "report", report))


def asks_judges(evaluation: EvaluationBudget) -> bool:
    """Tell whether something is measured that trained judges decide."""
    return "decoupling" in evaluation.metrics


def _trial(
    name: str,
    training: TrainingBudget,
    seed: int,
    threads: int,
    table: Path | None,
    cut: Ablation | None = None,
) -> Trial:
    title, kind = titled(name)
    if cut is not None:
        title, kind = cut.title, "ablation"
    given = [*training.set, *([cut.override] if cut is not None else [])]
    if training.baseline is not None:
        config: Config | BaselineConfig = baseline_config(
            training.baseline, [*given, f"seed={seed}", f"threads={threads}"]
        )
        words = ["gan baseline", training.baseline, "DATA"]
    else:
        every = [*given, f"training.seed={seed}", f"training.threads={threads}"]
        config = _network(training, every, table)
        words = ["gan train DATA --preset", str(training.preset)]
        words += ["--config", training.config] if training.config else []
    words += [word for line in given for word in ("--set", f"'{line}'")]
    return Trial(name, title, kind, config, training.data, training.minutes, " ".join(words))


def _network(training: TrainingBudget, overrides: Sequence[str], table: Path | None) -> Config:
    if training.config is None:
        return load_config(training.preset, None, overrides)
    if table is not None:
        return load_config(training.preset, table.parent / training.config, overrides)
    with as_file(files("gan.study") / training.config) as file:
        return load_config(training.preset, file, overrides)
