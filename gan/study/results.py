"""Several runs measured by the same metrics, numbers and seed, on the same data."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from gan.datasets.benchmark.transfer_pairs import side_path
from gan.datasets.store import Dataset
from gan.errors import DatasetError
from gan.evaluation.estimate import LEVEL, METHOD, RESAMPLES, SEED, Estimate
from gan.evaluation.kept import kept_in
from gan.evaluation.metric import Column, columns_of, default_metrics
from gan.evaluation.result import Evaluation
from gan.evaluation.suite import evaluate
from gan.progress import Progress, silent
from gan.provenance import source_commit
from gan.runs.opening import is_run, open_model
from gan.sections import MetricConfig
from gan.study.member import Kind, Member, apart
from gan.study.runs import RunFacts, read_facts
from gan.study.uncertainty import NORMAL, pool


@dataclass(frozen=True)
class CompareSettings:
    """What is measured, of every model alike.

    Attributes
    ----------
    n_samples, n_pairs, seed, metrics, device
        As in `gan.evaluation.evaluate`.
    fresh
        Measure again what was measured before.
    """

    n_samples: int = 1000
    n_pairs: int = 10_000
    seed: int = 0
    metrics: tuple[MetricConfig, ...] = field(default_factory=lambda: default_metrics(compare=True))
    device: torch.device | None = None
    fresh: bool = False


class Result(NamedTuple):
    """A model of the comparison: its trainings, which differ in their seeds, and their numbers."""

    name: str
    title: str
    kind: Kind
    runs: tuple[RunFacts, ...]
    evaluations: tuple[Evaluation, ...]

    def number(self, column: Column) -> tuple[Estimate | None, str]:
        """Return a number, pooled over the seeds; None, with the reason, if a seed lacks it."""
        values = list[Estimate]()
        for evaluation in self.evaluations:
            value, why = number_in(evaluation, column, column.value)
            if value is None:
                return None, why
            values.append(value)
        return pool(values), ""


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes
    ----------
    results : in the order of the members, one for each name
    dataset : name, fingerprint and number of training meshes; whose faces, and the interaction of
        identity and expression in them, where the file says so
    factors : of any of the models, those of the first before those of the next
    commit : of the software that measured, if known
    fewer : models trained with a share of the labels, which stand in no table but that of shares
    bounds : between which errors any transfer lies on this data, by what reaches them
    """

    results: tuple[Result, ...]
    dataset: dict[str, Any]
    factors: tuple[str, ...]
    settings: CompareSettings
    commit: str | None = None
    fewer: tuple[Result, ...] = ()
    bounds: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """Whose faces these are and how far they interact: no table goes without it."""
        whose, dial = self.dataset.get("source"), self.dataset.get("interaction")
        said = [str(whose)] if whose else []
        return ", ".join([*said, f"interaction {dial:g}"] if dial is not None else said)

    @property
    def evaluations(self) -> list[Evaluation]:
        """All evaluations, of all models and seeds."""
        return [evaluation for result in self.results for evaluation in result.evaluations]

    def columns(self, table: int | None = None) -> list[Column]:
        """Return the columns of the metrics that were asked for; only those of one table."""
        names = [metric.name for metric in self.settings.metrics]
        return columns_of(names, self.factors, self.evaluations, table=table)

    def result(self, name: str) -> Result | None:
        """Return the model of this name; None if it takes no part."""
        return next((result for result in self.results if result.name == name), None)

    def strangers(self) -> list[RunFacts]:
        """Return the runs that were trained on other data than they were measured on."""
        known = self.dataset.get("fingerprint")
        runs = (run for result in self.results for run in result.runs)
        return [run for run in runs if run.fingerprint not in ("", known)]

    def as_settings(self) -> dict[str, Any]:
        """Return the settings and the intervals' method as JSON values."""
        chosen = self.settings
        return {
            "samples": chosen.n_samples,
            "pairs": chosen.n_pairs,
            "seed": chosen.seed,
            "metrics": [metric.name for metric in chosen.metrics],
            "options": {m.name: m.options for m in chosen.metrics if m.options},
            "intervals": {"method": METHOD, "level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
        }


def number_in(evaluation: Evaluation, column: Column, name: str) -> tuple[Estimate | None, str]:
    """Return a value of a column's metric in an evaluation; None, with the reason, without it."""
    metric = column.metric
    if metric in evaluation.skipped:
        return None, evaluation.skipped[metric]
    if metric not in evaluation.metrics:
        return None, f"{metric} was not asked for"
    values, skipped = evaluation.metrics[metric].values, evaluation.metrics[metric].skipped
    if name in values and math.isfinite(values[name].mean):
        return values[name], ""
    if name in values:
        return None, "nothing varies that could be explained"
    nothing = "the model, or the data, has no such part"
    return None, skipped.get(name) or skipped.get(column.factor) or nothing


def compare(
    members: Sequence[Member],
    dataset: Dataset,
    settings: CompareSettings | None = None,
    *,
    progress: Progress = silent,
) -> Comparison:
    """Measure every member; members of one name are seeds of one model.

    All runs are looked at before the first is measured. Each keeps its parts in `RUN/evaluation`:
    what was measured before, by `gan evaluate` or here, is not measured again, and a comparison
    that was interrupted goes on where it was.

    Parameters
    ----------
    progress
        As in `gan.evaluation.evaluate`; stages begin with the model's title.

    Raises
    ------
    CheckpointError
        A folder is not a run, or a file in it is damaged.
    ConfigError
        A metric, or an option of one, is not known.
    DatasetError
        A model has another topology than the data set; the message names the run.
    ValueError
        There are no members.
    """
    if not members:
        raise ValueError("there is nothing to compare: name at least one run")
    settings = settings or CompareSettings()
    facts = [read_facts(member.run) for member in members]
    factors = dict.fromkeys(name for m in members for name in _check_member(m, dataset))
    groups: dict[str, list[tuple[Member, RunFacts, Evaluation]]] = {}
    for member, origin in zip(members, facts, strict=True):
        evaluation = _measure(member, origin, dataset, settings, progress)
        groups.setdefault(member.name, []).append((member, origin, evaluation))
    results = [
        Result(
            name,
            group[0][0].title,
            group[0][0].kind,
            tuple(origin for _, origin, _ in group),
            tuple(evaluation for _, _, evaluation in group),
        )
        for name, group in groups.items()
    ]
    whole = tuple(result for result in results if apart(result.name)[1] == 1)
    fewer = tuple(result for result in results if result not in whole) if whole else ()
    return Comparison(
        whole or tuple(results),
        _describe(dataset),
        tuple(factors),
        settings,
        source_commit(),
        fewer,
        read_bounds(dataset),
    )


def read_bounds(dataset: Dataset) -> dict[str, Estimate]:
    """Return what `gan data oracle` stored beside a data set; nothing if it was not asked.

    Raises
    ------
    DatasetError
        The file is damaged, or says something about other data.
    """
    path = side_path(dataset.path, "oracle").with_suffix(".json")
    if not path.exists():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        bounds = {
            str(way): Estimate(
                mean=float(e["mean"]),
                standard_error=(float(e["high"]) - float(e["low"])) / (2 * NORMAL),
                n=int(facts["transfers"]),
                low=float(e["low"]),
                high=float(e["high"]),
                unit="people",
            )
            for way, e in facts["errors_mm"].items()
        }
        made_for = facts["fingerprint"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DatasetError(f"{path} is damaged ({error!r}): delete it, or ask anew") from None
    if made_for != dataset.fingerprint:
        raise DatasetError(f"{path} is about other data: delete it, or ask anew")
    return bounds


def _describe(dataset: Dataset) -> dict[str, Any]:
    """Return what a comparison says of its data; not every file says whose faces it has."""
    source, made = dataset.provenance.get("source"), dataset.provenance.get("parameters")
    return {
        "name": dataset.path.name,
        "fingerprint": dataset.fingerprint,
        "training_meshes": len(dataset.indices("train")),
        "source": source.get("name") if isinstance(source, dict) else source,
        "interaction": made.get("interaction") if isinstance(made, dict) else None,
    }


def _measure(
    member: Member,
    origin: RunFacts,
    dataset: Dataset,
    settings: CompareSettings,
    progress: Progress,
) -> Evaluation:
    title = f"{member.title}, seed {origin.seed}"
    model, run = open_model(member.run, dataset), member.run
    kept = kept_in(run, model, dataset, fresh=settings.fresh) if is_run(run) else None
    return evaluate(
        model,
        dataset,
        n_samples=settings.n_samples,
        n_pairs=settings.n_pairs,
        seed=settings.seed,
        metrics=settings.metrics,
        device=settings.device,
        kept=kept,
        progress=lambda stage, done, total: progress(f"{title}: {stage}", done, total),
    )


def _check_member(member: Member, dataset: Dataset) -> list[str]:
    """Return the factors of a member's model, which must have the data's topology."""
    model = open_model(member.run, dataset)
    try:
        dataset.check_topology(model.faces.cpu().numpy(), where=f"the model of {member.run}")
    except DatasetError as error:
        raise DatasetError(f"{error}; leave {member.run} out, or name its own data set") from None
    return [factor.name for factor in model.factors]
