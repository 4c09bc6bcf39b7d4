"""What a study is going to do, before it does it: models with their whole configurations, jobs.

A job has a name, which `--only` takes. Cheap ones come first; the report can be made at any time
from what is there.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gan.baselines.config import BaselineConfig, baseline_config
from gan.config import Config, load_config
from gan.evaluation.choice import choose_metrics
from gan.evaluation.metric import METRICS, default_metrics
from gan.study.ablations import Ablation, ablations_of
from gan.study.member import Kind, titled, with_share
from gan.study.sizes import Data, EvaluationBudget, StudySize, TrainingBudget
from gan.study.sources import Source

JobKind = Literal["data", "training", "judges", "evaluation", "report"]
EVALUATE = "evaluate-"  # begins the name of a job that measures a model
JUDGES, REPORT, DATA, SPEAKING = "judges", "report", "data", "speaking-data"
ORACLE = "oracle"  # the job that says between which errors a transfer can lie
LABELLED = "expression"  # the factor of whose labels a study takes away
PAGE = "comparison/report.html"


class Trial(NamedTuple):
    """A model to train, with everything that decides it but the seed.

    Attributes
    ----------
    data : which of the study's data sets it learns from
    minutes : about how long it takes
    verb : the command that trains it, as in `gan baseline coma`
    options : of that command
    label_share : of the labels of expressions, that it learns from
    """

    name: str
    title: str
    kind: Kind
    config: Config | BaselineConfig
    data: Data
    minutes: float
    verb: str
    options: tuple[str, ...]
    label_share: float = 1.0

    @property
    def command(self) -> str:
        """How it is trained by hand."""
        return f"gan {self.verb} DATA {shlex.join(self.options)}".rstrip()


class StudyJob(NamedTuple):
    """One step of a study.

    Attributes
    ----------
    source : "" where a study has one only, else its name and "/": the folder of its files
    label : the name inside of that folder
    trial, seed : of a training and of a measurement
    needs : names of the jobs that must be done before
    minutes : about how long it takes
    """

    source: str
    label: str
    kind: JobKind
    minutes: float
    needs: tuple[str, ...] = ()
    trial: str | None = None
    seed: int | None = None

    @property
    def name(self) -> str:
        """What `--only` calls it."""
        return f"{self.source}{self.label}"

    @property
    def target(self) -> str:
        """The file that says that it is done, in the study's folder."""
        files_of = {DATA: "data/open-faces.h5", SPEAKING: "data/speaking.h5", REPORT: PAGE}
        files_of[ORACLE] = "data/open-faces.oracle.json"
        return self.source + files_of.get(self.label, f"jobs/{self.label}.done")

    @property
    def log(self) -> str:
        """The file with what its command said, in the study's folder."""
        return f"{self.source}jobs/{self.label}.log"

    @property
    def run(self) -> str:
        """The folder of the run that it trains or measures, in the study's folder."""
        return f"{self.source}runs/{self.label.removeprefix(EVALUATE)}"


