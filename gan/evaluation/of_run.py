"""A run measured, with what was measured before kept in it; which metrics to take."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gan.datasets.store import Dataset
from gan.errors import ConfigError
from gan.evaluation.kept import KeptParts, model_fingerprint
from gan.evaluation.metric import METRICS, Progress, silent
from gan.evaluation.result import Evaluation
from gan.evaluation.suite import BASIC, Watcher, evaluate
from gan.models.contract import FaceGenerator
from gan.sections import MetricConfig

KEPT = "evaluation"  # folder of a run


def evaluate_run(
    run: Path,
    model: FaceGenerator,
    dataset: Dataset,
    *,
    n_samples: int = 1000,
    n_pairs: int = 10_000,
    seed: int = 0,
    metrics: Sequence[MetricConfig] = (),
    basic: Sequence[str] = tuple(BASIC),
    fresh: bool = False,
    watch: Watcher = lambda stage: None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure the model of a run as `evaluate` does; keep the parts in `RUN/evaluation`.

    A run that cannot be written to is measured all the same, and nothing is kept.

    Parameters
    ----------
    fresh : compute anew what was computed before.
    """
    on = {"model": model_fingerprint(model), "dataset": dataset.fingerprint}
    kept = KeptParts(run / KEPT if os.access(run, os.W_OK) else None, on, fresh=fresh)
    return evaluate(
        model,
        dataset,
        n_samples=n_samples,
        n_pairs=n_pairs,
        seed=seed,
        metrics=metrics,
        basic=basic,
        kept=kept,
        watch=watch,
        progress=progress,
    )


def choose_metrics(
    only: str | None,
    names: Sequence[str],
    overrides: Sequence[str],
    configured: Mapping[str, MetricConfig],
) -> tuple[tuple[str, ...], list[MetricConfig]]:
    """Return the basic metrics and the further ones.

    Parameters
    ----------
    only
        Names separated by commas: nothing else is taken. None: all basic ones and `configured`.
    names
        Further ones, in any case.
    overrides
        METRIC.OPTION=VALUE; the value is TOML, or else a string.

    Raises
    ------
    ConfigError
        `only` names none; an override is no METRIC.OPTION=VALUE, or of a metric that is not taken.
    """
    basic, wanted = tuple(BASIC), [*names, *configured]
    if only is not None:
        listed = [name.strip() for name in only.split(",") if name.strip()]
        if not listed:
            raise ConfigError("--metrics names none; known: " + ", ".join([*BASIC, *METRICS]))
        basic = tuple(name for name in BASIC if name in listed)
        wanted = [*(name for name in listed if name not in BASIC), *names]
    chosen = {name: configured.get(name, MetricConfig(name=name)) for name in wanted}
    for override in overrides:
        name, option, value = _override(override)
        if name not in chosen:
            listed_ones = ", ".join(chosen) or "none that has options"
            raise ConfigError(f"--set {override!r}: {name!r} is not taken; taken: {listed_ones}")
        options = {**chosen[name].options, option: value}
        chosen[name] = MetricConfig(name=name, options=options)
    return basic, list(chosen.values())


def _override(text: str) -> tuple[str, str, Any]:
    """Take METRIC.OPTION=VALUE apart."""
    key, equals, value = text.partition("=")
    name, dot, option = key.strip().partition(".")
    if not (equals and dot and name and option):
        raise ConfigError(f"--set {text!r}: expected METRIC.OPTION=VALUE, as in sparse.starts=4")
    try:
        return name, option, tomllib.loads(f"value = {value.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return name, option, value.strip()
