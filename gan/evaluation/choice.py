"""Which metrics to take, and with which options, from what a command line says."""

import tomllib
from collections.abc import Sequence
from typing import Any

from gan.errors import ConfigError
from gan.evaluation.metric import METRICS
from gan.sections import MetricConfig


def choose_metrics(
    only: str | None, more: Sequence[str], overrides: Sequence[str], usual: Sequence[MetricConfig]
) -> list[MetricConfig]:
    """Return the metrics that are taken, with their options.

    Parameters
    ----------
    only
        Names separated by commas: nothing else is taken. None: the `usual` ones.
    more
        Names of further ones, in any case.
    overrides
        METRIC.OPTION=VALUE; the value is TOML, or else a string.
    usual
        Their options hold in any case.

    Raises
    ------
    ConfigError
        `only` names none; an override is no METRIC.OPTION=VALUE, or of a metric that is not taken.
    """
    known = {metric.name: metric for metric in usual}
    names = list(known)
    if only is not None:
        names = [name.strip() for name in only.split(",") if name.strip()]
        if not names:
            raise ConfigError(f"the list of metrics is empty; known: {', '.join(sorted(METRICS))}")
    chosen = {name: known.get(name, MetricConfig(name=name)) for name in (*names, *more)}
    for override in overrides:
        name, option, value = _override(override)
        if name not in chosen:
            raise ConfigError(
                f"{override!r} sets an option of {name!r}, which is not among the metrics that "
                f"are taken: {', '.join(chosen)}"
            )
        options = {**chosen[name].options, option: value}
        chosen[name] = MetricConfig(name=name, options=options)
    return list(chosen.values())


def _override(text: str) -> tuple[str, str, Any]:
    """Take METRIC.OPTION=VALUE apart."""
    key, equals, value = text.partition("=")
    name, dot, option = key.strip().partition(".")
    if not (equals and dot and name and option):
        raise ConfigError(f"{text!r}: expected METRIC.OPTION=VALUE, as in sparse.starts=4")
    try:
        return name, option, tomllib.loads(f"value = {value.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        return name, option, value.strip()
