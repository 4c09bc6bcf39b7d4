"""A study under way: its folder, what it rests on, and what is there of it already."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from gan.cache import cache_folder
from gan.datasets.store import Dataset
from gan.errors import CheckpointError, DatasetError
from gan.evaluation.choice import choose_metrics
from gan.evaluation.embedding.judge import find_material, has_judge
from gan.evaluation.kept import KEPT
from gan.evaluation.metric import METRICS, Unmeasurable
from gan.evaluation.metrics.decoupling import Decoupling
from gan.models.contract import Factor
from gan.provenance import provenance
from gan.runs.checkpoints import load_model
from gan.runs.directory import pick_device
from gan.sections import MetricConfig
from gan.study.data import Sources, find_data, note_data
from gan.study.member import Member
from gan.study.plan import EVALUATE, Plan, Stage, Trial, asks_judges
from gan.study.record import FIGURES, RUNS, Record
from gan.study.sizes import Data
from gan.study.trained import Training, find_training, weights_digest

REPORT = "report.html"


class Found(NamedTuple):
    """What is there of a stage: `minutes` were spent, `left` are expected still."""

    status: Literal["done", "begun", "left"]
    minutes: float
    left: float


class Study:
    """What the stages of a study share.

    Parameters
    ----------
    folder
        Of the study; runs are in `runs/NAME`.
    record
        Of the folder; what the stages find and do is noted in it.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    threads
        Of torch on a CPU; 0: as many as cores.
    """

    def __init__(
        self,
        folder: Path,
        plan: Plan,
        sources: Sources,
        record: Record,
        *,
        device: str = "auto",
        threads: int = 0,
    ) -> None:
        self.folder, self.plan, self.sources, self.record = folder, plan, sources, record
        self.device, self.threads = device, threads
        self.versions = provenance()
        self.failed: dict[str, str] = {}  # stage -> why
        self._opened: dict[Data, Dataset] = {}
        self._training: dict[str, Training] = {}
        self._weights: dict[str, str] = {}
        pick_device(device)
        self.metrics()  # an unknown metric or option is known now, not in two hours

    def run(self, name: str) -> Path:
        """Return the folder of a model's run."""
        return self.folder / RUNS / name

    def dataset(self, which: Data) -> Dataset | None:
        """Return a data set of the study, open; None: it is still to be made."""
        if which not in self._opened:
            found = find_data(which, self.folder, self.plan, self.sources, self.record)
            if found is None:
                return None
            note_data(which, found, self.sources, self.record)
            self._opened[which] = found
        return self._opened[which]

    def needed(self, which: Data) -> Dataset:
        """Return a data set of the study; DatasetError says how to make it."""
        found = self.dataset(which)
        if found is None:
            stage = "data" if which == "benchmark" else "speaking-data"
            raise DatasetError(f"{self.folder}: no data yet: run the stage {stage} first")
        return found

    def training(self, trial: Trial) -> Training:
        """Return how far a model's training is; looked at once, until `forget`."""
        if trial.name not in self._training:
            data = self.dataset(trial.data)
            fingerprint = data.fingerprint if data else None
            found = find_training(trial, self.run(trial.name), fingerprint)
            self._training[trial.name] = found
        return self._training[trial.name]

    def weights(self, trial: Trial) -> str:
        """Return the sha256 of a trained model's file, in hex."""
        if trial.name not in self._weights:
            self._weights[trial.name] = weights_digest(self.run(trial.name))
        return self._weights[trial.name]

    def forget(self, name: str) -> None:
        """Look at a run anew: it has changed."""
        self._training.pop(name, None)
        self._weights.pop(name, None)

    def trained(self) -> list[Trial]:
        """Return the models to be compared whose training is done."""
        return [t for t in self.plan.compared() if self.training(t).status == "done"]

    def measured(self) -> list[Trial]:
        """Return those that have been measured, too, as they are now."""
        names = {s.name: s for s in self.plan.stages}
        return [
            trial
            for trial in self.trained()
            if self.is_measured(trial) or f"{EVALUATE}{trial.name}" not in names
        ]

    def members(self, trials: Sequence[Trial]) -> list[Member]:
        """Return models as members of a comparison."""
        return [Member(t.name, t.title, t.kind, self.run(t.name)) for t in trials]

    def missing(self) -> dict[str, str]:
        """Return the models that a report would lack now, and why."""
        trained, measured = self.trained(), self.measured()
        found = dict[str, str]()
        for trial in self.plan.compared():
            if trial not in trained:
                found[trial.title] = self.failed.get(trial.name, "not trained yet")
            elif trial not in measured:
                found[trial.title] = "trained, but not measured with this version"
        return found

    def is_measured(self, trial: Trial) -> bool:
        """Tell whether a trained model has been measured as it is now."""
        stage = f"{EVALUATE}{trial.name}"
        there = (self.run(trial.name) / KEPT).is_dir()
        return there and self.record.is_done(stage, self.evaluation_key(trial))

    def evaluation_key(self, trial: Trial) -> dict[str, Any]:
        """Return all that the measurement of a model depends on."""
        budget = self.plan.budget.evaluation.model_dump(exclude={"minutes"})
        return {"weights": self.weights(trial), **self._common, **budget}

    def figures_key(self) -> dict[str, Any]:
        """Return all that the figures depend on."""
        shown = {trial.name: self.weights(trial) for trial in self.trained()}
        for trial in self.plan.trials:
            if trial.data == "speaking" and self.training(trial).status == "done":
                shown[trial.name] = self.weights(trial)
        measured = {trial.name: self.evaluation_key(trial) for trial in self.measured()}
        return {"models": shown, "measured": measured, **self._common}

    def report_key(self) -> dict[str, Any]:
        """Return all that the report depends on."""
        return {"missing": self.missing(), **self.figures_key()}

    @property
    def _common(self) -> dict[str, Any]:
        software = {key: self.versions.get(key) for key in ("meshkit-gan", "commit")}
        fingerprint = self.needed("benchmark").fingerprint
        return {"software": software, "dataset": fingerprint, "seed": self.plan.seed}

    def metrics(self) -> list[MetricConfig]:
        """Return what is measured of every model."""
        budget = self.plan.budget.evaluation
        overrides = list(budget.set)
        if asks_judges(budget):
            overrides.append(f'decoupling.device="{self.device}"')
        metrics = choose_metrics(",".join(budget.metrics), (), overrides, ())
        for metric in metrics:
            METRICS.build(metric.name, metric.options)
        return metrics

    @cached_property
    def judging(self) -> Decoupling:
        """The metric that asks the judges."""
        options = next(m.options for m in self.metrics() if m.name == "decoupling")
        built = METRICS.build("decoupling", options)
        assert isinstance(built, Decoupling)
        return built

    def judged_factors(self) -> tuple[Factor, ...]:
        """Return the factors that judges are asked about: those of any trained model."""
        trained = self.trained()
        if not trained:
            raise CheckpointError(f"{self.folder}: no model is trained yet: nothing to judge")
        return tuple(load_model(self.run(trained[0].name)).factors)

    def find(self, stage: Stage) -> Found:
        """Return what is there of a stage.

        Raises
        ------
        CheckpointError, DatasetError
            What is there is not the study's, or damaged.
        """
        kind, name = stage.kind, stage.name
        minutes = float(self.record.stages.get(name, {}).get("minutes", 0.0))
        left = Found("left", minutes, stage.minutes)
        done = Found("done", minutes, 0.0)
        if kind == "training":
            return self._find_training(stage)
        if kind == "data":
            which: Data = "benchmark" if name == "data" else "speaking"
            return done if self.dataset(which) is not None else left
        if self.dataset("benchmark") is None or not self.trained():
            return left
        if kind == "judges":
            return done if self._has_judges() else left
        if kind == "evaluation":
            trial = self.plan.trial(name.removeprefix(EVALUATE))
            known = trial in self.trained() and self.is_measured(trial)
        elif kind == "figures":
            known = self.record.is_done(name, self.figures_key())
            known = known and (self.folder / FIGURES).is_file()
        else:
            known = self.record.is_done(name, self.report_key())
            known = known and (self.folder / REPORT).is_file()
        return done if known else left

    def _find_training(self, stage: Stage) -> Found:
        found = self.training(self.plan.trial(stage.name))
        if found.status == "done":
            return Found("done", found.minutes, 0.0)
        left = max(0.0, stage.minutes - found.minutes)
        if found.step and found.minutes:
            left = min(found.minutes * (found.steps / found.step - 1), max(left, stage.minutes))
        return Found("left" if found.status == "new" else "begun", found.minutes, left)

    def _has_judges(self) -> bool:
        data, settings = self.needed("benchmark"), self.judging.settings
        for factor in self.judged_factors():
            try:
                find_material(data, factor.name)
            except Unmeasurable:
                continue
            if not has_judge(data, factor.name, settings, cache_folder()):
                return False
        return True