class Plan(NamedTuple):
    """A study: its models in the order in which they are trained; for which sources and seeds."""

    size: str
    trials: tuple[Trial, ...]
    budget: StudySize
    seeds: tuple[int, ...] = (0,)
    sources: tuple[Source, ...] = (Source(),)

    def trial(self, name: str) -> Trial:
        """Return a model by its name."""
        return next(trial for trial in self.trials if trial.name == name)

    def is_spared(self, job: StudyJob) -> bool:
        """Tell whether a report does without a job that fails: it says what is missing.

        That are the oracle, and trainings of models that so few labels may not be enough for.
        """
        fewer = job.kind == "training" and self.trial(str(job.trial)).label_share < 1
        return fewer or job.label == ORACLE

    def suffixes(self) -> dict[str, int]:
        """Return the seeds by what they add to the name of a run: the first adds nothing."""
        return {f"-seed{seed}" if k else "": seed for k, seed in enumerate(self.seeds)}

    def jobs(self) -> tuple[StudyJob, ...]:
        """Return all jobs, in the order in which they are shown."""
        return tuple(job for source in self.sources for job in self._jobs(source))

    def _jobs(self, source: Source) -> Iterator[StudyJob]:
        minutes, place, first = self.budget.minutes, source.place, self.seeds[0]
        data = () if source.data else (f"{place}{DATA}",)
        compared = [trial for trial in self.trials if trial.data == "benchmark"]
        speaking = [trial for trial in self.trials if trial.data == "speaking"]
        runs = [
            (t, f"{t.name}{suffix}", seed)
            for suffix, seed in self.suffixes().items()
            for t in compared
        ]
        if data:
            yield StudyJob(place, DATA, "data", minutes.data)
            yield StudyJob(place, ORACLE, "data", minutes.oracle, data)
        for trial, run, seed in runs:
            yield StudyJob(place, run, "training", trial.minutes, data, trial.name, seed)
        if speaking:
            yield StudyJob(place, SPEAKING, "data", minutes.speaking)
        for t in speaking:  # one seed is enough for a picture
            own = (f"{place}{SPEAKING}",)
            yield StudyJob(place, t.name, "training", t.minutes, own, t.name, first)
        judges = tuple[str, ...]()
        if asks_judges(self.budget.evaluation):
            yield StudyJob(place, JUDGES, "judges", minutes.judges, data)
            judges = (f"{place}{JUDGES}",)
        each = self.budget.evaluation.minutes
        for trial, run, seed in runs:
            needs = (f"{place}{run}", *judges)
            yield StudyJob(place, f"{EVALUATE}{run}", "evaluation", each, needs, trial.name, seed)
        needs = (f"{place}{ORACLE}",) if data else ()
        needs += tuple(f"{place}{EVALUATE}{run}" for _, run, _ in runs)
        needs += tuple(f"{place}{trial.name}" for trial in speaking)
        yield StudyJob(place, REPORT, "report", minutes.report + minutes.figures, needs)


def plan_study(
    size: str,
    budget: StudySize,
    *,
    seeds: Sequence[int] = (0,),
    sources: Sequence[Source] = (Source(),),
    table: Path | None = None,
    label_shares: Sequence[float] = (),
) -> Plan:
    """Resolve the configurations of all models of a size, and what is measured of them.

    Parameters
    ----------
    label_shares
        Of the labels of expressions: every model is trained with each of these shares, too.
    table
        The file of the sizes; configurations that it names lie beside it.

    Raises
    ------
    ConfigError
        The table names a preset, a baseline, a metric or a key that does not exist.
    """
    trials = list[Trial]()
    removed = list[Trial]()
    for name, training in budget.trainings.items():
        trials.append(_trial(name, training, table))
        if training.data == "benchmark":
            removed += [_trial(name, training, table, share=s) for s in label_shares if s < 1]
        if training.ablations:
            config = trials[-1].config
            assert isinstance(config, Config)
            removed += [_trial(cut.name, training, table, cut) for cut in ablations_of(config)]
    # Less of a model matters least to a report that is made half way; three factors have own data.
    trials = [
        *(trial for trial in trials if trial.data == "benchmark"),
        *removed,
        *(trial for trial in trials if trial.data != "benchmark"),
    ]
    _check_metrics(budget.evaluation)
    return Plan(size, tuple(trials), budget, tuple(seeds), tuple(sources))


def plan_ablations(
    preset: str,
    overrides: Sequence[str],
    only: Sequence[str],
    evaluation: StudySize,
    *,
    seeds: Sequence[int] = (0,),
    sources: Sequence[Source] = (Source(),),
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
    plan = plan_study("ablation", budget, seeds=seeds, sources=sources)
    names = [trial.name for trial in plan.trials]
    for name in only:
        if name not in names:
            raise ValueError(f"there is no model {name!r}; known are {', '.join(names)}")
    return plan._replace(trials=tuple(t for t in plan.trials if not only or t.name in only))


def asks_judges(evaluation: EvaluationBudget) -> bool:
    """Tell whether something is measured that trained judges decide."""
    return "decoupling" in metrics_of(evaluation)


def metrics_of(evaluation: EvaluationBudget) -> list[str]:
    """Return the metrics that are measured: those of a size, or all of a comparison."""
    return list(evaluation.metrics) or [m.name for m in default_metrics(compare=True)]


def workflow_settings(plan: Plan, gan: str, version: str) -> dict[str, Any]:
    """Return what `gan/workflow/study.smk` reads: every command's options, by job.

    Parameters
    ----------
    gan
        How a job calls our commands.
    version
        Of the software: another one measures anew.
    """
    budget, first = plan.budget, plan.seeds[0]
    evaluation = budget.evaluation
    metrics = ",".join(metrics_of(evaluation))
    options = ["--metrics", metrics, "--samples", str(evaluation.samples)]
    options += ["--pairs", str(evaluation.pairs), "--seed", str(first)]
    for_judges = [line for line in evaluation.set if line.startswith("decoupling.")]
    judges = shlex.join(_set(for_judges)) or " "  # not empty: Snakemake would see no judges
    make = {"--size": budget.benchmark, "--seed": str(first)}
    return {
        "gan": gan,
        "version": version,
        "seeds": plan.suffixes(),
        "sources": {
            source.place: {
                "model": str(source.model) if source.model else None,
                "benchmark": str(source.data) if source.data else None,
                "options": shlex.join(
                    [*_words(make), "--interaction", f"{source.interaction:g}", *source.options]
                ),
            }
            for source in plan.sources
        },
        "models": {
            trial.name: {
                "verb": trial.verb,
                "options": shlex.join(trial.options),
                "data": trial.data,
                "minutes": trial.minutes,
            }
            for trial in plan.trials
        },
        "speaking": shlex.join(_words({"--size": budget.speaking, "--seed": str(first)})),
        "judges": judges if asks_judges(evaluation) else None,
        "evaluation": shlex.join([*options, *_set(evaluation.set)]),
        "figures": evaluation.figures,
        "minutes": {
            **budget.minutes.model_dump(),
            "report": budget.minutes.report + budget.minutes.figures,
            "evaluation": evaluation.minutes,
        },
    }


def _words(options: Mapping[str, str]) -> list[str]:
    return [word for pair in options.items() for word in pair]


def _set(lines: Sequence[str]) -> list[str]:
    return [word for line in lines for word in ("--set", line)]


def _check_metrics(evaluation: EvaluationBudget) -> None:
    """Refuse an unknown metric or option now, not in two hours."""
    for metric in choose_metrics(",".join(metrics_of(evaluation)), (), evaluation.set, ()):
        METRICS.build(metric.name, metric.options)


def _trial(
    name: str,
    training: TrainingBudget,
    table: Path | None,
    cut: Ablation | None = None,
    share: float = 1.0,
) -> Trial:
    name = with_share(name, share)
    title, kind = titled(name)
    if cut is not None:
        title, kind = cut.title, "ablation"
    given = [*training.set, *([cut.override] if cut is not None else [])]
    if share < 1:
        given += _fewer_labels(share, baseline=training.baseline is not None)
    if training.baseline is not None:
        config: Config | BaselineConfig = baseline_config(training.baseline, given)
        verb, options = f"baseline {training.baseline}", _set(given)
    else:
        file = _beside(training.config, table)
        config = load_config(training.preset, file, given)
        verb, options = "train", ["--preset", str(training.preset)]
        options += ["--config", str(file)] if file else []
        options += _set(given)
    return Trial(
        name, title, kind, config, training.data, training.minutes, verb, tuple(options), share
    )


def _fewer_labels(share: float, *, baseline: bool) -> list[str]:
    """Return what takes labels away; a classifier of a factor without labels would be noise."""
    if baseline:
        return [f"label_share={share:g}"]
    factor = f"factors.{LABELLED}"
    without = [f"{factor}.losses.classification=0"] if share == 0 else []
    return [f"{factor}.label_share={share:g}", *without]


def _beside(config: str | None, table: Path | None) -> Path | None:
    """Return the file of a configuration, which lies beside the table of sizes."""
    if config is None:
        return None
    if table is not None:
        return (table.parent / config).resolve()
    with as_file(files("gan.study") / config) as file:
        return file
